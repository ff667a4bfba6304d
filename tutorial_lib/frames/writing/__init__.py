"""Write a DataFrame's rows into a table: match its columns, encode its values, send them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from ...arguments import checked
from ...connections import Bind, is_bind
from ...db import SessionLocal
from ...errors import FrameError
from ..options import database_of

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

USAGE = "Pass the DataFrame, the table, con, and the rest by name: frames.write(df, 'users', con)."
_CON = "Pass the engine as con: frames.write(df, table, con)."
_TABLE = "Pass the table as the second argument: frames.write(df, 'users', con)."
_NEVER = "Leave it out: frames.write always appends, and never creates or replaces a table."
_TYPES = "Leave it out: values are converted to the types of the table's columns."
REFUSED = {
    **dict.fromkeys(("engine", "bind", "connection", "conn"), _CON),
    **dict.fromkeys(("name", "table_name"), _TABLE),
    **dict.fromkeys(("if_exists", "if_table_exists"), _NEVER),
    **dict.fromkeys(("dtype", "dtypes"), _TYPES),
    **dict.fromkeys(("method", "chunksize", "chunks"), "Leave it out: rows are always streamed."),
    "index_label": "Name the index: df.rename_axis('id').",
}


@checked(FrameError, USAGE, REFUSED)
def write(
    df: pd.DataFrame | pl.DataFrame | pa.Table,
    table: object,
    con: Bind = SessionLocal,
    *,
    session: Bind | None = None,
    schema: str | None = None,
    on_conflict: Literal["nothing", "update"] | None = None,
    key: str | Sequence[str] | None = None,
    index: bool | None = None,
) -> int:
    """Append a DataFrame's rows to a table with COPY: all of them, or none.

    Columns are matched by name. A column that the DataFrame doesn't have gets its default. No row
    is sent unless the columns match. The table is never created or replaced. Missing values are
    written as NULL; in a pandas column with a NumPy dtype, they include NaN.

    Args:
        df: A pandas DataFrame, a polars DataFrame or a pyarrow Table.
        table: A table's name (`users`, `shop.users`), a Table or a mapped class. The types of a
            Table or a class are applied, such as one that hashes passwords.
        con: An engine, a connection, a session, a sessionmaker or a database URL; by default
            what SessionLocal is bound to. With a session, or a connection that's in a
            transaction, the rows are part of that transaction, and you commit it. Otherwise,
            the rows are committed.
        session: The same as `con`, for code that reads better with this name.
        schema: The schema of a table that's given by its name.
        on_conflict: "nothing" skips a row whose key already exists; "update" overwrites the
            existing row's columns with the DataFrame's. By default, it's an error.
        key: The key for `on_conflict`: the name of a constraint or unique index, or a list of
            columns. By default, "nothing" considers every key, and "update" the primary key.
        index: Whether to write the index of a pandas DataFrame, under its name or names. By
            default, it's written if it has a name.

    Returns:
        The number of rows that were inserted or updated.

    Raises:
        WriteError: A row violates a constraint, or has a value that doesn't fit. The error
            has the row's position if it's known, and never shows a value.
        FrameError: The table doesn't exist, the columns don't match, or the call makes no sense.
        sqlalchemy.exc.DBAPIError: The server reports any other error, such as a lock timeout.

    """
    from .writer import Request, write_frame

    if is_bind(df) or (is_bind(table) and not isinstance(table, str)):
        raise FrameError("A database was passed instead of a DataFrame or a table.", "", USAGE)
    bind, name = database_of(con, session)
    return write_frame(Request(df, table, bind, schema, on_conflict, key, index), name)
