"""Sessions that nothing in a database can affect: no search path, setting, role or trigger.

A submission may define operators and functions, and set defaults for its role and its database.
A check's sessions ignore all of these, and a check compares the values it reads in Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import URL, Engine, NullPool, event

from coursekit import limits
from coursekit.exercises.items import Unreadable
from tutorial_lib.db import make_engine

# Whatever could change what a query means or shows. Connection options override
# ALTER ROLE ... SET and ALTER DATABASE ... SET, and SET overrides a login event trigger.
SETTINGS: Mapping[str, str] = {
    "role": "none",
    "search_path": "pg_catalog",
    "row_security": "off",  # a policy that hides rows becomes an error
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "default_transaction_read_only": "off",
}
READ_ONLY = {**SETTINGS, "default_transaction_read_only": "on"}
# The path of the learner's own code: a statement that fires a trigger runs with it.
USUAL_PATH = '"$user", public'
# PostgreSQL's own objects have OIDs below 16384, and are as old as the cluster: template0 is never
# changed, and no row from its creation is newer than its datfrozenxid. Only a superuser can change
# such a row. If this user isn't one, an administrator did it, perhaps for a reason.
CHANGED = """
SELECT count(*) FROM (
    SELECT oid, xmin, pronamespace AS schema FROM pg_catalog.pg_proc
    UNION ALL SELECT oid, xmin, oprnamespace FROM pg_catalog.pg_operator
) own
WHERE schema OPERATOR(pg_catalog.=) 11::pg_catalog.oid AND (
    oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
    OR pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.=) 'on'
    AND pg_catalog.age(xmin) OPERATOR(pg_catalog.<=) (
        SELECT pg_catalog.age(datfrozenxid) FROM pg_catalog.pg_database
        WHERE datname OPERATOR(pg_catalog.=) 'template0'
    )
)
"""


def clean_engine(url: URL, settings: Mapping[str, str] = SETTINGS) -> Engine:
    """Return an engine whose sessions have these settings, and PostgreSQL's own for the rest.

    The timeouts of a check are added.
    """
    settings = {**settings, **_timeouts()}
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    engine = make_engine(url, connect_args={"options": options}, poolclass=NullPool)

    @event.listens_for(engine, "connect", insert=True)
    def clean(connection: Any, _record: object) -> None:
        connection.autocommit = True
        with connection.cursor() as cursor:
            _reset(cursor, settings)
            _require_own_catalog(cursor)
        connection.autocommit = False

    return engine


def _timeouts() -> dict[str, str]:
    return {
        "lock_timeout": f"{round(1000 * limits.LOCK_TIMEOUT)}",
        "statement_timeout": f"{round(1000 * limits.STATEMENT_TIMEOUT)}",
    }


def _reset(cursor: Any, settings: Mapping[str, str]) -> None:
    """Set these settings, and undo every other default of the role or the database."""
    cursor.execute("; ".join(f"SET {name} = '{value}'" for name, value in settings.items()))
    cursor.execute("SELECT setconfig FROM pg_catalog.pg_db_role_setting")
    defaults = {each.partition("=")[0].lower() for (found,) in cursor.fetchall() for each in found}
    if others := defaults - {*settings, "session_authorization"}:
        cursor.execute("SELECT name, boot_val FROM pg_catalog.pg_show_all_settings()")
        known = {name.lower(): value for name, value in cursor.fetchall()}
        for name in others:
            _set(cursor, name, known.get(name))


def _set(cursor: Any, name: str, value: str | None) -> None:
    import psycopg2

    # What can't be set now was fixed when the session started, or by a superuser.
    with suppress(psycopg2.Error):
        cursor.execute("SELECT pg_catalog.set_config(%s, %s, false)", [name, value or ""])


def _require_own_catalog(cursor: Any) -> None:
    """Raise Unreadable if an operator or a function in pg_catalog is new, or was replaced."""
    cursor.execute(CHANGED)
    if cursor.fetchone() != (0,):
        raise Unreadable(
            "there is an operator or a function in pg_catalog that isn't PostgreSQL's own",
            "what you have created or replaced in pg_catalog: no answer needs that. Begin the "
            "exercise again, which recreates its database, and create your objects in public.",
        )
