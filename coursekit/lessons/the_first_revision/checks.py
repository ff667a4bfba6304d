"""The check of the exercise whose draft has to create a table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from coursekit.exercises import draws
from coursekit.exercises.items import (
    CheckItem,
    NotStarted,
    ProbeResult,
    expect_equal,
    expect_that,
)
from coursekit.exercises.migrations import DRIFT, in_step, meaning, runs
from coursekit.exercises.project_source import is_revision
from coursekit.exercises.schema import changes
from coursekit.exercises.statements import insert
from coursekit.exercises.submission import Submission
from coursekit.exercises.surroundings import surroundings
from coursekit.lessons.the_first_revision.starters import BOOKS

if TYPE_CHECKING:
    from coursekit.exercises.database import Database

ENV, MODELS = "alembic/env.py", "models.py"
NOTHING_ELSE = "def upgrade: it creates the table of the model, and nothing else"
CHANGED = "models.py: it has changed since you began; begin again"
# It always fails in another database, so nothing of it is kept there.
PROBE = """
from alembic import op

revision, down_revision = {name!r}, None


def upgrade():
    found = op.get_bind().exec_driver_sql("SELECT pg_catalog.current_database()").scalar()
    if {fails} or found != {wanted!r}:
        raise RuntimeError(f"{name} in {{found}}")
"""


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
    right = _right_database(submission)
    yield right
    if not right.good:
        return
    result = submission.alembic("upgrade head")
    where = "def upgrade: the line that fails"
    if "create_all" in submission.files.get(ENV, ""):
        where = "alembic/env.py: it creates tables, so every Alembic command does; remove that"
    ran = runs("its upgrade runs, in an empty database", result, where)
    yield ran
    if not ran.good:
        return
    got = submission.copied_database.columns("books")
    where = "" if got == BOOKS else _why_not(submission, source, made, bool(got))
    yield expect_equal("it creates the books table as models.py describes it", got, BOOKS, where)
    if got != BOOKS:
        return
    agree = in_step(submission)
    yield agree if agree.good else replace(agree, where=_out_of_step(submission, agree.got))
    if agree.good:
        # Most checks don't get this far.
        from coursekit.lessons.the_first_revision.later_changes import goes_on
        from coursekit.lessons.the_first_revision.other_tables import leaves_others_alone

        fresh = submission.new_database("fresh")
        yield _nothing_else(submission, fresh)
        yield from leaves_others_alone(submission, fresh)
        yield from goes_on(submission)
        yield _own_database(submission)


def _right_database(submission: Submission) -> CheckItem:
    """Report whether env.py connects to the project's database, and lets errors through.

    Otherwise the check itself would change another database.
    """
    name, wanted = draws.word(submission.random), str(submission.scratch_engine.url.database)
    result = _probe(submission, name, wanted, fails=True)
    what = "alembic/env.py uses the project's database"
    _, named, found = result.error.partition(f"{name} in ")
    if not result.error:
        where = "alembic/env.py: if a revision fails, the command must fail as well"
        return expect_that(what, False, "the error of a revision that fails", result, where)
    if not named:  # env.py may raise an error of its own
        result = _probe(submission, name, wanted, fails=False)
        return runs(what, result, "alembic/env.py: what does the error say?")
    where = "get_url in alembic/env.py: project_url returns the URL of the project's database"
    return expect_that(what, found.startswith(wanted), wanted, found, where)


def _probe(submission: Submission, name: str, wanted: str, *, fails: bool) -> ProbeResult:
    source = PROBE.format(name=name, wanted=wanted, fails=fails)
    files = {f"alembic/versions/{name}.py": source}
    return submission.alembic(f"upgrade {name}", go_on=True, files=files)


def _out_of_step(submission: Submission, got: str) -> str:
    """Return where to look if models.py and the upgraded database don't agree."""
    if _models_changed(submission):
        return CHANGED
    if "'remove_table', Table('books'" in got:
        return "alembic/env.py: does it import models before it compares?"
    return NOTHING_ELSE


def _models_changed(submission: Submission) -> bool:
    return meaning(submission.files.get(MODELS, "")) != meaning(submission.initial_files[MODELS])


def _own_database(submission: Submission) -> CheckItem:
    """Report whether the learner's database has the table if, and only if, the revision has run."""
    at, got = submission.current_revisions, submission.database.columns("books")
    where = "%alembic stamp records a revision without running it: begin again, and don't use it"
    if not at:
        where = "your database: books was created without the revision, so its upgrade can't run"
    what = "your database has the table only if the revision has run"
    return expect_equal(what, got, BOOKS if at else [], where)


def _nothing_else(submission: Submission, fresh: Database) -> CheckItem:
    """Report whether the upgrade has created more than the model describes, or less."""
    copy = submission.copied_database
    found = surroundings(copy) - surroundings(fresh)
    key = False
    for one in changes(fresh.snapshot(), copy.snapshot()):
        is_key = one.kind == "constraint" and one.detail == "PRIMARY KEY (id)"
        key = key or (is_key and one.name.startswith("books."))
        of_books = one.kind in ("table", "column", "sequence") and one.name.startswith("books")
        default = one.kind == "column" and ", default" in one.detail and one.name != "books.id"
        known = (of_books and not default) or is_key or one.name.startswith("alembic_version")
        found |= set() if known else {f"{one.kind} {one.name} {one.detail}".strip()}
    where = NOTHING_ELSE
    if not key or copy.attempt(insert("books", title="-")).error:
        found |= {"no primary key that numbers the books"}
        where = "def upgrade: the column id, and sa.PrimaryKeyConstraint, as Alembic wrote them"
    return expect_equal("it's exactly the model's table", sorted(found), [], where)


def _why_not(submission: Submission, source: str, made: bool, other: bool) -> str:
    """Return where to look if the upgrade doesn't create the table of the model."""
    if _models_changed(submission):
        return CHANGED
    if other:
        return "the revision: compare it with the columns of Book, line by line"
    if made:
        return (
            "the database: books existed when Alembic compared, so it found nothing to do; "
            "begin again, and create nothing by hand"
        )
    if not submission.copied_database.has("alembic_version"):
        return "alembic/env.py: nothing is committed. Does it use context.begin_transaction()?"
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
