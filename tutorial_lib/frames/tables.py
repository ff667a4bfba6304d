"""Parse COPY's text into Arrow tables, and assemble them into columns of a given size."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from .columns import PARSED, Column

BOM = "\ufeff".encode()
BACKSLASH = r"\\"
ESCAPES = {
    BACKSLASH: "\\",
    r"\b": "\b",
    r"\f": "\f",
    r"\n": "\n",
    r"\r": "\r",
    r"\t": "\t",
    r"\v": "\v",
}

PARSE = csv.ParseOptions(
    delimiter="\t", quote_char=False, double_quote=False, ignore_empty_lines=False
)


def tables(blocks: Iterable[bytes], columns: Sequence[Column]) -> Iterator[pa.Table]:
    """Yield each block as a table, with numbers as column names."""
    names = [str(number) for number in range(len(columns))]
    fast = _conversion(names, [column.parsed for column in columns])
    safe = _conversion(
        names, [each.parsed if each.parsed in PARSED else each.text for each in columns]
    )
    pool = _memory()
    for block in blocks:
        # The parser drops a byte order mark at the start, but here it's data.
        whole = BOM + block if block.startswith(BOM) else block
        read = csv.ReadOptions(use_threads=False, column_names=names, block_size=len(whole) + 1)
        try:
            table = csv.read_csv(pa.BufferReader(whole), read, PARSE, fast, pool)
        except pa.ArrowInvalid:  # such as infinity; the columns convert text themselves
            table = csv.read_csv(pa.BufferReader(whole), read, PARSE, safe, pool)
        nulls = sum(column.null_count for column in table.columns)
        # A NULL has one backslash. If there are more, some strings contain escapes.
        if block.count(b"\\") != nulls:
            table = _unescaped(table, [code for code in ESCAPES if code.encode() in block])
        del block, whole  # or it would be kept while the next one is awaited
        yield table
        del table


@cache
def _memory() -> pa.MemoryPool:
    """Return jemalloc if there is one, unless the user has chosen another one.

    The parser makes buffers that are too large, then shrinks them. mimalloc keeps much of what
    is left over, up to half of a table's size.
    """
    chosen = os.environ.get("ARROW_DEFAULT_MEMORY_POOL")
    if chosen or "jemalloc" not in pa.supported_memory_backends():
        return pa.default_memory_pool()
    return pa.jemalloc_memory_pool()


def _conversion(names: Sequence[str], types: Sequence[pa.DataType]) -> csv.ConvertOptions:
    return csv.ConvertOptions(
        column_types=dict(zip(names, types, strict=True)),
        null_values=[r"\N"],
        strings_can_be_null=True,
        true_values=["t"],
        false_values=["f"],
    )


def _unescaped(table: pa.Table, codes: Sequence[str]) -> pa.Table:
    columns = [
        _plain(column, codes) if column.type in (pa.string(), pa.large_string()) else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


def _plain(cells: pa.ChunkedArray, codes: Sequence[str]) -> pa.ChunkedArray:
    """Undo COPY's escaping. No value contains a zero byte, so it can stand in for a backslash."""
    if BACKSLASH in codes:
        cells = pc.replace_substring(cells, BACKSLASH, "\0")
    for code in codes:
        if code != BACKSLASH:
            cells = pc.replace_substring(cells, code, ESCAPES[code])
    return pc.replace_substring(cells, "\0", "\\") if BACKSLASH in codes else cells


def frames(
    found: Iterable[pa.Table], make: Callable[[], list[Column]], size: float
) -> Iterator[list[Column]]:
    """Yield the columns of `size` rows, and of the rest at the end; at least once."""
    columns, room, first = make(), size, True
    for table in found:
        while len(table) >= room:
            yield _filled(columns, table.slice(0, room))
            table = table.slice(room)
            columns, room, first = make(), size, False
        _filled(columns, table)
        room -= len(table)
    if room < size or first:
        yield columns


def _filled(columns: list[Column], table: pa.Table) -> list[Column]:
    if len(table):
        for column, cells in zip(columns, table.columns, strict=True):
            column.add(cells)
    return columns
