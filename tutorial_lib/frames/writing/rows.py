"""Encode matched columns as the rows that COPY reads, a few thousand at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

from ...errors import WriteError
from . import cells
from .encode import position_of, texts_of
from .kinds import Kind
from .matching import Pair
from .scalars import NUL, SURROGATE, NotBinary, Unfit

ROWS = 20_000  # in a block
SAMPLE = 100  # rows that are tried, before a COPY begins
_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}


def blocks(pairs: Sequence[Pair], count: int, numbered: bool) -> Iterator[bytes]:
    """Yield rows in COPY's text format; `numbered` puts each row's position in front.

    Raises:
        WriteError: A value doesn't fit its column.

    """
    for pair in pairs:
        _check_documents(pair, count)
    for start, stop in _pieces(count):
        columns = [_encoded(pair, start, stop) for pair in pairs]
        yield _joined(columns, range(start, stop) if numbered else None)


def binary_blocks(pairs: Sequence[Pair], count: int, numbered: bool) -> Iterator[bytes]:
    """Yield rows in COPY's binary format.

    Raises:
        NotBinary: They have to be sent as text.
        WriteError: A value doesn't fit its column.

    """
    from . import binary

    for pair in pairs:
        _check_documents(pair, count)
    yield binary.HEADER
    for start, stop in _pieces(count):
        fields = [_field(pair, start, stop) for pair in pairs]
        if numbered:
            fields.insert(0, binary.numbers(range(start, stop)))
        yield binary.rows(fields, stop - start)
    yield binary.END


def can_be_binary(pairs: Sequence[Pair], count: int) -> bool:
    """Return whether the first rows can be sent in COPY's binary format."""
    if not _has_pyarrow():
        return False
    from . import binary

    if not all(binary.is_known(pair.column.type) for pair in pairs):
        return False
    try:
        for pair in pairs:
            _field(pair, 0, min(count, SAMPLE))
    except (NotBinary, WriteError):  # as text, the error is found again
        return False
    return True


def _pieces(count: int) -> Iterator[tuple[int, int]]:
    for start in range(0, count, ROWS):
        yield start, min(start + ROWS, count)


def _check_documents(pair: Pair, count: int) -> None:
    """Refuse strings beside other values for json: they may be JSON text, or values."""
    if pair.column.type.kind is not Kind.JSON or pair.documents or pair.process:
        return
    if str(getattr(pair.incoming.cells, "dtype", "")) != "object":
        return
    texts = [isinstance(v, str) for v in cells.objects(pair.incoming, 0, count) if v is not None]
    if any(texts) and not all(texts):
        raise WriteError(
            f"The column {pair.column.name} has strings beside other values.",
            f"In a {pair.column.declared} column, a string is JSON text; here it may be a value.",
            "Convert all values with json.dumps, or pass a mapped class or a Table.",
            column=pair.column.name,
        )


def _encoded(pair: Pair, start: int, stop: int) -> Any:
    """Return one column of a block: an Arrow array of strings, or a list without pyarrow."""
    try:
        found = _by_arrow(pair, start, stop) if _has_pyarrow() else None
        return _one_by_one(pair, start, stop) if found is None else found
    except Unfit as unfit:
        problem = _misfit(pair, unfit.what, start + (unfit.position or 0))
    raise problem


def _field(pair: Pair, start: int, stop: int) -> Any:
    """Return one column of a block in the binary format."""
    from . import binary

    column = pair.column.type
    if column.oid in binary.STRINGS:
        return binary.strings(_encoded(pair, start, stop), column)
    if column.oid == binary.UUID:
        return binary.uuids(_encoded(pair, start, stop))
    found = None if pair.process else cells.arrow(pair.incoming, start, stop)
    if found is None:
        raise NotBinary
    return binary.field_of(found, column)


def _by_arrow(pair: Pair, start: int, stop: int) -> Any:
    from . import arrow

    if pair.process or pair.documents:
        return None
    found = cells.arrow(pair.incoming, start, stop)
    found = None if found is None else arrow.text_of(found, pair.column.type.kind)
    return None if found is None else arrow.checked(found)


def _one_by_one(pair: Pair, start: int, stop: int) -> Any:
    values = _objects(pair, start, stop)
    if pair.process:
        values = _processed(pair, values)
    texts = _texts(pair, values)
    _check_characters(texts)
    if not _has_pyarrow():
        return texts
    from . import arrow

    return arrow.plain(texts)


def _objects(pair: Pair, start: int, stop: int) -> list[Any]:
    """Return the values; those of polars and Arrow can be beyond those of Python."""
    try:
        return cells.objects(pair.incoming, start, stop)
    except (ValueError, OverflowError, ArithmeticError):
        pass
    for row in range(start, stop):
        try:
            cells.objects(pair.incoming, row, row + 1)
        except (ValueError, OverflowError, ArithmeticError):
            break
    raise Unfit("a value that Python can't represent", row - start)


def _texts(pair: Pair, values: list[Any]) -> list[str | None]:
    try:
        return texts_of(values, pair.column.type, pair.documents)
    except Exception as error:  # such as Unfit, or what an odd object's methods raise
        what = error.what if isinstance(error, Unfit) else "a value that can't be encoded"
        position = position_of(values, pair.column.type, pair.documents)
    raise Unfit(what, position)


def _processed(pair: Pair, values: list[Any]) -> list[Any]:
    """Apply the model's type to each value, including None; its errors may show values."""
    done: list[Any] = []
    try:
        for value in values:
            done.append(pair.process(value))  # type: ignore[misc]
        return done
    except Exception as error:
        what = f"a value for which the model's type raises {type(error).__name__}"
    raise Unfit(what, len(done))


def _check_characters(texts: list[str | None]) -> None:
    whole = "".join(filter(None, texts))
    if "\0" in whole or not _is_utf8(whole):
        for position, text in enumerate(texts):
            if text and ("\0" in text or not _is_utf8(text)):
                raise Unfit(NUL if "\0" in text else SURROGATE, position)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _misfit(pair: Pair, what: str, row: int) -> WriteError:
    name, declared = pair.incoming.name, pair.column.declared
    return WriteError(
        f"Row {row} doesn't fit the column {name}: it has {what}.",
        f"The column's type is {declared}. Nothing was written.",
        f"Look at df[{name!r}].iloc[{row}].",
        row=row,
        column=pair.column.name,
    )


def _joined(columns: list[Any], numbers: range | None) -> bytes:
    if _has_pyarrow():
        from . import arrow

        return arrow.rows([arrow.numbers(numbers), *columns] if numbers else columns)
    lines = [[_cell(text) for text in column] for column in columns]
    if numbers:
        lines.insert(0, list(map(str, numbers)))
    return "".join(["\t".join(line) + "\n" for line in zip(*lines, strict=True)]).encode()


def _cell(text: str | None) -> str:
    return r"\N" if text is None else _SPECIAL.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return _ESCAPES[found[0]]


@cache
def _has_pyarrow() -> bool:
    return find_spec("pyarrow") is not None
