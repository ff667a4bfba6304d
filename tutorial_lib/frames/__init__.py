"""Read tables and queries into DataFrames, like `pandas.read_sql` but several times faster.

    from tutorial_lib import frames
    frames.read("users", engine)
    frames.read("SELECT name FROM users WHERE id = :id", engine, id=1)

The first read imports pandas and pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from ..db import SessionLocal
from ..errors import FrameError
from .dispatch import Request, read_frames
from .query import statement_of
from .readonly import Bind

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read"]

Backend = Literal["pyarrow", "numpy_nullable"] | None
Params = Mapping[str, Any] | None


@overload
def read(
    query: object,
    /,
    con: Bind | None = None,
    *,
    session: Bind | None = None,
    chunks: None = None,
    dtype_backend: Backend = None,
    params: Params = None,
    **values: Any,
) -> pd.DataFrame: ...


@overload
def read(
    query: object,
    /,
    con: Bind | None = None,
    *,
    session: Bind | None = None,
    chunks: int,
    dtype_backend: Backend = None,
    params: Params = None,
    **values: Any,
) -> Iterator[pd.DataFrame]: ...


def read(
    query: object,
    /,
    con: Bind | None = None,
    *,
    session: Bind | None = None,
    chunks: int | None = None,
    dtype_backend: Backend = None,
    params: Params = None,
    **values: Any,
) -> pd.DataFrame | Iterator[pd.DataFrame]:
    """Read a table or a query into a DataFrame with `pandas.read_sql`'s values and dtypes.

    The transaction is read-only. No lock and no transaction remains after the read.

    Args:
        query: A table's name (`users`, `shop.users`), a mapped class, a `select()`, or SQL
            with parameters (`:name`).
        con: An engine, a connection or a session; by default what SessionLocal is bound to.
            An engine reads a snapshot of the committed rows. A connection or session that's
            in a transaction sees its own uncommitted rows (a session is flushed first), its
            temporary tables and its search_path.
        session: The same as `con`, for code that reads better with this name.
        chunks: Rows per DataFrame. Returns an iterator, which holds the connection until it's
            exhausted or closed.
        dtype_backend: "pyarrow" for Arrow-backed columns: integers stay integers with NULLs,
            numeric stays exact, and json, uuid and arrays are strings. "numpy_nullable" as in
            pandas.
        params: Values of parameters whose names are also names of arguments here.
        values: Values of the query's parameters, by name.

    Raises:
        FrameError: `query` isn't a query, a table, column or parameter doesn't exist, or the
            driver isn't psycopg2.
        sqlalchemy.exc.DBAPIError: The server reports any other error.

    """
    if con is not None and session is not None:
        raise FrameError("Both con and session are given.", "They mean the same: pass one.")
    if chunks is not None and chunks < 1:
        raise FrameError(f"chunks is {chunks}.", "It must be a number of rows, at least 1.")
    if dtype_backend not in (None, "pyarrow", "numpy_nullable"):
        why = "It must be 'pyarrow', 'numpy_nullable' or None."
        raise FrameError(f"dtype_backend is {dtype_backend!r}.", why)
    bind = next((each for each in (con, session) if each is not None), None)
    request = Request(statement_of(query), {**(params or {}), **values}, chunks, dtype_backend)
    found = read_frames(request, SessionLocal() if bind is None else bind)
    if chunks is not None:
        return found
    (frame,) = found
    return frame
