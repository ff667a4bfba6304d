"""Take a DataFrame apart into named columns, whichever library it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import FrameError

ACCEPTED = "Pass a pandas DataFrame, a polars DataFrame or a pyarrow Table."


@dataclass(frozen=True)
class Incoming:
    """A column to write.

    Attributes:
        name: Its name in the DataFrame.
        cells: Its values, a pandas Series or a pyarrow ChunkedArray.

    """

    name: str
    cells: Any


def columns_of(df: Any, index: bool | None) -> tuple[list[Incoming], int]:
    """Return the columns to write, and the number of rows.

    Args:
        df: What to write.
        index: True to write a pandas index, False to leave it out, None to write it if it has
            a name.

    Raises:
        FrameError: It isn't a DataFrame, or its columns can't be matched by name.

    """
    import pandas as pd

    if isinstance(df, pd.DataFrame):
        columns = _of_pandas(df, index)
    elif index:
        what = f"index=True is given for {_kind(df)}."
        raise FrameError(what, "Only a pandas DataFrame has an index.")
    else:
        df = _as_arrow(df)
        columns = list(zip(df.column_names, df.columns, strict=True))
    _check_names([name for name, _ in columns])
    return [Incoming(name, cells) for name, cells in columns], len(df)


def _of_pandas(df: Any, index: bool | None) -> list[tuple[Any, Any]]:
    if df.columns.nlevels > 1:
        what = f"The DataFrame's columns have {df.columns.nlevels} levels."
        do = 'Join them to one name each: df.columns = ["_".join(name) for name in df.columns].'
        raise FrameError(what, "A table's columns have one name each.", do)
    own = [(name, df.iloc[:, number]) for number, name in enumerate(df.columns)]
    return [*_of_index(df.index, index), *own]


def _of_index(index: Any, wanted: bool | None) -> list[tuple[Any, Any]]:
    """Return the index as columns, or none; raise FrameError if values would be lost silently."""
    import pandas as pd

    unnamed = [number for number, name in enumerate(index.names) if name is None]
    only_positions = index.nlevels == 1 and pd.api.types.is_integer_dtype(index.dtype)
    if wanted is False or (wanted is None and unnamed and only_positions):
        return []
    if unnamed:
        level = f"Level {unnamed[0]} of the index" if index.nlevels > 1 else "The index"
        raise FrameError(
            f"{level} has no name, so it matches no column.",
            "" if wanted else f"It isn't a row number either: its dtype is {index.dtype}.",
            "Name it with df.rename_axis(...), or pass index=False to leave it out.",
        )
    levels = range(index.nlevels)
    return [(index.names[level], pd.Series(index.get_level_values(level))) for level in levels]


def _as_arrow(df: Any) -> Any:
    """Return a pyarrow Table of anything that exports one, such as a polars DataFrame."""
    is_frame = hasattr(df, "__arrow_c_stream__") and not hasattr(df, "name")  # a Series has one
    if isinstance(df, type) or not is_frame:
        do = "Call collect() first." if hasattr(df, "collect") else ACCEPTED
        raise FrameError(f"{_kind(df).capitalize()} can't be written.", "", do)
    try:
        import pyarrow as pa
    except ImportError:
        do = "Install pyarrow, or pass a pandas DataFrame."
        raise FrameError(f"{_kind(df).capitalize()} needs pyarrow.", "", do) from None
    for name, kind in getattr(df, "schema", {}).items() if hasattr(df, "get_columns") else ():
        if str(kind) == "Object":  # polars exports the addresses of these
            what = f"The column {name} contains Python objects."
            raise FrameError(what, "polars can't convert them.", "Cast it to another type.")
    try:
        return pa.table(df)
    except Exception as error:  # each library raises its own
        raise _formless(df, type(error).__name__, pa.table) from None


def _formless(df: Any, error: str, convert: Callable[[Any], Any]) -> FrameError:
    """Return an error that names the column, if the library can select one."""
    why = f"{type(df).__module__.partition('.')[0]} raises {error}."
    for name in getattr(df, "columns", ()) if hasattr(df, "get_columns") else ():
        try:
            convert(df.select(name))
        except Exception:
            what = f"The column {name} has no Arrow form: its type is {df[name].dtype}."
            do = "Cast it to another type, such as Decimal or String."
            return FrameError(what, why, do)
    return FrameError(f"{_kind(df).capitalize()} has no Arrow form.", why, ACCEPTED)


def _check_names(names: Sequence[Any]) -> None:
    if not names:
        raise FrameError("The DataFrame has no columns.", "So there's nothing to write.")
    for position, name in enumerate(names):
        if not isinstance(name, str):
            raise FrameError(
                f"Column {position} of the DataFrame is named {_shown(name)}, not by a string.",
                "Columns are matched with the table's by name.",
                'Name them: df.columns = ["name", ...].',
            )
    if double := sorted(name for name, count in Counter(names).items() if count > 1):
        what = f"The DataFrame has more than one column named {', '.join(double)}."
        raise FrameError(what, "Only one of them can be written.", "Drop or rename the others.")


def _shown(name: object) -> str:
    return str(name) if isinstance(name, int) else f"by a {type(name).__name__}"


def _kind(value: object) -> str:
    module, name = type(value).__module__.partition(".")[0], type(value).__name__
    return f"a {name}" if module == "builtins" else f"a {module} {name}"
