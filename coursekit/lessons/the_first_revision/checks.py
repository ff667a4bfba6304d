"""The checks of this lesson."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from coursekit.exercises import draws
from coursekit.exercises.items import (
    CheckItem,
    NotStarted,
    ProbeResult,
    expect_equal,
    expect_that,
)
from coursekit.exercises.migrations import (
    DRIFT,
    earlier_revisions,
    ignored_options,
    in_step,
    initial_env,
    meaning,
    runs,
    schemas,
)
from coursekit.exercises.project_source import is_revision
from coursekit.exercises.schema import Change, changes
from coursekit.exercises.statements import insert, update
from coursekit.exercises.submission import Submission

if TYPE_CHECKING:
    from coursekit.exercises.database import Database

ENV, MODELS = "alembic/env.py", "models.py"
BOOKS = ["id: integer, not null", "title: character varying(120), not null", "year: integer"]


def draft(submission: Submission) -> Iterator[CheckItem]:
    """Check that autogenerate has found the models."""
    made = submission.database.columns("books")
    if submission.untouched and not made:
        raise NotStarted
    lost = sorted(set(submission.current_revisions) - set(submission.revisions))
    if lost:
        where = "the database: its current revision has no file anymore; begin again"
        yield expect_equal("the revision that has run still has its file", lost, [], where)
        return
    sources = [source for name, source in submission.files.items() if is_revision(name)]
    loaded = list(_loads(submission))
    if not sources and not all(item.good for item in loaded):
        yield from loaded
        return
    where = "%alembic revision: it writes the file"
    if sources:
        where = "alembic/versions: which files are there? Delete the drafts that you don't want"
    yield expect_equal("there is one revision", len(sources), 1, where)
    if len(sources) != 1:
        return
    yield from loaded
    if all(item.good for item in loaded):
        yield from _creates_books(submission, sources[0], bool(made))


def _loads(submission: Submission) -> Iterator[CheckItem]:
    """Report whether env.py runs, and leaves the database alone."""
    result = submission.alembic("current")
    if not result.error and not submission.revisions:
        result = submission.alembic("check", go_on=True)
        result = ProbeResult() if DRIFT in result.error else result
    ran = runs("alembic/env.py runs", result, "alembic/env.py: what does the error say?")
    yield ran
    if ran.good:
        found = submission.copied_database.columns("books")
        where = "alembic/env.py: it creates tables, so every Alembic command does; remove that"
        yield expect_equal("no table is created before the upgrade", found, [], where)


def _creates_books(submission: Submission, source: str, made: bool) -> Iterator[CheckItem]:
    result = submission.alembic("upgrade head", go_on=True)
    ran = runs("its upgrade runs, in an empty database", result, "def upgrade: the line that fails")
    yield ran
    if not ran.good:
        return
    got = submission.copied_database.columns("books")
    where = "" if got == BOOKS else _why_not(submission, source, made, bool(got))
    yield expect_equal("it creates the books table as models.py describes it", got, BOOKS, where)
    if got == BOOKS:
        yield in_step(submission, "alembic/env.py: does it import models, before it compares?")


def _why_not(submission: Submission, source: str, made: bool, other: bool) -> str:
    """Return where to look if the upgrade doesn't create the table of the model."""
    if meaning(submission.files.get(MODELS, "")) != meaning(submission.initial_files[MODELS]):
        return "models.py: it has changed since you began; begin again"
    if other:
        return "the revision: compare it with the columns of Book, line by line"
    if made:
        return (
            "the database: books existed when Alembic compared, so it found nothing to do; "
            "begin again, and create nothing by hand"
        )
    if "add_table" in submission.alembic("check", go_on=True).error:
        if "auto generated" not in source:
            return "the command: without --autogenerate, Alembic writes an empty revision"
        return (
            "the revision: it was generated before env.py imported models. A draft that was "
            "written before stays empty: delete it, and generate it again"
        )
    if re.search(r"^\s*(import|from) models\b", submission.files.get(ENV, ""), re.MULTILINE):
        return (
            "alembic/env.py: it has to import models before it runs the migrations, and to pass "
            "Base.metadata to context.configure"
        )
    return "alembic/env.py: nothing in it imports models, so Alembic doesn't know Book"


def _kept(database: Database, column: str, wanted: list[tuple[object, ...]]) -> str:
    """Count the users who are as they were, with the name in this column."""
    found = database.rows("users", "email", "password", column)
    return f"{sum(found.count(each) == 1 for each in wanted)} of {len(found)}"


def _users(column: str) -> list[str]:
    rest = ["email: character varying(255), not null", "id: integer, not null"]
    text_column = "character varying({}), not null"
    return sorted(
        [*rest, f"{column}: {text_column.format(50)}", f"password: {text_column.format(255)}"]
    )


def renamed(submission: Submission) -> Iterator[CheckItem]:
    """Check that a column is renamed, and the names in it are kept."""
    if not submission.fills("upgrade"):
        raise NotStarted
    yield earlier_revisions(submission)
    submission.fill("users", draws.users(submission.random))
    users = submission.new_database().rows("users", "email", "password", "name")
    for step, to, column in (("upgrade", "head", "full_name"), ("downgrade", "0001", "name")):
        items = list(_renames(submission, step, to, column, users))
        yield from items
        if not all(item.good for item in items):
            return


def _renames(
    submission: Submission, step: str, to: str, column: str, users: list[tuple[object, ...]]
) -> Iterator[CheckItem]:
    """Run one direction, and report what became of the column and its values."""
    back = step == "downgrade"
    result = submission.alembic(f"{step} {to}", go_on=back, files=initial_env(submission))
    otherwise = f"def {step}: find the line that fails, and read what the error says"
    ran = runs(f"the {step} runs, with {len(users)} users", result, otherwise)
    yield ran
    if not ran.good:
        return
    got, wanted = submission.copied_database.columns("users"), _users(column)
    where = _column_advice(submission, step, got, column)
    yield expect_equal(f"after the {step}, the column is called {column}", got, wanted, where)
    if got != wanted:
        return
    where = f"def {step}: a column that is dropped takes its values with it"
    kept, every = _kept(submission.copied_database, column, users), f"{len(users)} of {len(users)}"
    yield expect_equal(f"the {step} keeps all names", kept, every, where)
    if not back:
        yield in_step(submission)


def _column_advice(submission: Submission, step: str, got: list[str], column: str) -> str:
    old = "name" if column == "full_name" else "full_name"
    names = {each.partition(":")[0] for each in got}
    if {old, column} <= names:
        return f"def {step}: {old} is still there, next to {column}"
    if column in names:
        return f"def {step}: the columns' types, and whether they may be NULL, don't change"
    sources = [text for name, text in submission.files.items() if is_revision(name)]
    if ignored := ignored_options(sources):
        return (
            f"op.alter_column: it has no option {ignored[0]}, and ignores it without an error. "
            "Which one renames a column?"
        )
    return f"def {step}: which of its lines creates {column}?"


def back(submission: Submission) -> Iterator[CheckItem]:
    """Check that the downgrade leaves nothing behind."""
    if not submission.fills("downgrade"):
        raise NotStarted
    yield earlier_revisions(submission)
    submission.fill("users", draws.users(submission.random))
    fresh = submission.new_database()
    before, users, others = fresh.snapshot(), _rows(fresh), schemas(fresh)
    result = submission.alembic("upgrade head", files=initial_env(submission))
    ran = runs("the upgrade runs", result, "def upgrade: begin again; it was complete")
    yield ran
    if not ran.good:
        return
    copy = submission.copied_database
    made = changes(before, copy.snapshot())
    where = "def upgrade: begin again; it was complete"
    yield expect_that("the upgrade has changed something", bool(made), "a change", "none", where)
    _use_tickets(copy, users)
    result = submission.alembic("downgrade 0001", go_on=True)
    what = "the downgrade runs, even when there are tickets"
    ran = runs(what, result, "def downgrade: what depends on what? Read the error")
    yield ran
    if ran.good:
        new = sorted(schemas(copy) - others)
        undone = list(_undone(changes(before, copy.snapshot()), new))
        yield from undone
        if all(item.good for item in undone):
            yield from _upgrades_again(submission, users)


def _use_tickets(copy: Database, users: list[tuple[object, ...]]) -> None:
    """Add a ticket, and give the first user some, as a service does after the upgrade.

    It fails if the upgrade isn't the one that was given, which is reported later.
    """
    copy.commit(insert("tickets", state="open"))
    copy.commit(update("users", {"tickets_left": 3}, id=users[0][0]))


def _undone(after: list[Change], new_schemas: list[str]) -> Iterator[CheckItem]:
    """Report what the downgrade left behind, and what it removed or changed."""
    left = [f"{one.kind} {one.name}" for one in after if one.what == "added"]
    left += [f"schema {name}" for name in new_schemas]
    gone = [f"{one.kind} {one.name}" for one in after if one.what != "added"]
    where = "def upgrade: what does each of its lines create? A column's type counts"
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
