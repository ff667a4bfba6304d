"""Check that a revision leaves the tables alone that it doesn't create."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, expect_equal
from coursekit.exercises.migrations import runs
from coursekit.exercises.schema import changes
from coursekit.exercises.statements import insert, statement
from coursekit.exercises.submission import Submission

if TYPE_CHECKING:
    from coursekit.exercises.database import Database

DOWNGRADE = "def downgrade: it must undo what the upgrade does. --autogenerate writes both"
EARLIER = (
    "CREATE TABLE public.books (id serial PRIMARY KEY, title varchar(120) NOT NULL, year integer)"
)


def leaves_others_alone(submission: Submission, fresh: Database) -> Iterator[CheckItem]:
    """Report what the downgrade and another upgrade do to tables of others."""
    copy, other = submission.copied_database, f"{draws.word(submission.random)}s"
    copy.commit(statement(f"CREATE TABLE public.{other} (id integer)"), insert(other, id=1))
    result = submission.alembic("downgrade base", go_on=True)
    what = "its downgrade drops the table again"
    if result.error:
        yield runs(what, result, DOWNGRADE)
        return
    kept = copy.snapshot().objects.get(("rows", other), "no table")
    copy.commit(statement(f"DROP TABLE public.{other}"))
    left = changes(fresh.snapshot(), copy.snapshot())
    found = [f"{one.kind} {one.name}" for one in left if not one.name.startswith("alembic_version")]
    dropped = expect_equal(what, found, [], DOWNGRADE)
    yield dropped
    where = "def downgrade: it must drop books, and nothing else"
    yield expect_equal("its downgrade leaves other tables alone", kept, "1", where)
    if dropped.good:
        yield _keeps_existing(submission)


def _keeps_existing(submission: Submission) -> CheckItem:
    """Report whether an upgrade keeps the rows if there are books already; it may fail."""
    copy, title = submission.copied_database, draws.word(submission.random)
    copy.commit(statement(EARLIER), insert("books", title=title))
    submission.alembic("upgrade head", go_on=True)
    found = copy.rows("books", "title") if copy.has("books") else []
    where = "def upgrade: it drops a table that's already there, with its rows"
    what = "its upgrade doesn't drop a books table that's already there"
    return expect_equal(what, found, [(title,)], where)
