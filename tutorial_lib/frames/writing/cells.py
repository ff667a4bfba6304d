"""Read the values of a DataFrame's column, in pieces of a few thousand rows."""

from __future__ import annotations

from typing import Any

from .incoming import Incoming


def objects(incoming: Incoming, start: int, stop: int) -> list[Any]:
    """Return values as Python objects; what's missing is None."""
    import pandas as pd

    if not isinstance(incoming.cells, pd.Series):
        return list(incoming.cells.slice(start, stop - start).to_pylist())
    part = incoming.cells.iloc[start:stop]
    values = part.astype(object).to_numpy()
    missing = part.isna().to_numpy()
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]


def arrow(incoming: Incoming, start: int, stop: int) -> Any:
    """Return values as an Arrow array, or None if Arrow has no type for them."""
    import pandas as pd
    import pyarrow as pa

    cells = incoming.cells
    if not isinstance(cells, pd.Series):
        return _combined(cells.slice(start, stop - start))
    part = cells.iloc[start:stop]
    kind = None
    if part.dtype == object:
        if pd.api.types.infer_dtype(part, skipna=True) != "string":
            return None  # Arrow's guesses aren't safe, such as for documents
        kind = pa.large_string()
    try:
        return _combined(pa.array(part, kind, from_pandas=True))
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None


def _combined(cells: Any) -> Any:
    import pyarrow as pa

    return cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
