"""Watch whether a learner's function returns its connections, and leaves them as they were."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from coursekit.exercises.left_behind import changed_state, connection_state, set_up, watching

WHERE = (
    "A `with` block returns the connection to the pool, even after an error. Without it, close() "
    "has to be under `finally`."
)


class CheckedOut(list[Any]):
    """The connections that are checked out, and in `left` what others were returned with."""

    def __init__(self) -> None:
        super().__init__()
        self.left: set[str] = set()


@contextmanager
def counted(engine: Engine) -> Iterator[CheckedOut]:
    """Yield the connections that are checked out; return them to the pool at the end.

    The list keeps the garbage collector from returning them earlier.
    """
    out = CheckedOut()
    records: list[Any] = []
    states: list[set[str]] = []
    names: Collection[str] = ()

    def checkout(connection: Any, record: Any, fairy: Any) -> None:
        out.append(fairy)
        records.append(record)
        set_up(connection)
        states.append(connection_state(connection, names))

    def checkin(connection: Any, record: Any) -> None:
        if record in records:
            place = records.index(record)
            out.left |= changed_state(states[place], connection_state(connection, names))
            del out[place], records[place], states[place]

    event.listen(engine, "checkout", checkout)
    event.listen(engine, "checkin", checkin)
    try:
        with watching(engine, out.left) as names:
            yield out
    finally:
        event.remove(engine, "checkout", checkout)
        event.remove(engine, "checkin", checkin)
        for fairy in [*out]:
            fairy.close()
