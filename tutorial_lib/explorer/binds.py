"""Connect to a bind: an engine, or a connection that's open already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine


@contextmanager
def connected(bind: Engine | Connection) -> Iterator[Connection]:
    """Yield a new connection of an engine, or the given connection itself.

    A given connection sees its own uncommitted changes, and it's left as it was: if it was in
    no transaction, it's in none afterwards.
    """
    if isinstance(bind, Engine):
        with bind.connect() as connection:
            yield connection
        return
    was_idle = not bind.in_transaction()
    try:
        yield bind
    finally:
        if was_idle:
            bind.rollback()
