"""Run an exercise's revision on another database, and find out what it changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coursekit.exercises.database import Database, Row
from coursekit.exercises.migrations import schemas, session_defaults
from coursekit.exercises.schema import Schema, changes
from coursekit.exercises.submission import Submission

NONE = "nothing has changed"
MISSING = "no such column"
NICKNAME = "users.nickname"
ROWS = "UPDATE, DELETE and TRUNCATE in it: rows and values stay as they are"
# What a revision changed that neither exercise asks for, and what to look at.
EXTRA = (
    ("changed rows", ROWS),
    ("changed values", ROWS),
    ("changed setting", "ALTER ROLE and ALTER DATABASE in it: they change every later session"),
    ("added view", "CREATE VIEW in it: a view that only your revision needs has to go again"),
    ("added index", "index=True or create_index: the exercise asks for the column alone"),
    ("added constraint", "unique=True or a constraint: the exercise asks for the column alone"),
)


@dataclass(frozen=True)
class State:
    """A database before a revision runs: its tables, views, schemas, settings, and users."""

    schema: Schema
    views: set[str]
    schemas: set[str]
    defaults: set[str]
    users: list[Row]


def state_of(database: Database) -> State:
    """Return what a database holds before a revision runs."""
    users = database.rows("users", "id", "name", "email", "password", by="id")
    here = database.snapshot()
    return State(here, _views(database), schemas(database), session_defaults(database), users)


def _views(database: Database) -> set[str]:
    names = database.query("SELECT schemaname, viewname FROM pg_catalog.pg_views")
    names += database.query("SELECT schemaname, matviewname FROM pg_catalog.pg_matviews")
    return {name for schema, name in names if schema == "public"}


def outcome(
    submission: Submission, command: str, before: State, files: Mapping[str, str] | None = None
) -> str:
    """Run a command on a copy; return its error, or what's different from before."""
    result = submission.alembic(command, go_on=files is None, files=files)
    if result.error:
        return str(result)
    copy = submission.copied_database
    found = [*map(str, changes(before.schema, copy.snapshot()))]
    found += [f"+ added view {name}" for name in sorted(_views(copy) - before.views)]
    found += [f"+ added schema {name}" for name in sorted(schemas(copy) - before.schemas)]
    defaults = session_defaults(copy) - before.defaults
    found += [f"~ changed setting {setting}" for setting in sorted(defaults)]
    names = [f"users.{name}" for name in ("id", "name", "email", "password")]
    gone = [name for name in names if copy.column(name) == MISSING]
    if not gone and state_of(copy).users != before.users:
        found.append("~ changed values users")
    if copy.column(NICKNAME) != MISSING and any(
        value for (value,) in copy.rows("users", "nickname")
    ):
        found.append("~ changed values users.nickname")
    return " ".join(found) or NONE
