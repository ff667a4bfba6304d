"""What a learner's function leaves behind in a connection or an engine that others use next.

A rollback, which is what a pool does with a returned connection, undoes none of it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlalchemy import Engine

STATE = """
SELECT 'the setting ' || name || ' = ' || setting FROM pg_catalog.pg_settings
WHERE source = 'session' AND name NOT LIKE 'transaction%'
UNION ALL SELECT 'the role ' || pg_catalog.current_setting('role')
UNION ALL SELECT 'an advisory lock' FROM pg_catalog.pg_locks
WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'advisory'
UNION ALL SELECT 'the temporary table ' || relname FROM pg_catalog.pg_class
WHERE relnamespace = pg_catalog.pg_my_temp_schema() AND relkind = 'r'
"""
UNCHANGED = "the connection and the engine are as they were before"
LEFT_WHERE = (
    "A rollback doesn't undo it, so the next one to use this connection gets it. You need no "
    "setting, lock or table of your own here; SET LOCAL and pg_advisory_xact_lock end with the "
    "transaction."
)


def connection_state(connection: Any) -> set[str]:
    """Return what a driver's connection keeps after a rollback; nothing if it's closed."""
    with suppress(Exception):
        with connection.cursor() as cursor:
            cursor.execute(STATE)
            rows = cursor.fetchall()
        connection.rollback()
        return {str(row[0]) for row in rows}
    return set()


def engine_state(engine: Engine) -> set[str]:
    """Return the options that apply to all connections of an engine."""
    return {f"the engine's option {name}" for name in engine.get_execution_options()}
