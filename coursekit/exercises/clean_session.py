"""Sessions that nothing in a database can change: no search path, setting, role or trigger.

A submission may define operators and functions, and set defaults for its role and its database.
A check's sessions see none of that, and a check compares in Python what it has read.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import URL, Engine, NullPool, event

from coursekit import limits
from coursekit.exercises.items import Unreadable
from tutorial_lib.db import make_engine

# Whatever could change what a query means or shows. Options of the connection win over
# ALTER ROLE ... SET and ALTER DATABASE ... SET, and SET wins over a trigger that runs at login.
SETTINGS: Mapping[str, str] = {
    "role": "none",
    "search_path": "pg_catalog",
    "lock_timeout": f"{round(1000 * limits.LOCK_TIMEOUT)}",
    "statement_timeout": f"{round(1000 * limits.STATEMENT_TIMEOUT)}",
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
FIRST_OF_THEIRS = 16384  # PostgreSQL's own objects have lower ids
OWN = {"pg_operator": "oprnamespace", "pg_proc": "pronamespace"}


def clean_engine(url: URL, settings: Mapping[str, str] = SETTINGS) -> Engine:
    """Return an engine whose sessions have these settings, and PostgreSQL's own for the rest."""
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
    """Raise Unreadable if there's an operator or function in pg_catalog that isn't PostgreSQL's."""
    for catalog, namespace in OWN.items():
        cursor.execute(
            f"SELECT count(*) FROM pg_catalog.{catalog} "  # noqa: S608  our own names
            f"WHERE {namespace} OPERATOR(pg_catalog.=) 11::pg_catalog.oid "
            f"AND oid OPERATOR(pg_catalog.>=) {FIRST_OF_THEIRS}::pg_catalog.oid"
        )
        if cursor.fetchone() != (0,):
            raise Unreadable("there is an operator or a function in pg_catalog that isn't its own")
