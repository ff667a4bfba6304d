"""Count the connections that a learner's function doesn't return to the pool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

WHERE = (
    "A `with` block returns the connection to the pool, even after an error. Without it, close() "
    "has to be under `finally`."
)


@contextmanager
def counted(engine: Engine) -> Iterator[list[Any]]:
    """Yield the connections that are checked out; return them to the pool at the end.

    The list keeps the garbage collector from returning them earlier.
    """
    out: list[Any] = []
    records: list[Any] = []

    def checkout(_connection: Any, record: Any, fairy: Any) -> None:
        out.append(fairy)
        records.append(record)

    def checkin(_connection: Any, record: Any) -> None:
        if record in records:
            place = records.index(record)
            del out[place], records[place]

    event.listen(engine, "checkout", checkout)
    event.listen(engine, "checkin", checkin)
    try:
        yield out
    finally:
        event.remove(engine, "checkout", checkout)
        event.remove(engine, "checkin", checkin)
        for fairy in [*out]:
            fairy.close()
