"""What a learner's function leaves behind in a connection or an engine that others use next.

A rollback, which is what a pool does with a returned connection, undoes none of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from sqlalchemy import Engine, event

from coursekit.exercises.items import CheckItem, expect_equal
from coursekit.exercises.sent_names import SentNames

STATE = """
SELECT pg_catalog.concat('the setting ', name, ' = ', setting) FROM pg_catalog.pg_settings
    WHERE source OPERATOR(pg_catalog.=) 'session'
    AND name OPERATOR(pg_catalog.!~~) 'transaction%'
UNION ALL SELECT pg_catalog.concat('the setting ', name, ' = ', pg_catalog.current_setting(name))
    FROM pg_catalog.unnest(ARRAY['transaction_isolation', 'transaction_read_only']) AS own (name)
    WHERE pg_catalog.current_setting(name) OPERATOR(pg_catalog.<>) 'off'
UNION ALL SELECT pg_catalog.concat('the role = ', pg_catalog.current_setting('role'))
UNION ALL SELECT pg_catalog.concat('the user of the session = ', SESSION_USER)
UNION ALL SELECT pg_catalog.concat('LISTEN ', channel)
    FROM pg_catalog.pg_listening_channels() AS channel
UNION ALL SELECT pg_catalog.concat('the prepared statement ', name)
    FROM pg_catalog.pg_prepared_statements WHERE from_sql
UNION ALL SELECT pg_catalog.concat('the open cursor ', name)
    FROM pg_catalog.pg_cursors WHERE is_holdable
UNION ALL SELECT pg_catalog.concat('an advisory lock, ', objid, ', ', mode) FROM pg_catalog.pg_locks
    WHERE locktype OPERATOR(pg_catalog.=) 'advisory'
    AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
UNION ALL SELECT pg_catalog.concat(
        'the temporary ', pg_catalog.pg_describe_object(made.catalog, made.oid, 0)
    ) FROM (
        SELECT 'pg_catalog.pg_class'::pg_catalog.regclass AS catalog, oid, relnamespace AS home
            FROM pg_catalog.pg_class WHERE relkind OPERATOR(pg_catalog.<>) 'i'
        UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, pronamespace
            FROM pg_catalog.pg_proc
        UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, typnamespace
            FROM pg_catalog.pg_type WHERE typtype OPERATOR(pg_catalog.=) 'd'
            OR typtype OPERATOR(pg_catalog.=) 'e'
    ) AS made
    WHERE made.home OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
"""
# pg_settings doesn't list these; after SET LOCAL, they're empty.
CUSTOM = """
SELECT pg_catalog.concat('the setting ', name, ' = ', pg_catalog.current_setting(name, true))
    FROM pg_catalog.unnest(CAST(%s AS pg_catalog.text[])) AS sent (name)
    WHERE pg_catalog.current_setting(name, true) OPERATOR(pg_catalog.<>) ''
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_settings AS own
        WHERE own.name OPERATOR(pg_catalog.=) pg_catalog.lower(sent.name))
"""
DRIVER = ("autocommit", "cursor_factory", "deferrable", "isolation_level", "readonly")
UNCHANGED = "the connection and the engine are as they were before"
IN_TRANSACTION = "an open transaction"
DISPOSED, CLOSED = "a pool that was disposed of", "a connection that was closed"
CLOSING = {
    "engine_disposed": DISPOSED,
    "detach": CLOSED,
    "invalidate": CLOSED,
    "soft_invalidate": CLOSED,
}
CONVERTS = "how the driver converts values"
OF_CONNECTION, OF_ENGINE = "the connection's ", "the engine's "
LISTENER, OPTION = f"{OF_ENGINE}listener for ", f"{OF_ENGINE}option "
GONE, OF_TRANSACTION = "no longer ", "the setting transaction_"
LEFT_WHERE = (
    "A rollback doesn't undo it, so the next one to use this connection gets it. You need no "
    "setting, lock or table of your own here; SET LOCAL and pg_advisory_xact_lock end with the "
    "transaction."
)
POOL_WHERE = (
    "Leave the engine and its pool as they are. Other functions use them, too: return the "
    "connection to the pool, and don't call dispose(), detach() or invalidate()."
)
ENGINE_WHERE = (
    "It changes the engine for everyone: execution_options() returns another one, and echo "
    "and hide_parameters are set where the engine is created."
)
# The first that begins one of the things left says what to look at.
ADVICE = {
    DISPOSED: POOL_WHERE,
    CLOSED: POOL_WHERE,
    GONE: (
        "RESET, DISCARD, UNLISTEN and DEALLOCATE undo what others have set up in this connection. "
        "Leave them out: the pool does what's needed."
    ),
    OPTION: ENGINE_WHERE,  # SQLAlchemy adds a listener for some options
    LISTENER: (
        "Each call adds a listener to the engine, and all of them run whenever anyone uses it. Add "
        "none, or remove it at the end: event.remove(...)."
    ),
    OF_ENGINE: ENGINE_WHERE,
    CONVERTS: "register_type(): the rest of the program gets other values, too, or the next user.",
    OF_CONNECTION: (
        "set_session() and the driver's attributes last, and the next user of the connection "
        "gets them: use execution_options(), which SQLAlchemy undoes."
    ),
    "": LEFT_WHERE,
}


def set_up(connection: Any) -> None:
    """Set something in a connection, as its owner could have: RESET and DISCARD would undo it."""
    with closing(connection.cursor()) as cursor:
        cursor.execute("SET application_name = 'checked out'")
    connection.commit()


def connection_state(connection: Any, names: Collection[str] = ()) -> set[str]:
    """Return what psycopg2's connection keeps after a rollback; nothing if it's closed.

    Args:
        connection: The driver's connection.
        names: What may be the names of custom settings; see `SentNames`.

    """
    from psycopg2.extensions import cursor as usual

    with suppress(Exception):
        # An autocommit connection sends no ROLLBACK, so a BEGIN of its user's is still open.
        found = {IN_TRANSACTION} if connection.info.transaction_status else set()
        with closing(connection.cursor(cursor_factory=usual)) as cursor:
            cursor.execute(STATE)
            rows = cursor.fetchall()
            if names:
                cursor.execute(CUSTOM, [sorted(names)])
                rows += cursor.fetchall()
        connection.rollback()
        return found | {str(row[0]) for row in rows} | _driver_state(connection)
    return set()


def changed_state(before: set[str], after: set[str]) -> set[str]:
    """Return what's new in a connection, and what's gone; nothing if it's closed by now."""
    if not before or not after:
        return set()
    new = after - before
    names = {each.partition(" = ")[0] for each in new}
    # SQLAlchemy ends postgresql_readonly with BEGIN READ WRITE, whatever the default is.
    lost = {each for each in before - after if not each.startswith(OF_TRANSACTION)}
    gone = {each for each in lost if each.partition(" = ")[0] not in names}
    return new | {f"{GONE}{each}" for each in gone}


def _driver_state(connection: Any) -> set[str]:
    """Return what's set in the driver's connection itself; its defaults aren't."""
    from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

    values = {name: getattr(connection, name) for name in DRIVER}
    if values["isolation_level"] == ISOLATION_LEVEL_READ_COMMITTED:
        values["isolation_level"] = None
    converters = getattr(connection, "string_types", {})
    found = {f"{CONVERTS}: {one.name} of type {code}" for code, one in converters.items()}
    return found | {f"{OF_CONNECTION}{name} = {value}" for name, value in values.items() if value}


@contextmanager
def watching(engine: Engine, left: set[str]) -> Iterator[SentNames]:
    """Note in `left` what changes in an engine, or in its driver, and which connections it loses.

    How the driver converts values is restored at the end. It yields the names that are sent.
    """
    names = SentNames()
    notes: dict[str, Callable[..., None]] = {
        "connect": lambda connection, *_: names.note(connection),
        "checkout": lambda connection, *_: names.note(connection),
        "checkin": lambda *_: left.update(_engine_state(engine) - before),
        **{name: lambda *_, found=found: left.add(found) for name, found in CLOSING.items()},
    }
    before = _engine_state(engine)
    for name, note in notes.items():
        event.listen(engine, name, note)
    listening = _listeners(engine)
    try:
        with _same_types(left):
            yield names
    finally:
        left |= {*_engine_state(engine) - before, *_listeners(engine) - listening}
        for name, note in notes.items():
            event.remove(engine, name, note)
        names.stop()


def _engine_state(engine: Engine) -> set[str]:
    """Return the options that apply to all connections of an engine, and how it logs them."""
    options = {f"{OPTION}{name}" for name in engine.get_execution_options()}
    names = ("echo", "hide_parameters")
    logs = {f"{OF_ENGINE}{name} = {bool(getattr(engine, name))}" for name in names}
    return options | logs


def _listeners(engine: Engine) -> Counter[str]:
    """Return how many functions listen to each event of an engine, its pool or its dialect."""
    found: Counter[str] = Counter()
    for place in (engine, engine.pool, engine.dialect):
        found.update({f"{LISTENER}{name}": count for name, count in listeners(place).items()})
    return found


def listeners(target: Any) -> dict[str, int]:
    """Return how many functions listen to each event of an object of SQLAlchemy's."""
    names = target.dispatch._event_names
    return {name: len(getattr(target.dispatch, name)) for name in names}


@contextmanager
def _same_types(left: set[str]) -> Iterator[None]:
    """Restore how psycopg2 converts values; add it to what's left if it has changed."""
    from psycopg2 import extensions

    before = dict(extensions.string_types)
    try:
        yield
    finally:
        if _identities(extensions.string_types) != _identities(before):
            left.add(CONVERTS)
            extensions.string_types.clear()
            extensions.string_types.update(before)


def _identities(converters: dict[int, Any]) -> set[tuple[int, int]]:
    """Return which converter each type has; psycopg2 takes two for equal if they share a type."""
    return {(code, id(one)) for code, one in converters.items()}


def about_left(left: Collection[str]) -> str:
    """Return what to look at if something is left behind."""
    return next(
        advice for begins, advice in ADVICE.items() if any(one.startswith(begins) for one in left)
    )


def left_as_it_was(left: Collection[str]) -> CheckItem:
    """Report whether the engine and its connections are as they were."""
    where = about_left(left) if left else LEFT_WHERE
    return expect_equal(UNCHANGED, ", ".join(sorted(left)) or "unchanged", "unchanged", where)
