"""Check the options of a read, most of which are those of `pandas.read_sql`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..arguments import count
from ..db import SessionLocal
from ..errors import FrameError
from .outputs import check_packages
from .suggestions import near, similar

NAMES = (
    *("con", "session", "params", "chunks", "chunksize", "schema", "columns"),
    *("index_col", "parse_dates", "dtype", "coerce_float", "dtype_backend", "to"),
)
# What other functions call it.
OTHER_NAMES = {
    **dict.fromkeys(("batch_size", "batchsize", "iter_batches"), "chunks"),
    **dict.fromkeys(("uri", "url", "db", "database"), "con"),
    **dict.fromkeys(("usecols", "select"), "columns"),
    **{"index": "index_col", "dtypes": "dtype", "backend": "dtype_backend"},
}
TO = ("pandas", "arrow", "polars")
BACKENDS = ("pyarrow", "numpy_nullable")
# The drivers take the number of rows to fetch as a C integer.
MOST_ROWS = 2**31 - 1


@dataclass(frozen=True)
class Options:
    """What the DataFrames look like.

    Attributes:
        chunks: Rows per DataFrame; None for one DataFrame.
        backend: pandas' dtype_backend.
        coerce_float: Whether numeric becomes float64; otherwise, Decimal objects.
        index_col: Columns that become the index.
        parse_dates: Columns to parse as dates, each with its format, or arguments of
            `pandas.to_datetime`, or None.
        dtype: A dtype, or dtypes by column.
        to: What is returned; one of TO.

    """

    chunks: int | None = None
    backend: str | None = None
    coerce_float: bool = True
    index_col: tuple[str, ...] = ()
    parse_dates: Mapping[str, Any] | None = None
    dtype: Any = None
    to: str = "pandas"

    @property
    def reshape(self) -> bool:
        """Whether the DataFrame that was read has to be changed."""
        return bool(self.index_col or self.parse_dates or self.dtype is not None)

    def check_columns(self, names: Iterable[str]) -> None:
        """Raise FrameError if an option names a column that the result doesn't have."""
        known = list(names)
        dtypes = self.dtype if isinstance(self.dtype, Mapping) else {}
        given = {
            "index_col": self.index_col,
            "parse_dates": self.parse_dates or (),
            "dtype": dtypes,
        }
        for option, columns in given.items():
            for name in columns:
                if name not in known:
                    what = f"The result has no column {name!r}, which {option}= names."
                    raise FrameError(what, similar(str(name), known))
        for name in self.index_col:
            if known.count(name) > 1:
                what = f"The result has {known.count(name)} columns {name!r}."
                raise FrameError(what, "index_col= needs one.", "Rename one of them: AS ...")


def options_of(
    *,
    chunks: object,
    chunksize: object,
    dtype_backend: object,
    coerce_float: object,
    index_col: object,
    parse_dates: object,
    dtype: object,
    to: object,
) -> Options:
    """Return the options that are given; raise FrameError for one that makes no sense."""
    if chunks is not None and chunksize is not None:
        raise FrameError("Both chunks and chunksize are given.", "They mean the same: pass one.")
    name, rows = ("chunks", chunks) if chunksize is None else ("chunksize", chunksize)
    if not (
        dtype_backend is None or (isinstance(dtype_backend, str) and dtype_backend in BACKENDS)
    ):
        why = "It must be 'pyarrow', 'numpy_nullable' or None."
        raise FrameError(f"dtype_backend is {_shown(dtype_backend)}.", why)
    if not (isinstance(coerce_float, int) and coerce_float in (True, False)):
        what = f"coerce_float is {_shown(coerce_float)}."
        raise FrameError(what, "It must be True or False.", "False keeps numeric as Decimal.")
    found = Options(
        None if rows is None else min(count(name, rows, FrameError, least=1), MOST_ROWS),
        dtype_backend,
        bool(coerce_float),
        tuple(names_in("index_col", index_col)),
        _formats(parse_dates),
        _dtypes(dtype),
        _output(to),
    )
    _check_output(found)
    return found


def _output(to: object) -> str:
    if not (isinstance(to, str) and to in TO):
        raise FrameError(f"to is {_shown(to)}.", "It must be 'pandas', 'arrow' or 'polars'.")
    check_packages(to)
    return to


def _check_output(options: Options) -> None:
    """Raise FrameError if an option of pandas is given for another output."""
    if options.to == "pandas":
        return
    given = {
        "dtype_backend": options.backend is not None,
        "coerce_float": not options.coerce_float,
        "index_col": bool(options.index_col),
        "parse_dates": bool(options.parse_dates),
        "dtype": options.dtype is not None,
    }
    for name in (name for name, value in given.items() if value):
        why = f"It's an option of pandas' DataFrames, and to is {options.to!r}."
        raise FrameError(f"{name}= can't be used here.", why, "Leave one of them out.")


def names_in(option: str, value: object) -> list[str]:
    """Return the column names in an option; one name alone may be a string."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    names = (
        list(value) if isinstance(value, Iterable) and not isinstance(value, Mapping) else [None]
    )
    if not all(isinstance(name, str) for name in names):
        why = "It must be a column's name, or a list of names."
        raise FrameError(f"{option} is {_shown(value)}.", why)
    return list(map(str, names))


def columns_of(columns: object, index_col: Sequence[str]) -> list[str]:
    """Return the columns of a table to read: those asked for, after those of the index."""
    if isinstance(columns, str):
        do = f"Pass a list: columns=[{columns!r}]."
        raise FrameError("columns is a string.", "It must be a list of names.", do)
    names = names_in("columns", columns)
    return [*(name for name in index_col if name not in names), *names] if names else []


def suggested(name: str) -> str:
    """Return which option a name could mean, as a question; "" if none is similar."""
    found = [OTHER_NAMES[name]] if name in OTHER_NAMES else near(name, NAMES)
    return f"Do you mean the option {found[0]}=?" if found else ""


def _formats(value: object) -> Mapping[str, Any]:
    """Return the columns to parse as dates, each with its format; pandas accepts True, too."""
    if value is None or isinstance(value, bool):
        return {}
    if not isinstance(value, Mapping):
        return dict.fromkeys(names_in("parse_dates", value))
    for name, how in value.items():
        if not (how is None or isinstance(how, str | Mapping)):
            why = f"For the column {name!r}, it has a value of type {type(how).__name__}."
            do = "Pass a format, such as '%d.%m.%Y', or a dict of arguments of pandas.to_datetime."
            raise FrameError("parse_dates can't be used.", why, do)
    return value


def _dtypes(value: Any) -> Any:
    """Return a dtype, or a dict of dtypes, if pandas knows all of them."""
    if value is None or (isinstance(value, Mapping) and not value):
        return None
    from pandas.api.types import pandas_dtype

    for each in value.values() if isinstance(value, Mapping) else [value]:
        try:
            if not isinstance(each, type) and hasattr(each, "__array__"):  # pandas takes its dtype
                raise TypeError
            pandas_dtype(each)
        except (TypeError, ValueError):
            what = f"dtype is {_shown(each)}, and pandas has no such dtype."
            do = "Pass a dtype such as 'Int64', or a dict: dtype={'id': 'Int64'}."
            raise FrameError(what, "", do) from None
    return value


def _shown(value: object) -> str:
    """Return how a wrong value is shown: as it is if it's short, otherwise its type."""
    shown = repr(value)
    return shown if len(shown) <= 40 and "\n" not in shown else f"of type {type(value).__name__}"


def database_of(con: object, session: object) -> tuple[object, str]:
    """Return which of the two was passed, and its name for messages."""
    if session is None:
        return con, "SessionLocal" if con is SessionLocal else "con"
    if con is not None and con is not SessionLocal:
        raise FrameError("Both con and session are given.", "They mean the same: pass one.")
    return session, "session"
