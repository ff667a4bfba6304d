"""What a hanging cell is waiting for in PostgreSQL, and how to end that wait.

psycopg2 waits inside libpq, where no interrupt reaches it. When the server cancels the statement,
the kernel gets an error and then its interrupt.
"""

from __future__ import annotations

import psycopg2

from coursekit import servers
from coursekit.course.workspace import identity
from coursekit.servers.server import admin
from coursekit.settings import read_settings
from tutorial_lib.errors import Problem

# Statements are shown up to their first quoted value: values may be private.
CANCEL = """
SELECT trim(split_part(left(a.query, 60), '''', 1)),
       (SELECT string_agg(format('session %%s, whose last statement began with %%L', b.pid,
               trim(split_part(left(b.query, 60), '''', 1))), '; ')
        FROM pg_stat_activity AS b WHERE b.pid = ANY (pg_blocking_pids(a.pid))),
       pg_cancel_backend(a.pid)
FROM pg_stat_activity AS a
WHERE starts_with(a.datname, 'tutorial_') AND right(a.datname, 8) = %s
  AND a.state = 'active' AND a.pid <> pg_backend_pid()
ORDER BY a.backend_start
"""


def cancel_statements() -> str:
    """Cancel the statements that run in this workspace's databases.

    Returns:
        Each statement and what it was waiting for; "" if there was none.

    """
    settings = read_settings()
    try:
        server = servers.running(settings)
        if server is None:
            return ""
        with admin(server.url) as connection, connection.cursor() as cursor:
            cursor.execute(CANCEL, [identity(settings.workspace)])
            found = cursor.fetchall()
    except (psycopg2.Error, Problem):
        return ""  # the cell is reported as too slow in any case
    return "; ".join(_sentence(statement, blockers) for statement, blockers, _ in found)


def _sentence(statement: str, blockers: str | None) -> str:
    if blockers:
        return f"{statement!r} was waiting for a lock held by {blockers}"
    return f"the server was still running {statement!r}"
