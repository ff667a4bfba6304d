"""The checks of this lesson."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Engine, text

from coursekit.exercises.items import CheckItem, NotStarted, expect_equal, expect_that
from coursekit.exercises.submission import Submission
from tutorial_lib.explorer import changes, snapshot

RUN = "alembic/versions: open the revision, and find the line that fails"


def _columns(engine: Engine, table: str) -> list[str]:
    """Return a table's columns, sorted: `title: character varying(120), not null`."""
    things = snapshot(engine).objects.items()
    found = {
        name.split(".")[1]: about for (kind, name), about in things if _is_in(table, kind, name)
    }
    return [f"{name}: {about.partition(', default')[0]}" for name, about in sorted(found.items())]


def _is_in(table: str, kind: str, name: str) -> bool:
    return kind == "column" and name.startswith(f"{table}.")


def draft(submission: Submission) -> Iterator[CheckItem]:
    """Check that autogenerate has found the models."""
    made = _columns(submission.engine, "books")
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
    got = _columns(submission.scratch_engine, "books")
    yield expect_equal("it makes the table books as models.py describes it", got, wanted, where)


def _kept(engine: Engine, column: str) -> str:
    """Count the users who kept their name: THREE stores its hash as the password."""
    with engine.connect() as connection:
        good = connection.scalar(text(f"SELECT sum((password = md5({column}))::int) FROM users"))  # noqa: S608
    return f"{good or 0} of 3"


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
    for step, to, column in (("upgrade", "head", "full_name"), ("downgrade", "0001", "name")):
        result = submission.alembic(f"{step} {to}", go_on=step == "downgrade")
        where = f"def {step}: what will stand in the column, in the three rows that there are?"
        if "NotNull" not in result.error:
            where = f"def {step}: find the line that fails, and read what the error says"
        yield expect_that(
            f"the {step} runs, with three users", not result.error, "no error", result, where
        )
        if result.error:
            return
        got, wanted = _columns(submission.scratch_engine, "users"), _users(column)
        where = f"def {step}: which columns does it leave, and may they be empty?"
        yield expect_equal(f"after the {step}, the column is called {column}", got, wanted, where)
        if got != wanted:
            return
        where = f"def {step}: a column that is dropped takes its values with it"
        kept = _kept(submission.scratch_engine, column)
        yield expect_equal(f"the {step} keeps all names", kept, "3 of 3", where)


def back(submission: Submission) -> Iterator[CheckItem]:
    """Check that the downgrade leaves nothing behind."""
    if not submission.fills("downgrade"):
        raise NotStarted
    engine = submission.scratch()
    before, users = snapshot(engine), _rows(engine)
    result = submission.alembic("upgrade head", "downgrade 0001")
    yield expect_that("upgrade and downgrade run", not result.error, "no error", result, RUN)
    if result.error:
        return
    after = changes(before, snapshot(submission.scratch_engine)).all
    left = [f"{one.kind} {one.name}" for one in after if one.what == "added"]
    gone = [f"{one.kind} {one.name}" for one in after if one.what != "added"]
    where = "def upgrade: what does each of its lines make in the database? Not only tables"
    yield expect_equal("after the downgrade, nothing is left over", left, [], where)
    yield expect_equal(
        "nothing is missing or changed", gone, [], "def downgrade: is it the opposite?"
    )
    if not left + gone:
        yield expect_equal(
            "the users are the same", _rows(submission.scratch_engine), users, "def downgrade"
        )
    if left or gone:
        return
    result = submission.alembic("upgrade head", go_on=True)
    got = (
        _columns(submission.scratch_engine, "tickets")
        + _columns(submission.scratch_engine, "users")[-1:]
    )
    wanted = ["id: integer, not null", "state: ticket_state, not null", "tickets_left: integer"]
    yield expect_equal("the upgrade is as it was given", got, wanted, "def upgrade: begin again")


def _rows(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [str(row) for row in connection.execute(text("SELECT * FROM users ORDER BY id"))]


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
# A random name catches revisions with the names hard-coded.
THREE = """
INSERT INTO users (name, email, password)
SELECT name, number || '@example.com', md5(name) FROM (
    VALUES (1, 'Ann Lee'), (2, 'Ben'), (3, 'Eve ' || left(md5(random()::text), 6))
) AS people (number, name) ORDER BY number
"""
TWO = """
INSERT INTO users (name, email, password)
VALUES ('Ann Lee', 'ann@example.com', '-'), ('Ben', 'ben@example.com', '-')
"""
