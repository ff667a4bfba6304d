"""Connections that show another version of the server than there really is.

The database of a check has a name that was drawn, but a server has one version, which a learner
could return as a constant. Here, every value that a query returns, and what the driver knows of the
server, has another major version in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from psycopg2.extensions import ConnectionInfo, connection, cursor

Changed = Callable[[Any], Any]


def classes(real: int, shown: int) -> dict[str, Any]:
    """Return arguments of `psycopg2.connect` that put one major version in place of the real one.

    Args:
        real: The server's major version.
        shown: The major version to show.

    """
    version = re.compile(rf"(?<![\w.]){real}(?=\d{{4}}\b|\b)")

    def changed(value: Any) -> Any:
        if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool):
            return type(value)(version.sub(str(shown), str(value)))
        return value

    return {"connection_factory": _connection(changed), "cursor_factory": _cursor(changed)}


def _cursor(changed: Changed) -> type[cursor]:
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
