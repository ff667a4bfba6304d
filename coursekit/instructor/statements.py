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
from tutorial_lib.locks import statement_prefix

CANCEL = """
SELECT a.query,
       (SELECT coalesce(json_agg(json_build_array(b.pid, b.query)), '[]')
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


def _sentence(query: str, blockers: list[tuple[int, str]]) -> str:
    """Describe a statement up to its first value: values may be private."""
    statement = statement_prefix(query, 60)
    if not blockers:
        return f"the server was still running {statement!r}"
    sessions = (
        f"session {pid}, whose last statement began with {statement_prefix(last, 60)!r}"
        for pid, last in blockers
    )
    return f"{statement!r} was waiting for a lock held by {'; '.join(sessions)}"
