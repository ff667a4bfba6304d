"""Make DataFrames, and import pandas only for that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame, Series


def data_frame(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> DataFrame:
    """Return a DataFrame; widen pandas' text output, so that it doesn't elide columns."""
    import pandas as pd

    pd.set_option("display.width", 120, "display.max_columns", 20)
    frame: DataFrame = pd.DataFrame(list(rows), columns=list(columns), dtype=object)
    return frame.apply(_inferred) if len(frame.columns) else frame


def _inferred(column: Series[Any]) -> Series[Any]:
    """Infer a column's dtype, unless integers beside None would become floats."""
    if any(one is None for one in column) and any(isinstance(one, int) for one in column):
        return column
    return column.infer_objects()
