"""What a cell that hangs is waiting for in PostgreSQL, and how it is freed.

psycopg2 waits inside libpq, where no interrupt reaches it. The server can be asked to give
the statement up; the kernel then gets an error, and its interrupt.
"""

from __future__ import annotations

import psycopg2

from coursekit import servers
from coursekit.course.workspace import identity
from coursekit.servers.server import admin
from coursekit.settings import read_settings
from tutorial_lib.errors import Problem

# Statements are told up to their first value: values are nobody's business.
FREED = """
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
    """Cancel what runs in this workspace's databases; one sentence on what it was, or nothing."""
    settings = read_settings()
    try:
        server = servers.running(settings)
        if server is None:
            return ""
        with admin(server.url) as connection, connection.cursor() as cursor:
            cursor.execute(FREED, [identity(settings.workspace)])
            found = cursor.fetchall()
    except (psycopg2.Error, Problem):
        return ""  # the cell is told to be late in any case
    return "; ".join(_sentence(statement, blockers) for statement, blockers, _ in found)


def _sentence(statement: str, blockers: str | None) -> str:
    if blockers:
        return f"{statement!r} waited for a lock of {blockers}"
    return f"the server was still at {statement!r}"
