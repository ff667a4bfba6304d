"""Connections of psycopg 3: the simple query protocol on request, COPY by libpq's own calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import tzinfo
from decimal import Decimal
from functools import cached_property
from selectors import EVENT_READ, DefaultSelector
from typing import Any

from psycopg import ClientCursor, errors, postgres
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Dumper, PyFormat, Transformer
from psycopg.pq import ExecStatus, Format

from . import Caster, Driver, Write

# The classes of psycopg's own loaders, which differ between its Python and its C implementation.
STOCK = {
    16: "BoolLoader",
    **dict.fromkeys((20, 21, 23, 26), "IntLoader"),
    **dict.fromkeys((700, 701), "FloatLoader"),
    **{1700: "NumericLoader", 114: "JsonLoader", 3802: "JsonbLoader", 2950: "UUIDLoader"},
    **{1082: "DateLoader", 1114: "TimestampLoader", 1184: "TimestamptzLoader"},
    1186: "IntervalLoader",
}
PIECE = 1 << 16  # bytes
HOMES = ("psycopg.types.", "psycopg_binary.", "psycopg_c.")


class Adapted(Driver):
    """A connection of psycopg 3."""

    @property
    def encoding(self) -> str:
        """Return the connection's."""
        return str(self.raw.info.encoding)

    @property
    def zone(self) -> tzinfo:
        """Return the session's."""
        zone: tzinfo = self.raw.info.timezone
        return zone

    @contextmanager
    def simple(self) -> Iterator[None]:
        """Exchange the connection's cursors."""
        before = self.raw.cursor_factory
        self.raw.cursor_factory = _LastResult
        try:
            yield
        finally:
            self.raw.cursor_factory = before

    def bound(self, sql: str, values: Any) -> bytes:
        """Bind on the client what it would bind on the server."""
        with ClientCursor(self.raw) as cursor:
            if values:
                cursor.adapters.register_dumper(_Literal, _LiteralDumper)
            found = cursor.mogrify(sql, _literals(values, self.raw))
        return found.encode(self.encoding)

    @cached_property
    def _loaders(self) -> Any:
        return Transformer(self.raw)

    def _caster(self, oid: int) -> Caster:
        """Return the connection's loader."""
        loader: Any = self._loaders.get_loader(oid, Format.TEXT)
        kind, encoding = type(loader), self.encoding
        own = kind.__module__.startswith(HOMES)
        if own and kind.__name__ == "TextLoader":
            return Caster(list, text=True)
        load = loader.load

        def cast(texts: list[Any]) -> list[Any]:
            return [None if text is None else load(text.encode(encoding)) for text in texts]

        stock = own and kind.__name__ == STOCK.get(oid)
        return Caster(cast, stock and getattr(loader, "loads", json.loads) is json.loads)

    def copy_out(self, sql: bytes, write: Write, size: int) -> None:
        """Collect rows until they have the size."""
        # psycopg's Copy runs a generator for each row; that takes longer than everything else.
        pgconn = self.raw.pgconn
        with DefaultSelector() as selector:
            selector.register(pgconn.socket, EVENT_READ)

            def wait() -> None:  # libpq would wait without letting other threads run
                selector.select()
                pgconn.consume_input()

            def next_result() -> Any:
                while pgconn.is_busy():
                    wait()
                return pgconn.get_result()

            result = pgconn.exec_(sql)
            if result.status == ExecStatus.COPY_OUT:
                self._pass_on(write, size, wait)
                result = next_result()
                while next_result():  # until it's ready for the next statement
                    pass
        if result is None or result.status != ExecStatus.COMMAND_OK:
            raise errors.error_from_result(result, encoding=self.encoding)

    def _pass_on(self, write: Write, least: int, wait: Callable[[], None]) -> None:
        pgconn, block = self.raw.pgconn, bytearray()
        while True:
            size, row = pgconn.get_copy_data(1)
            if not size:
                wait()
                continue
            if size < 0:
                break
            block += row
            if len(block) >= least:
                write(bytes(block))
                block.clear()
        if block:
            write(bytes(block))

    def copy_in(self, sql: bytes, blocks: Iterable[bytes]) -> int:
        """Write each block, in pieces: libpq moves all that it hasn't sent after each send."""
        with self.raw.cursor() as cursor:
            with cursor.copy(sql) as copy:
                for block in blocks:
                    cells = memoryview(block)
                    for start in range(0, len(cells), PIECE):
                        copy.write(cells[start : start + PIECE])
            return int(cursor.rowcount)

    def cancel(self) -> None:
        """Send the server a request to cancel."""
        self.raw.cancel_safe()


class _LastResult(ClientCursor[Any]):
    """A cursor that binds values itself, and shows the last statement's result as psycopg2 does.

    It sends a string by the simple query protocol, and prepares nothing.
    """

    def execute(self, *arguments: Any, **options: Any) -> Any:
        super().execute(*arguments, **options)
        while self.nextset():
            pass
        return self


class _Literal(bytes):
    """A value that is SQL already."""


class _LiteralDumper(Dumper):
    """Inserts it as it is."""

    def dump(self, value: Any) -> Buffer:
        """Return the SQL."""
        return bytes(value)

    def quote(self, value: Any) -> Buffer:
        """Return the SQL."""
        return bytes(value)


def _literals(values: Any, context: AdaptContext) -> Any:
    """Return the values, with typed numbers as the server gets them from psycopg.

    As 5, one would be a literal: an int4 instead of an int2, and a column's place in ORDER BY.
    """
    if not isinstance(values, Mapping):
        return [_literal(value, context) for value in values]
    return {name: _literal(value, context) for name, value in values.items()}


def _literal(value: Any, context: AdaptContext) -> Any:
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        return value
    dumper = Transformer(context).get_dumper(value, PyFormat.TEXT)
    kind, cells = postgres.types.get(dumper.oid), dumper.dump(value)
    if kind is None or cells is None:
        return value
    return _Literal(b"'%s'::%s" % (bytes(cells), kind.name.encode()))
