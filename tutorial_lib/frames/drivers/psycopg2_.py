"""psycopg2's connections: values are bound on the client, COPY calls a file's methods."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import Decimal
from itertools import repeat
from typing import Any

from psycopg2 import DatabaseError, OperationalError, _psycopg, extensions

from . import Cast, Caster, Driver, Write
from .quiet import quiet

TEXTS = ("STRING", "UNICODE")  # names of its casters for strings
PART = 1 << 16  # bytes that COPY reads at once
UUID, NIL = 2950, uuid.UUID(int=0)


class Adapted(Driver):
    """A connection of psycopg2."""

    @property
    def encoding(self) -> str:
        """Look up the name of the server."""
        return extensions.encodings[self.raw.encoding]

    @property
    def zone(self) -> None:
        """Return none: each value has the offset of its text."""
        return None

    def simple(self) -> AbstractContextManager[None]:
        """Change nothing: it never sends anything else."""
        return nullcontext()

    def bound(self, sql: str, values: Any) -> bytes:
        """Bind as it does itself."""
        with self.raw.cursor() as cursor:
            found: bytes = cursor.mogrify(sql, _infinite(values))
        return found

    def _caster(self, oid: int) -> Caster:
        """Return the connection's caster, or the global one."""
        found: Any = self.raw.string_types.get(oid) or extensions.string_types.get(oid)
        if found is None:
            return Caster(list, text=True)
        cursor = self.raw.cursor()

        def cast(texts: list[Any]) -> list[Any]:
            return list(map(found, texts, repeat(cursor)))

        stock = _is_stock(oid, found, cast)
        return Caster(cast, stock, text=stock and found.name in TEXTS)

    def copy_out(self, sql: bytes, write: Write, size: int) -> None:
        """Let it write to a buffered file."""
        with (
            self.raw.cursor() as cursor,
            io.BufferedWriter(_Sink(write), size) as file,
            quiet(),
            _lost(),
        ):
            cursor.copy_expert(sql, file)

    def copy_in(self, sql: bytes, blocks: Iterable[bytes]) -> int:
        """Let it read from the blocks as from a file."""
        source = _Source(iter(blocks))
        with self.raw.cursor() as cursor:
            try:
                with quiet(), _lost():
                    cursor.copy_expert(sql, source, PART)
            except extensions.QueryCanceledError:
                if source.error:
                    raise source.error from None
                raise
            return int(cursor.rowcount)

    def cancel(self) -> None:
        """Send the server a request to cancel."""
        self.raw.cancel()


@contextmanager
def _lost() -> Iterator[None]:
    """Raise the error of a lost connection where libpq has none yet: psycopg2 raises another."""
    try:
        yield
    except DatabaseError as error:
        if type(error) is not DatabaseError or error.pgcode is not None:
            raise
    else:
        return
    raise OperationalError("server closed the connection unexpectedly")


def _infinite(value: Any) -> Any:
    """Return values in which an infinite Decimal is SQL: psycopg2 would send NaN."""
    if isinstance(value, Mapping):
        return {name: _infinite(each) for name, each in value.items()}
    if isinstance(value, Decimal) and value.is_infinite():
        return extensions.AsIs(f"'{value}'::numeric")
    kind = type(value)  # a named tuple isn't made of one iterable
    return kind(map(_infinite, value)) if kind in (list, tuple) else value


def _is_stock(oid: int, caster: Any, cast: Cast) -> bool:
    if caster is extensions.JSON or caster is extensions.JSONB:
        return True
    if oid == UUID:  # registered by SQLAlchemy
        return cast([str(NIL)]) == [NIL]
    return getattr(_psycopg, caster.name, None) is caster


class _Sink(io.RawIOBase):
    """The file that COPY writes to."""

    def __init__(self, pass_on: Write) -> None:
        self.pass_on = pass_on

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.pass_on(bytes(data))
        return len(data)


class _Source:
    """The file that COPY reads from."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.blocks, self.rest = blocks, io.BytesIO()
        self.error: BaseException | None = None

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, and none at the end."""
        try:
            while not (found := self.rest.read(size)):
                block = next(self.blocks, None)
                if block is None:
                    break
                self.rest = io.BytesIO(block)
        except BaseException as error:
            self.error = error  # psycopg2 raises another one
            raise
        return found
