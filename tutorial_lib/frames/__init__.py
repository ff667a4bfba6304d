"""Read tables and queries into DataFrames, and write DataFrames into tables.

    from tutorial_lib import frames
    frames.read("users", engine)
    frames.read("SELECT name FROM users WHERE id = :id", engine, id=1)

The first read or write imports pandas and pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from ..arguments import checked
from ..connections import Bind, is_bind, source_of
from ..db import SessionLocal
from ..errors import FrameError
from .bound import bound, parameters_of
from .dispatch import Request, read_frames
from .options import columns_of, database_of, options_of
from .query import statement_of
from .writing import write

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["read", "write"]

Backend = Literal["pyarrow", "numpy_nullable"] | None
Params = Mapping[str, Any] | None

USAGE = "Pass the query, then con, and the rest by name: frames.read(query, con, chunks=1000)."
_CON = "Pass the engine as con: frames.read(query, con). {}"
_IN_PARAMS = "If it's a parameter of the query, pass it in params={{{!r}: ...}}."
REFUSED = {
    **{
        name: _CON.format(_IN_PARAMS.format(name))
        for name in ("engine", "bind", "connection", "conn")
    },
    **{name: f"{USAGE} {_IN_PARAMS.format(name)}" for name in ("sql", "table_name")},
}


# What else `read` takes is in `options` here: the names decide which type is returned.
@overload
def read(
    query: object,
    /,
    con: Bind | None = None,
    *,
    to: Literal["pandas"] = "pandas",
    chunks: None = None,
    chunksize: None = None,
    **options: Any,
) -> pd.DataFrame: ...


@overload
def read(
    query: object,
    /,
    con: Bind | None = None,
    *,
    to: Literal["pandas"] = "pandas",
    chunks: int,
    **options: Any,
) -> Iterator[pd.DataFrame]: ...


@overload
def read(
    query: object,
    /,
    con: Bind | None = None,
    *,
    to: Literal["pandas"] = "pandas",
    chunksize: int,
    **options: Any,
) -> Iterator[pd.DataFrame]: ...


@overload
def read(
    query: object,
    /,
    con: Bind | None = None,
    *,
    to: Literal["arrow"],
    chunks: None = None,
    chunksize: None = None,
    **options: Any,
) -> pa.Table: ...


@overload
def read(
    query: object,
    /,
    con: Bind | None = None,
    *,
    to: Literal["arrow"],
    chunks: int,
    **options: Any,
) -> Iterator[pa.Table]: ...


@overload
def read(
    query: object,
    /,
    con: Bind | None = None,
    *,
    to: Literal["arrow"],
    chunksize: int,
    **options: Any,
) -> Iterator[pa.Table]: ...


@overload
def read(
    query: object,
    /,
    con: Bind | None = None,
    *,
    to: Literal["polars"],
    chunks: None = None,
    chunksize: None = None,
    **options: Any,
) -> pl.DataFrame: ...


@overload
def read(
    query: object,
    /,
    con: Bind | None = None,
    *,
    to: Literal["polars"],
    chunks: int,
    **options: Any,
) -> Iterator[pl.DataFrame]: ...


@overload
def read(
    query: object,
    /,
    con: Bind | None = None,
    *,
    to: Literal["polars"],
    chunksize: int,
    **options: Any,
) -> Iterator[pl.DataFrame]: ...


@checked(FrameError, USAGE, REFUSED)
def read(
    query: object,
    /,
    con: Bind | None = None,
    *,
    session: Bind | None = None,
    chunks: int | None = None,
    chunksize: int | None = None,
    params: Params = None,
    schema: str | None = None,
    columns: Sequence[str] | None = None,
    index_col: str | Sequence[str] | None = None,
    parse_dates: Any = None,
    dtype: Any = None,
    coerce_float: bool = True,
    dtype_backend: Backend = None,
    to: str = "pandas",
    **values: Any,
) -> Any:
    """Read a table or a query into a DataFrame with `pandas.read_sql`'s values and dtypes.

    The transaction is read-only. No lock and no transaction remains after the read.

    Args:
        query: A table's name (`users`, `shop.users`), a mapped class, a `select()`, or SQL
            with parameters (`:name`).
        con: An engine, a connection, a session, a sessionmaker or a database URL; by default
            what SessionLocal is bound to. An engine reads a snapshot of the committed rows. A
            connection or session that's in a transaction sees its own uncommitted rows (a
            session is flushed first), its temporary tables and its search_path.
        session: The same as `con`, for code that reads better with this name.
        chunks: Rows per DataFrame. Returns an iterator, which holds the connection until it's
            exhausted or closed.
        chunksize: The same as `chunks`, under the name that pandas has for it.
        params: Values of parameters whose names are also names of arguments here.
        schema: The schema of a table that's given by its name.
        columns: The columns of a table to read; by default all.
        index_col: The column or columns that become the index.
        parse_dates: Columns to parse as dates: a list of names, or a dict with a format or
            arguments of `pandas.to_datetime` for each.
        dtype: A dtype, or a dict of dtypes by column, for `DataFrame.astype`.
        coerce_float: False to keep numeric as exact Decimal objects instead of float64.
        dtype_backend: "pyarrow" for Arrow-backed columns: integers stay integers with NULLs,
            numeric stays exact, and json, uuid and arrays are strings. "numpy_nullable" as in
            pandas.
        to: "arrow" for a pyarrow.Table, "polars" for a polars.DataFrame. Their types follow
            PostgreSQL's and depend only on the query. The options from `index_col` to
            `dtype_backend` are for pandas only.
        values: Values of the query's parameters, by name. A list fits `IN :ids` and
            `= ANY(:ids)`; Series, arrays and scalars of NumPy, pandas and pyarrow are
            converted, and their missing values are NULL.

    Returns:
        A DataFrame, or a Table with `to="arrow"`; with `chunks`, an iterator of at least one.

    Raises:
        FrameError: The call makes no sense, `query` isn't a query, a table, column or
            parameter doesn't exist, or the driver is neither psycopg2 nor psycopg 3.
        sqlalchemy.exc.DBAPIError: The server or the driver reports any other error.

    """
    if is_bind(query):
        raise FrameError("The first argument is a database, not a query.", "", USAGE)
    bind, name = database_of(SessionLocal if con is None else con, session)
    options = options_of(
        chunks=chunks,
        chunksize=chunksize,
        dtype_backend=dtype_backend,
        coerce_float=coerce_float,
        index_col=index_col,
        parse_dates=parse_dates,
        dtype=dtype,
        to=to,
    )
    statement = statement_of(query, schema, columns_of(columns, options.index_col))
    request = Request(*bound(statement, parameters_of(params, values)), options)
    found = read_frames(request, source_of(bind, FrameError, name, clause=statement))
    return found if options.chunks is not None else list(found).pop()
