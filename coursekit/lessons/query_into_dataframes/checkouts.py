"""Which connections a call checks out, and how it returns them to the pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import Engine

from coursekit.exercises.left_behind import engine_state

DRIVER = ("autocommit", "cursor_factory", "deferrable", "isolation_level", "readonly")
CONVERTS = "how the driver converts values"
CLOSED = "closed, and no longer in the pool"
CLOSING = ("engine_disposed", "detach", "invalidate")
LASTING = """
SELECT name, setting FROM pg_catalog.pg_settings
    WHERE source OPERATOR(pg_catalog.=) 'session'
UNION ALL SELECT 'role', CURRENT_USER::pg_catalog.text
UNION ALL SELECT pg_catalog.concat('LISTEN ', channel), ''
    FROM pg_catalog.pg_listening_channels() AS channel
UNION ALL SELECT pg_catalog.concat('prepared statement ', name), ''
    FROM pg_catalog.pg_prepared_statements WHERE from_sql
UNION ALL SELECT pg_catalog.concat('open cursor ', name), ''
    FROM pg_catalog.pg_cursors WHERE is_holdable
UNION ALL SELECT pg_catalog.concat('temporary table ', relname), ''
    FROM pg_catalog.pg_class WHERE relkind OPERATOR(pg_catalog.=) 'r'
    AND relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
UNION ALL SELECT pg_catalog.concat('advisory lock ', objid), ''
    FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory'
    AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
"""


@contextmanager
def checkouts(engine: Engine) -> Iterator[tuple[list[Any], list[str]]]:
    """Collect the connections that are checked out; close the ones that stay open.

    They're kept here, or the garbage collector would return them to the pool. With them, collect
    what differs when a connection is returned.
    """
    from sqlalchemy import event

    taken: list[Any] = []
    left: list[str] = []
    options = engine_state(engine)

    def take(raw: Any, record: Any, connection: Any) -> None:
        taken.append(connection)
        record.info["lasting"] = _lasting(raw)

    def put(raw: Any, record: Any) -> None:
        if raw is not None and (before := record.info.pop("lasting", None)):
            after = _lasting(raw)
            left.extend(sorted(_shown(*each) for each in after.items() - before.items()))

    def close(*_: Any) -> None:
        left.append(CLOSED)

    hooks: dict[str, Callable[..., Any]] = {
        "checkout": take,
        "checkin": put,
        **dict.fromkeys(CLOSING, close),
    }
    for name, hook in hooks.items():
        event.listen(engine, name, hook)
    try:
        with _same_types(left):
            yield taken, left
    finally:
        left.extend(sorted(engine_state(engine) - options))
        for name, hook in hooks.items():
            event.remove(engine, name, hook)
        for one in taken:
            if one.dbapi_connection is not None:
                one.close()


def count_open(taken: list[Any]) -> int:
    """Return how many of these connections are still checked out."""
    return sum(one.dbapi_connection is not None for one in taken)


def about_left(left: list[str]) -> str:
    """Return what to look at if a connection is returned in another state."""
    if CLOSED in left:
        return "dispose(), detach() or invalidate(): the engine's connections aren't yours to close"
    if any(one.startswith("the engine's option") for one in left):
        return (
            "update_execution_options(): it changes the engine. execution_options() returns another"
        )
    if CONVERTS in left:
        return "register_type(): the rest of the program gets other values, too, or the next user"
    if any(one.startswith(DRIVER) for one in left):
        return (
            "set_session() and the driver's attributes last, and the next user of the connection "
            "gets them: use execution_options(), which SQLAlchemy undoes"
        )
    if any(" = " in one for one in left):
        return "SET lasts after a commit, and the next user of the connection gets it: SET LOCAL"
    return "what your statements leave in the session: the next user of the connection gets it"


@contextmanager
def _same_types(left: list[str]) -> Iterator[None]:
    """Restore how psycopg2 converts values; add it to what's left if it has changed."""
    from psycopg2 import extensions

    before = dict(extensions.string_types)
    try:
        yield
    finally:
        if _identities(extensions.string_types) != _identities(before):
            left.append(CONVERTS)
            extensions.string_types.clear()
            extensions.string_types.update(before)


def _lasting(raw: Any) -> dict[str, Any]:
    """Return what lasts in a session after its transaction; {} if it's closed."""
    from psycopg2.extensions import cursor as usual

    if raw.closed:
        return {}
    with closing(raw.cursor(cursor_factory=usual)) as cursor:
        cursor.execute(LASTING)
        found = cursor.fetchall()
        raw.rollback()
        lasting = {name: value for name, value in found if not name.startswith("transaction_")}
        return lasting | _of_the_driver(raw)
    return {}


def _of_the_driver(raw: Any) -> dict[str, Any]:
    """Return what lasts in psycopg2's connection; its defaults may be written in two ways."""
    from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

    values = {name: getattr(raw, name, None) or None for name in DRIVER}
    if values["isolation_level"] == ISOLATION_LEVEL_READ_COMMITTED:
        values["isolation_level"] = None
    return {**values, CONVERTS: _identities(getattr(raw, "string_types", {}))}


def _identities(converters: dict[int, Any]) -> frozenset[tuple[int, int]]:
    """Return which converter each type has; psycopg2 takes two for equal if they share a type."""
    return frozenset((code, id(one)) for code, one in converters.items())


def _shown(name: str, value: Any) -> str:
    return f"{name} = {value}" if value and name != CONVERTS else name
