"""What frames needs of a driver beyond SQLAlchemy, in one form for psycopg2 and psycopg 3."""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import cache
from importlib import import_module
from typing import Any

from sqlalchemy import Connection

IDLE = 0  # libpq's PQTRANS_IDLE
Write = Callable[[bytes], object]
Cast = Callable[[list[Any]], list[Any]]


@dataclass(frozen=True)
class Caster:
    """How a driver makes Python values of a type.

    Attributes:
        cast: Casts a list of strings to values; NULL is None in both.
        stock: Whether it's the driver's own, not one that the application registered.
        text: Whether the values are the strings themselves.

    """

    cast: Cast
    stock: bool = True
    text: bool = False


@dataclass(frozen=True)
class Driver(ABC):
    """A driver's connection.

    Attributes:
        raw: The DBAPI connection.

    """

    raw: Any
    _casters: dict[int, Caster] = field(default_factory=dict, init=False, compare=False)

    @property
    def closed(self) -> bool:
        """Whether the connection is closed or lost."""
        return bool(self.raw.closed)

    @property
    def idle(self) -> bool:
        """Whether no transaction is open on the server."""
        return bool(self.raw.info.transaction_status == IDLE)

    @property
    def autocommit(self) -> bool:
        """Whether the driver leaves BEGIN to the caller."""
        return bool(self.raw.autocommit)

    @property
    @abstractmethod
    def encoding(self) -> str:
        """Python's name of the connection's encoding."""

    @property
    def in_utf8(self) -> bool:
        """Whether the driver sends and expects UTF-8."""
        return codecs.lookup(self.encoding).name == "utf-8"

    @property
    @abstractmethod
    def zone(self) -> tzinfo | None:
        """The time zone of its timestamps with time zone; None if each has its own offset."""

    @abstractmethod
    def simple(self) -> AbstractContextManager[None]:
        """Let SQLAlchemy send several statements in one string; the last one has the result."""

    @abstractmethod
    def bound(self, sql: str, values: Any) -> bytes:
        """Return SQL with its values, as a string that means what driver and server do with it."""

    def caster(self, oid: int) -> Caster:
        """Return how the values of a type are made.

        It works after the connection is closed, if it has been called for the type before.
        """
        if oid not in self._casters:
            self._casters[oid] = self._caster(oid)
        return self._casters[oid]

    @abstractmethod
    def _caster(self, oid: int) -> Caster:
        """Return how the values of a type are made, while the connection is open."""

    @abstractmethod
    def copy_out(self, sql: bytes, write: Write, size: int) -> None:
        """Run COPY … TO STDOUT, and call `write` with blocks of about `size` bytes."""

    @abstractmethod
    def copy_in(self, sql: bytes, blocks: Iterable[bytes]) -> int:
        """Run COPY … FROM STDIN with blocks of any size; return the number of rows.

        An error that `blocks` raises ends the COPY, and is raised here.
        """

    @abstractmethod
    def cancel(self) -> None:
        """Cancel what the connection runs; another thread may call this."""


def driver_of(connection: Connection) -> Driver:
    """Return the driver's connection underneath; only its own module is imported."""
    return _adapted(connection.dialect.driver)(connection.connection.dbapi_connection)


@cache
def _adapted(driver: str) -> type[Driver]:
    name = {"psycopg2": "psycopg2_", "psycopg": "psycopg3"}[driver]
    found: type[Driver] = import_module(f".{name}", __name__).Adapted
    return found
