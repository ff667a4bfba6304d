"""Run an exercise's revision on another database, and find out what it changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from coursekit.exercises.database import Database, Row
from coursekit.exercises.items import CheckItem, expect_that
from coursekit.exercises.migrations import session_defaults
from coursekit.exercises.schema import Key, Schema, changes
from coursekit.exercises.submission import Submission
from coursekit.exercises.surroundings import surroundings

NONE = "nothing has changed"
MISSING = "no such column"
BY_HAND = "what you changed by hand: begin again, and let the revision make all changes"
NICKNAME = "users.nickname"
ROWS = "UPDATE, DELETE and TRUNCATE in it: rows and values stay as they are"
# What a revision changed that neither exercise asks for, and what to look at.
EXTRA = (
    ("changed rows", ROWS),
    ("changed values", ROWS),
    ("changed setting", "ALTER ROLE and ALTER DATABASE in it: they change every later session"),
    ("added view", "CREATE VIEW in it: a view that only your revision needs has to go again"),
    ("added function", "CREATE FUNCTION in it: the exercise asks for the column alone"),
    ("added trigger", "CREATE TRIGGER in it: the exercise asks for the column alone"),
    ("added rule", "CREATE RULE in it: the exercise asks for the column alone"),
    ("added statistics", "CREATE STATISTICS in it: the exercise asks for the column alone"),
    ("added privileges", "GRANT, row security and UNLOGGED in it: they stay as they are"),
    ("added position of", "setval and RESTART in it: the next user needs an unused id"),
    ("added index", "index=True or create_index: the exercise asks for the column alone"),
    ("added constraint", "unique=True or a constraint: the exercise asks for the column alone"),
)


@dataclass(frozen=True)
class State:
    """A database before a revision runs: its tables, what else it contains, settings, users."""

    schema: Schema
    others: set[str]
    defaults: set[str]
    users: list[Row]


def state_of(database: Database) -> State:
    """Return what a database holds before a revision runs."""
    users = database.rows("users", "id", "name", "email", "password", by="id")
    here = database.snapshot()
    return State(here, _others(database), session_defaults(database), users)


def _others(database: Database) -> set[str]:
    """Return what a database contains besides tables, and where the sequence of users is.

    A new column may have a comment, and a new table another sequence.
    """
    found = {one for one in surroundings(database) if not one.startswith(("setting ", "comment "))}
    places = database.query("SELECT sequencename, last_value FROM pg_catalog.pg_sequences")
    return found | {f"position of {name}: {at}" for name, at in places if name == "users_id_seq"}


def only_by_revisions(submission: Submission, before: Schema, own: Key) -> Iterator[CheckItem]:
    """Report what in the exercise's database isn't as it was before, except for `own`."""
    now = submission.database.snapshot().objects
    changed = sorted(
        f"{kind} {name}"
        for (kind, name), about in before.objects.items()
        if kind != "rows" and (kind, name) != own and now.get((kind, name)) != about
    )
    if changed:
        what = "the rest of your database is as it was"
        yield expect_that(what, False, NONE, ", ".join(changed), BY_HAND)


def outcome(
    submission: Submission, command: str, before: State, files: Mapping[str, str] | None = None
) -> str:
    """Run a command on a copy; return its error, or what's different from before."""
    result = submission.alembic(command, go_on=files is None, files=files)
    if result.error:
        return str(result)
    copy = submission.copied_database
    found = [*map(str, changes(before.schema, copy.snapshot()))]
    others = _others(copy)
    found += [f"+ added {one}" for one in sorted(others - before.others)]
    found += [f"- removed {one}" for one in sorted(before.others - others)]
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
