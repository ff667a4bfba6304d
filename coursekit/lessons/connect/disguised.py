"""Connections that show other names and another version of the server than there really are.

A server has one version, which a learner could return as a constant. Here, every value that a query
returns, and what the driver knows of the server, has another major version in it, and names that
were drawn: of the database, and of the user.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any

import psycopg2
from psycopg2.extensions import ConnectionInfo, connection, cursor
from psycopg2.sql import SQL, Identifier
from sqlalchemy import URL, create_engine, event

from coursekit import limits
from coursekit.exercises.left_behind import changed_state, connection_state
from coursekit.lessons.connect.urls import DRIVERS

Changed = Callable[[Any], Any]


def classes(
    real: int, shown: int, names: dict[str, str], broken: list[Exception | None]
) -> dict[str, Any]:
    """Return arguments of `psycopg2.connect` that put other values in place of the real ones.

    Args:
        real: The server's major version.
        shown: The major version to show.
        names: What to show in place of which name.
        broken: For each of the next statements None, and then the error for all others.

    """
    version = re.compile(rf"(?<![\w.]){real}(?=\d{{4}}\b|\b)")

    def changed(value: Any) -> Any:
        if isinstance(value, str) and value in names:
            return names[value]
        if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool):
            return type(value)(version.sub(str(shown), str(value)))
        return value

    return {"connection_factory": _connection(changed), "cursor_factory": _cursor(changed, broken)}


def _cursor(changed: Changed, broken: list[Exception | None]) -> type[cursor]:
    def row(values: Any) -> Any:
        return values and tuple(map(changed, values))

    class Cursor(cursor):
        def execute(self, *sent: Any, **named: Any) -> Any:
            if broken and broken[0]:
                raise broken[0]
            del broken[:1]
            return super().execute(*sent, **named)

        def fetchone(self) -> Any:
            return row(super().fetchone())

        def fetchmany(self, *size: Any, **named: Any) -> Any:
            return [*map(row, super().fetchmany(*size, **named))]

        def fetchall(self) -> Any:
            return [*map(row, super().fetchall())]

        def __next__(self) -> Any:
            return row(super().__next__())

    return Cursor


def _connection(changed: Changed) -> type[connection]:
    class Info(ConnectionInfo):
        @property
        def server_version(self) -> Any:
            return changed(super().server_version)

        def parameter_status(self, name: str) -> Any:
            return changed(super().parameter_status(name))

    class Connection(connection):
        info = property(Info)

        @property
        def server_version(self) -> Any:
            return changed(super().server_version)

        def get_parameter_status(self, name: str) -> Any:
            return changed(super().get_parameter_status(name))

    return Connection


# What the connection's owner has set up: it has to be there afterwards.
SET_UP = (
    "SET TRANSACTION READ WRITE",
    "SET application_name = 'nightly report'",
    "LISTEN news",
    "PREPARE today AS SELECT current_date",
    "CREATE TEMPORARY TABLE found ()",
    "SELECT pg_advisory_lock_shared(3712)",
)


class Misdirected:
    """An engine whose URL is wrong in each part, but that still connects; and what becomes of it.

    Args:
        engine: An engine for the database that it connects to.
        user: The role that the server is to report.
        shown: What to show in place of which real values: versions, and names.

    """

    def __init__(self, engine: Any, user: str, shown: tuple[int, int, dict[str, str]]) -> None:
        options = f"{limits.statement_options()} -c default_transaction_read_only=on"
        self._real = {**engine.dialect.create_connect_args(engine.url)[1], "options": options}
        self._user, self._names = user, dict(shown[2])
        self._shown = (*shown[:2], self._names)
        self.sent: Collection[str] = ()  # the names in it; see `connection_state`
        self.broken: list[Exception | None] = []  # see `classes`
        self.taken: list[Any] = []  # kept, so the garbage collector can't return them to the pool
        self.returned: list[Any] = []
        self.left: set[str] = set()
        self._before: dict[int, set[str]] = {}
        lie = URL.create(DRIVERS[0], "nobody", "secret", "127.0.0.1", 1, "nowhere")
        wait: dict[str, Any] = {
            "hide_parameters": True,
            "pool_size": 1,
            "max_overflow": 0,
            "pool_timeout": 1,
        }
        self.engine = create_engine(lie, **wait)
        event.listen(self.engine, "do_connect", self._connect)
        event.listen(self.engine, "checkout", self._checkout)
        event.listen(self.engine, "checkin", self._checkin)

    def _connect(self, *_: Any) -> Any:
        made = psycopg2.connect(**self._real, **classes(*self._shown, self.broken))
        with made.cursor() as own:
            for each in SET_UP:
                own.execute(each)
            own.execute(SQL("SET SESSION AUTHORIZATION {}").format(Identifier(self._user)))
        made.commit()
        return made

    def rename(self, names: dict[str, str]) -> None:
        """From now on, show these names in place of the real ones."""
        self._names.update(names)

    def _checkout(self, connection: Any, _record: Any, fairy: Any) -> None:
        self.taken.append(fairy)
        if not self.broken:
            self._before.setdefault(id(connection), connection_state(connection, self.sent))

    def _checkin(self, connection: Any, _record: Any) -> None:
        self.returned.append(connection)
        if connection is not None and not self.broken:
            before = self._before.get(id(connection), set())
            self.left |= changed_state(before, connection_state(connection, self.sent))

    @property
    def kept(self) -> int:
        """The number of connections that are still checked out."""
        return len(self.taken) - len(self.returned)

    def close(self) -> None:
        """Close all connections."""
        for fairy in self.taken:
            fairy.close()
        self.engine.dispose()
