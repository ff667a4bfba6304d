"""Defaults that ALTER ROLE ... SET or ALTER DATABASE ... SET has left for later sessions.

When a lesson or an exercise begins, its database is replaced, together with the database's
defaults. The role's defaults survive, and would affect every later lesson.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.sql import SQL, Composed, Identifier

FOUND = """
SELECT d.setrole OPERATOR(pg_catalog.<>) 0, b.datname, d.setconfig
FROM pg_catalog.pg_db_role_setting d
     LEFT JOIN pg_catalog.pg_database b ON b.oid OPERATOR(pg_catalog.=) d.setdatabase
     LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) d.setrole
WHERE (d.setrole OPERATOR(pg_catalog.<>) 0 AND r.rolname OPERATOR(pg_catalog.=) CURRENT_USER)
   OR (d.setrole OPERATOR(pg_catalog.=) 0
       AND (b.datname IS NULL OR b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()))
ORDER BY 1 DESC, 2
"""


@dataclass(frozen=True)
class Defaults:
    """Defaults of the current user, of one of its databases, or of everyone.

    Attributes:
        role: Whether they're this user's; otherwise everyone's.
        database: The database they apply in; "" for all of them.
        settings: The settings, such as `search_path=evil`.

    """

    role: bool
    database: str
    settings: tuple[str, ...]

    @property
    def reset(self) -> Composed:
        """The statement that removes them."""
        if not self.role and self.database:
            return SQL("ALTER DATABASE {} RESET ALL").format(Identifier(self.database))
        where = (
            SQL(" IN DATABASE {}").format(Identifier(self.database)) if self.database else SQL("")
        )
        return SQL("ALTER ROLE {}{} RESET ALL").format(
            SQL("CURRENT_USER" if self.role else "ALL"), where
        )


def left_defaults(connection: Connection) -> list[Defaults]:
    """Return the defaults that this user's sessions get in all databases or in this one."""
    with connection.cursor() as cursor:
        cursor.execute(FOUND)
        return [Defaults(role, name or "", tuple(found)) for role, name, found in cursor.fetchall()]


def remove_defaults(connection: Connection) -> None:
    """Remove these defaults, if this user may: on the kit's server, no one else sets any."""
    for defaults in left_defaults(connection):
        with suppress(psycopg2.errors.InsufficientPrivilege), connection.cursor() as cursor:
            cursor.execute(defaults.reset)
