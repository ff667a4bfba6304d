"""Tables and queries as dataframes: what `pandas.read_sql` gives, near the speed of the wire.

    from tutorial_lib import frames
    frames.read("users", engine)
    frames.read("SELECT name FROM users WHERE id = :id", engine, id=1)

This package knows nothing of lessons; with db.py and errors.py it can be lifted into an
application as it is. pandas and pyarrow are imported by the first read.
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
    what: object,
    con: Bind | None = None,
    /,
    *,
    session: Bind | None = None,
    chunks: None = None,
    dtype_backend: Backend = None,
    params: Params = None,
    **values: Any,
) -> pd.DataFrame: ...


@overload
def read(
    what: object,
    con: Bind | None = None,
    /,
    *,
    session: Bind | None = None,
    chunks: int,
    dtype_backend: Backend = None,
    params: Params = None,
    **values: Any,
) -> Iterator[pd.DataFrame]: ...


def read(
    what: object,
    con: Bind | None = None,
    /,
    *,
    session: Bind | None = None,
    chunks: int | None = None,
    dtype_backend: Backend = None,
    params: Params = None,
    **values: Any,
) -> pd.DataFrame | Iterator[pd.DataFrame]:
    """All rows of a table or a query, with the values and dtypes of `pandas.read_sql`.

    what           a table's name (`users`, `shop.users`), a mapped class, a select(), or SQL
                   text with parameters (`:name`)
    con, session   an engine, a connection or a session, as one likes to call it; without,
                   what SessionLocal is bound to. A session or connection that is in a
                   transaction sees its own uncommitted rows (they are flushed), temporary
                   tables and search_path; an engine gives a snapshot of what is committed
    chunks         rows a dataframe, instead of all in one; gives an iterator, which holds the
                   connection until it is exhausted or closed
    dtype_backend  "pyarrow" for columns backed by Arrow: whole numbers stay whole, numeric
                   stays exact, json, uuid and arrays stay text; "numpy_nullable" as in pandas
    values         of the query's parameters, by name; `params` takes those whose names are
                   options here

    Nothing is changed, and no lock or transaction of the read outlasts it.

    Raises FrameError for what is no query, for a table, column or parameter that does not
    exist, and for a driver other than psycopg2; SQLAlchemy's errors for all else that the
    server refuses.
    """
    if con is not None and session is not None:
        raise FrameError("There are two connections.", "con and session mean the same here.")
    if chunks is not None and chunks < 1:
        raise FrameError(f"chunks is {chunks}.", "It is a number of rows, at least 1.")
    if dtype_backend not in (None, "pyarrow", "numpy_nullable"):
        why = "It is 'pyarrow', 'numpy_nullable' or None."
        raise FrameError(f"dtype_backend is {dtype_backend!r}.", why)
    bind = next((each for each in (con, session) if each is not None), None)
    request = Request(statement_of(what), {**(params or {}), **values}, chunks, dtype_backend)
    found = read_frames(request, SessionLocal() if bind is None else bind)
    if chunks is not None:
        return found
    (frame,) = found
    return frame
