"""The checks of this lesson."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, NotStarted, expect_equal, expect_that
from coursekit.exercises.schema import changes
from coursekit.exercises.submission import Submission

if TYPE_CHECKING:
    from coursekit.exercises.database import Database

RUN = "alembic/versions: open the revision, and find the line that fails"


def draft(submission: Submission) -> Iterator[CheckItem]:
    """Check that autogenerate has found the models."""
    made = submission.database.columns("books")
    if submission.untouched and not made:
        raise NotStarted
    where = "alembic/versions: which files are there? Delete a draft that you do not want"
    yield expect_equal("there is one revision", len(submission.revisions), 1, where)
    if not submission.revisions:
        return
    result = submission.alembic("upgrade head")
    yield expect_that(
        "its upgrade runs, in an empty database", not result.error, "no error", result, RUN
    )
    if result.error:
        return
    where = (
        "the imports in alembic/env.py: has anybody shown it the class Book? A draft that was "
        "written before stays empty: delete it, and let Alembic write it again"
    )
    if made:
        where = "the database: books was there when Alembic compared, so it found nothing to do"
    wanted = ["id: integer, not null", "title: character varying(120), not null", "year: integer"]
    got = submission.copied_database.columns("books")
    yield expect_equal("it makes the table books as models.py describes it", got, wanted, where)


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
    submission.fill("users", draws.users(submission.random))
    users = submission.new_database().rows("users", "email", "password", "name")
    for step, to, column in (("upgrade", "head", "full_name"), ("downgrade", "0001", "name")):
        result = submission.alembic(f"{step} {to}", go_on=step == "downgrade")
        where = f"def {step}: what will the column contain in the existing rows?"
        if "NotNull" not in result.error:
            where = f"def {step}: find the line that fails, and read what the error says"
        yield expect_that(
            f"the {step} runs, with {len(users)} users", not result.error, "no error", result, where
        )
        if result.error:
            return
        got, wanted = submission.copied_database.columns("users"), _users(column)
        where = f"def {step}: which columns does it leave, and may they be empty?"
        yield expect_equal(f"after the {step}, the column is called {column}", got, wanted, where)
        if got != wanted:
            return
        where = f"def {step}: a column that is dropped takes its values with it"
        kept, every = (
            _kept(submission.copied_database, column, users),
            f"{len(users)} of {len(users)}",
        )
        yield expect_equal(f"the {step} keeps all names", kept, every, where)


def back(submission: Submission) -> Iterator[CheckItem]:
    """Check that the downgrade leaves nothing behind."""
    if not submission.fills("downgrade"):
        raise NotStarted
    submission.fill("users", draws.users(submission.random))
    fresh = submission.new_database()
    before, users = fresh.snapshot(), _rows(fresh)
    result = submission.alembic("upgrade head")
    copy = submission.copied_database
    made = changes(before, copy.snapshot())
    result = result if result.error else submission.alembic("downgrade 0001", go_on=True)
    yield expect_that("upgrade and downgrade run", not result.error, "no error", result, RUN)
    if result.error:
        return
    yield expect_that("the upgrade has changed something", bool(made), "a change", "none", RUN)
    after = changes(before, copy.snapshot())
    left = [f"{one.kind} {one.name}" for one in after if one.what == "added"]
    gone = [f"{one.kind} {one.name}" for one in after if one.what != "added"]
    where = "def upgrade: what does each of its lines make in the database? Not only tables"
    yield expect_equal("after the downgrade, nothing is left over", left, [], where)
    yield expect_equal(
        "nothing is missing or changed", gone, [], "def downgrade: is it the opposite?"
    )
    if left or gone:
        return
    yield expect_equal("the users are the same", _rows(copy), users, "def downgrade")
    result = submission.alembic("upgrade head", go_on=True)
    got = copy.columns("tickets") + copy.columns("users")[-1:]
    wanted = ["id: integer, not null", "state: ticket_state, not null", "tickets_left: integer"]
    yield expect_equal("the upgrade is as it was given", got, wanted, "def upgrade: begin again")


def _rows(database: Database) -> list[tuple[object, ...]]:
    return database.rows("users", "id", "name", "email", "password", by="id")


MODELS = """from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from db import Base


"""
BOOK = """class Book(Base):
    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    year: Mapped[int | None]
"""
USER = """class User(Base):
    __tablename__ = "users"
    __table_args__ = (Index("uq_users_email_lower", text("lower(email)"), unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    full_name: Mapped[str] = mapped_column(String(50))
    email: Mapped[str] = mapped_column(String(255))
    password: Mapped[str] = mapped_column(String(255))
"""
# What a learner sees; the check adds names that were drawn.
THREE = """
INSERT INTO users (name, email, password)
SELECT name, number || '@example.com', md5(name) FROM (
    VALUES (1, 'Ann Lee'), (2, 'Ben'), (3, 'Eve Fox')
) AS people (number, name) ORDER BY number
"""
TWO = """
INSERT INTO users (name, email, password)
VALUES ('Ann Lee', 'ann@example.com', '-'), ('Ben', 'ben@example.com', '-')
"""
