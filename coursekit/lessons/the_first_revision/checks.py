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
    in_step,
    initial_env,
    meaning,
    runs,
)
from coursekit.exercises.project_source import is_revision
from coursekit.exercises.schema import Change, changes
from coursekit.exercises.statements import insert, update
from coursekit.exercises.submission import Submission
from coursekit.exercises.surroundings import surroundings

if TYPE_CHECKING:
    from coursekit.exercises.database import Database

COUNTED = "SELECT schemaname, sequencename, last_value FROM pg_catalog.pg_sequences"
YEAR = re.compile(r"^( +)year: Mapped\[", re.M)  # the line in models.py, above which another fits
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
    if got != BOOKS:
        return
    agree = in_step(submission, "alembic/env.py: does it import models before it compares?")
    yield agree
    if agree.good:
        yield _nothing_else(submission)
        yield from _goes_on(submission)


def _nothing_else(submission: Submission) -> CheckItem:
    """Report whether the upgrade has created more than the model describes, or less."""
    copy, fresh = submission.copied_database, submission.new_database("fresh")
    found = surroundings(copy) - surroundings(fresh)
    key = False
    for one in changes(fresh.snapshot(), copy.snapshot()):
        is_key = one.kind == "constraint" and one.detail == "PRIMARY KEY (id)"
        key = key or (is_key and one.name.startswith("books."))
        of_books = one.kind in ("table", "column", "sequence") and one.name.startswith("books")
        default = one.kind == "column" and ", default" in one.detail and one.name != "books.id"
        known = (of_books and not default) or is_key or one.name.startswith("alembic_version")
        found |= set() if known else {f"{one.kind} {one.name} {one.detail}".strip()}
    where = "def upgrade: it creates the table of the model, and nothing else"
    if not key or copy.attempt(insert("books", title="-")).error:
        found |= {"no primary key that numbers the books"}
        where = "def upgrade: the column id, and sa.PrimaryKeyConstraint, as Alembic wrote them"
    return expect_equal("it's the table of the model, with nothing else", sorted(found), [], where)


def _goes_on(submission: Submission) -> Iterator[CheckItem]:
    """Report what happens when models.py gets another column, as it will."""
    grown, found = YEAR.subn(r"\1pages: Mapped[int | None]\n\g<0>", submission.files[MODELS], 1)
    if not found:
        return
    result = submission.alembic("upgrade head", "check", files={MODELS: grown})
    got = submission.copied_database.columns("books")
    where = "def upgrade: it must spell out the columns. What it takes from models.py changes later"
    what = "the revision stays the same if models.py changes"
    yield expect_equal(what, got, BOOKS, where)
    if got == BOOKS:
        noticed = "pages" in result.error
        where = "alembic/env.py: Alembic must compare with the models in models.py itself"
        what = "Alembic notices a column that's added to models.py"
        yield expect_that(what, noticed, "a new column, pages", result.error or "nothing", where)


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


def back(submission: Submission) -> Iterator[CheckItem]:
    """Check that the downgrade leaves nothing behind."""
    if not submission.fills("downgrade"):
        raise NotStarted
    yield earlier_revisions(submission)
    submission.fill("users", draws.users(submission.random))
    fresh = submission.new_database()
    before, users, others = fresh.snapshot(), _rows(fresh), surroundings(fresh)
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
    counted = copy.query(COUNTED)
    result = submission.alembic("downgrade 0001", go_on=True)
    what = "the downgrade runs, even when there are tickets"
    ran = runs(what, result, "def downgrade: what depends on what? Read the error")
    yield ran
    if ran.good:
        now = surroundings(copy)
        undone = list(_undone(changes(before, copy.snapshot()), now - others, others - now))
        if undone[-1].good and not {*counted} >= {*copy.query(COUNTED)}:
            where = "def downgrade: the sequence users_id_seq must continue where it was"
            yield expect_that("the next id is the same", False, "the next id", "another", where)
            return
        yield from undone
        if all(item.good for item in undone):
            yield from _upgrades_again(submission, users)


def _use_tickets(copy: Database, users: list[tuple[object, ...]]) -> None:
    """Add a ticket, and give the first user some, as a service does after the upgrade.

    It fails if the upgrade isn't the one that was given, which is reported later.
    """
    copy.commit(insert("tickets", state="open"))
    copy.commit(update("users", {"tickets_left": 3}, id=users[0][0]))


def _undone(after: list[Change], more: set[str], less: set[str]) -> Iterator[CheckItem]:
    """Report what the downgrade left behind, and what it removed or changed."""
    left = [f"{one.kind} {one.name}" for one in after if one.what == "added"]
    left += sorted(more)
    gone = [f"{one.kind} {one.name}" for one in after if one.what != "added"]
    gone += sorted(less)
    where = "def upgrade: what does each of its lines create? A column's type counts"
    if more:
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
