"""Make DataFrames, and import pandas only for that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame


def data_frame(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> DataFrame:
    """Return a DataFrame; widen pandas' text output, so that it doesn't elide columns."""
    import pandas as pd

    pd.set_option("display.width", 120, "display.max_columns", 20)
    frame: DataFrame = pd.DataFrame(list(rows), columns=list(columns))
    return frame
