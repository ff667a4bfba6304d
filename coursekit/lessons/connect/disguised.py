"""Connections that show another version of the server, and another user, than there really are.

The database of a check has a name that was drawn, but a server has one version, and the course's
has one user. So a learner could return what's known. Here, every value that a query returns, and
what the driver knows of the server, has another major version in it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import psycopg2
from psycopg2.extensions import ConnectionInfo, connection, cursor
from psycopg2.sql import SQL, Identifier


def connect(parameters: dict[str, Any], user: str, real: int, shown: int) -> Any:
    """Connect as psycopg2 does.

    Args:
        parameters: Of `psycopg2.connect`.
        user: The role that the session gets; "" for the one that connects.
        real: The server's major version.
        shown: The major version to show.

    """
    classes = _classes(re.compile(rf"(?<![\w.]){real}(?=\d{{4}}\b|\b)"), str(shown))
    made = psycopg2.connect(**parameters, **classes)
    if user:
        with made.cursor() as own:
            own.execute(SQL("SET SESSION AUTHORIZATION {}").format(Identifier(user)))
        made.commit()
    return made


def _classes(version: re.Pattern[str], shown: str) -> dict[str, Any]:
    """Return the connection and the cursor class that put `shown` in place of the version."""

    def changed(value: Any) -> Any:
        if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool):
            return type(value)(version.sub(shown, str(value)))
        return value

    def row(values: Any) -> Any:
        return values and tuple(map(changed, values))

    class Cursor(cursor):
        def fetchone(self) -> Any:
            return row(super().fetchone())

        def fetchmany(self, *size: Any, **named: Any) -> Any:
            return [*map(row, super().fetchmany(*size, **named))]

        def fetchall(self) -> Any:
            return [*map(row, super().fetchall())]

        def __next__(self) -> Any:
            return row(super().__next__())

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

    return {"connection_factory": Connection, "cursor_factory": Cursor}
