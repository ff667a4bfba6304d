"""What a learner's function leaves behind in a connection or an engine that others use next.

A rollback, which is what a pool does with a returned connection, undoes none of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Engine, event

from coursekit.exercises.items import CheckItem, expect_equal

STATE = """
SELECT 'the setting ' || name || ' = ' || setting FROM pg_catalog.pg_settings
WHERE source = 'session' AND name NOT LIKE 'transaction%'
UNION ALL SELECT 'the setting ' || name || ' = ' || pg_catalog.current_setting(name)
FROM pg_catalog.unnest(ARRAY['transaction_isolation', 'transaction_read_only']) AS own (name)
WHERE pg_catalog.current_setting(name) <> 'off'
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


POOL_WHERE = (
    "Leave the engine and its pool as they are. Other functions use them, too: return the "
    "connection to the pool, and don't call dispose() or invalidate()."
)
IN_TRANSACTION = "an open transaction"
DISPOSED, CLOSED = "a pool that was disposed of", "a connection that was closed"


def connection_state(connection: Any) -> set[str]:
    """Return what a driver's connection keeps after a rollback; nothing if it's closed."""
    with suppress(Exception):
        # An autocommit connection sends no ROLLBACK, so a BEGIN of its user's is still open.
        found = {IN_TRANSACTION} if connection.info.transaction_status else set()
        found.add(f"the connection's autocommit = {connection.autocommit}")
        with connection.cursor() as cursor:
            cursor.execute(STATE)
            rows = cursor.fetchall()
        connection.rollback()
        return found | {str(row[0]) for row in rows}
    return set()


def engine_state(engine: Engine) -> set[str]:
    """Return the options that apply to all connections of an engine, and how it logs them."""
    options = {f"the engine's option {name}" for name in engine.get_execution_options()}
    logs = {
        f"the engine's {name} = {bool(getattr(engine, name))}"
        for name in ("echo", "hide_parameters")
    }
    return options | logs


@contextmanager
def disposals(engine: Engine, left: set[str]) -> Iterator[None]:
    """Note in `left` if an engine's pool is disposed of, or a connection closed that it uses."""

    def disposed(_: Engine) -> None:
        left.add(DISPOSED)

    def invalidated(*_: object) -> None:
        left.add(CLOSED)

    event.listen(engine, "engine_disposed", disposed)
    event.listen(engine, "invalidate", invalidated)
    event.listen(engine, "soft_invalidate", invalidated)
    try:
        yield
    finally:
        event.remove(engine, "engine_disposed", disposed)
        event.remove(engine, "invalidate", invalidated)
        event.remove(engine, "soft_invalidate", invalidated)


def left_as_it_was(left: Collection[str]) -> CheckItem:
    """Report whether the engine and its connections are as they were."""
    where = POOL_WHERE if {DISPOSED, CLOSED} & {*left} else LEFT_WHERE
    return expect_equal(UNCHANGED, ", ".join(sorted(left)) or "unchanged", "unchanged", where)
