"""What a read returns: pandas' DataFrames, Arrow's Tables, or polars' DataFrames."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..errors import FrameError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from .columns import Column

    Assemble = Callable[[Sequence[Column], Sequence[str]], Any]

PACKAGES = {"pandas": (), "arrow": ("pyarrow",), "polars": ("pyarrow", "polars")}


def check_packages(to: str) -> None:
    """Raise FrameError if a package is missing that an output needs."""
    missing = [name for name in PACKAGES[to] if not find_spec(name)]
    if missing:
        raise FrameError(
            f'to="{to}" needs {" and ".join(missing)}, which isn\'t installed.',
            f"Run pip install {' '.join(missing)}.",
        )


def assembler(to: str) -> Assemble:
    """Return the function that combines columns."""
    return {"pandas": _pandas_of, "arrow": _arrow_of, "polars": _polars_of}[to]


def _pandas_of(columns: Sequence[Column], names: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    arrays = [column.array() for column in columns]
    frame = pd.DataFrame(dict(enumerate(arrays)), index=range(len(arrays[0])), copy=False)
    frame.columns = pd.Index(names)
    return frame


def _arrow_of(columns: Sequence[Column], names: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_arrays([column.array() for column in columns], list(names))


def _polars_of(columns: Sequence[Column], names: Sequence[str]) -> Any:
    return _polars_of_arrow(_arrow_of(columns, names))


def _polars_of_arrow(table: pa.Table) -> Any:
    import polars as pl

    names = table.column_names
    if twice := next((name for name in names if names.count(name) > 1), None):
        what = f"The result has {names.count(twice)} columns {twice!r}."
        raise FrameError(what, "polars needs different names.", "Rename one of them: AS ...")
    return pl.from_arrow(table, rechunk=False)


def without_columns(rows: int, to: str) -> Any:
    """Return rows that have no columns, as of `SELECT FROM users`; pandas has no such rows."""
    import pyarrow as pa

    batch = pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
    table = pa.Table.from_batches([batch])
    return table if to == "arrow" else _polars_of_arrow(table)


def of_pandas(frame: pd.DataFrame, to: str) -> Any:
    """Convert what pandas has read: the text of SHOW and EXPLAIN."""
    if to == "pandas":
        return frame
    import pyarrow as pa

    texts = {
        str(name): [each if isinstance(each, str) else json.dumps(each) for each in frame[name]]
        for name in frame.columns
    }
    table = pa.table(texts, pa.schema([(name, pa.string()) for name in texts]))
    return table if to == "arrow" else _polars_of_arrow(table)
