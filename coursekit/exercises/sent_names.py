"""Note the dotted names in what connections send: those of custom settings, such as `app.user`.

No view of PostgreSQL's lists these settings, so a check needs their names.
"""

from __future__ import annotations

import re
from typing import Any

DOTTED = re.compile(r"\b[^\W\d]\w*(?:\.[^\W\d]\w*)+")
MOST = 1000  # names; someone who sends rows may send many


class SentNames(set[str]):
    """The names in what some of psycopg2's connections send while they are noted."""

    def __init__(self) -> None:
        super().__init__()
        self._noted: dict[Any, Any] = {}

    def note(self, connection: Any) -> None:
        """Note what the cursors of a connection send from now on."""
        if connection not in self._noted:
            self._noted[connection] = connection.cursor_factory
            connection.cursor_factory = _noting(connection.cursor_factory, self._add)

    def stop(self) -> None:
        """Give all connections their own cursors again."""
        for connection, factory in self._noted.items():
            if not connection.closed:
                connection.cursor_factory = factory
        self._noted.clear()

    def _add(self, sent: bytes | None) -> None:
        found = DOTTED.findall((sent or b"").decode(errors="replace"))
        self.update(found[: MOST - len(self)])


def _noting(factory: Any, add: Any) -> type[Any]:
    """Return cursors of the same kind that pass on what they have sent."""
    from psycopg2.extensions import cursor

    class Cursor(factory or cursor):  # type: ignore[misc]
        def execute(self, *sent: Any, **named: Any) -> Any:
            try:
                return super().execute(*sent, **named)
            finally:
                add(self.query)

        def executemany(self, *sent: Any, **named: Any) -> Any:
            try:
                return super().executemany(*sent, **named)
            finally:
                add(self.query)

    return Cursor
