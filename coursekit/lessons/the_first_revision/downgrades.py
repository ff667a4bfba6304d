"""The check of the exercise whose downgrade has to undo everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from coursekit.exercises import draws
from coursekit.exercises.items import (
    CheckItem,
    NotStarted,
    expect_equal,
    expect_that,
)
from coursekit.exercises.migrations import (
    earlier_revisions,
    in_step,
    initial_env,
    runs,
)
from coursekit.exercises.schema import Change, changes
from coursekit.exercises.statements import insert, statement, update
from coursekit.exercises.submission import Submission
from coursekit.exercises.surroundings import surroundings

if TYPE_CHECKING:
    from coursekit.exercises.database import Database

COUNTED = "SELECT schemaname, sequencename, last_value FROM pg_catalog.pg_sequences"


def back(submission: Submission) -> Iterator[CheckItem]:
    """Check that the downgrade leaves nothing behind."""
    if not submission.fills("downgrade"):
        raise NotStarted
    yield earlier_revisions(submission)
    submission.fill("users", draws.users(submission.random))
    fresh, other = submission.new_database(), draws.word(submission.random)
    _add_other(fresh, other)
    before, users, others = fresh.snapshot(), _rows(fresh), surroundings(fresh)
    result = submission.alembic("upgrade head", files=initial_env(submission))
    ran = runs("the upgrade runs", result, "def upgrade: begin again; it was complete")
    yield ran
    if not ran.good:
        return
    copy = submission.copied_database
    _add_other(copy, other)
    made = changes(before, copy.snapshot())
    where = "def upgrade: begin again; it was complete"
    yield expect_that("the upgrade has changed something", bool(made), "a change", "none", where)
    _use_tickets(copy, users)
    counted = copy.query(COUNTED)
    result = submission.alembic("downgrade 0001", go_on=True)
    what = "the downgrade runs, even when there are tickets"
    ran = runs(what, result, "def downgrade: what depends on what? Read the error")
    yield ran
    if ran.good:
        now = surroundings(copy)
        after = changes(before, copy.snapshot())
        undone = list(_undone(made, after, now - others, others - now))
        if undone[-1].good and not {*counted} >= {*copy.query(COUNTED)}:
            where = "def downgrade: the sequence users_id_seq must continue where it was"
            yield expect_that("the next id is the same", False, "the next id", "another", where)
            return
        yield from undone
        _drop_other(copy, other)
        if all(item.good for item in undone):
            yield from _upgrades_again(submission, users)


def _add_other(database: Database, name: str) -> None:
    """Add an enum, and a table that uses it: the downgrade must leave them alone."""
    database.commit(
        statement(f"CREATE TYPE public.{name}_kind AS ENUM ('a', 'b')"),
        statement(f"CREATE TABLE public.{name}s (kind public.{name}_kind)"),
        insert(f"{name}s", kind="a"),
    )


def _drop_other(database: Database, name: str) -> None:
    """Drop them again, because models.py doesn't describe them."""
    for each in (f"TABLE public.{name}s", f"TYPE public.{name}_kind"):
        database.commit(statement(f"DROP {each}"))


def _use_tickets(copy: Database, users: list[tuple[object, ...]]) -> None:
    """Add tickets of both states, and give a user some, as a service does after the upgrade.

    It fails if the upgrade isn't the one that was given, which is reported later.
    """
    copy.commit(insert("tickets", state="open"), insert("tickets", state="closed"))
    copy.commit(update("users", {"tickets_left": 3}, id=users[0][0]))


def _undone(
    made: list[Change], after: list[Change], more: set[str], less: set[str]
) -> Iterator[CheckItem]:
    """Report what the downgrade left behind, and what it removed or changed."""
    added = [one for one in after if one.what == "added"]
    left = [f"{one.kind} {one.name}" for one in added] + sorted(more)
    rows_in = {f"rows {one.name}" for one in added if one.kind == "table"}
    gone = [f"{one.kind} {one.name}" for one in after if one.what != "added"]
    gone = [one for one in gone if one not in rows_in] + sorted(less)
    where = "def upgrade: what does each of its lines create? A column's type counts"
    if more or {one.name for one in added} - {one.name for one in made}:
        where = "def downgrade: it must not create or set anything"
    yield expect_equal("after the downgrade, nothing is left over", left, [], where)
    where = "def downgrade: it must remove what the upgrade created, and nothing else"
    yield expect_equal("nothing is missing or changed", gone, [], where)


def _upgrades_again(submission: Submission, users: list[tuple[object, ...]]) -> Iterator[CheckItem]:
    copy = submission.copied_database
    where = "def downgrade: it must not touch the users' values"
    yield expect_equal("the users are the same", _rows(copy), users, where)
    result = submission.alembic("upgrade head", go_on=True)
    ran = runs("the same upgrade runs again", result, "def downgrade: what did it leave behind?")
    yield ran
    if not ran.good:
        return
    got = copy.columns("tickets") + copy.columns("users")[-1:]
    wanted = ["id: integer, not null", "state: ticket_state, not null", "tickets_left: integer"]
    yield expect_equal("the upgrade is unchanged", got, wanted, "def upgrade: begin again")
    yield in_step(submission, "models.py and def upgrade: begin again; both were complete")


def _rows(database: Database) -> list[tuple[object, ...]]:
    return database.rows("users", "id", "name", "email", "password", by="id")
