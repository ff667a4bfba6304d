"""The check of the exercise whose env.py finds the database and the models."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, NotStarted, ProbeResult, expect_that
from coursekit.exercises.migrations import LATER, meaning
from coursekit.exercises.submission import Submission
from coursekit.lessons.alembic_init.checks import same_database
from coursekit.lessons.alembic_init.passwords import files_with_passwords, no_passwords

MODELS = '''"""What the shop sells."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from db import Base


class Book(Base):
    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
'''
BOOKS = "CREATE TABLE books (id serial PRIMARY KEY, title varchar(200) NOT NULL)"
# What `init` of the installed Alembic writes.
TEMPLATE = Path(str(distribution("alembic").locate_file("alembic/templates/generic/env.py")))
# Whichever of its kinds of errors env.py catches, it catches this one.
FAILING = """
from alembic.util import CommandError
from sqlalchemy.exc import DataError, IntegrityError, InternalError, NotSupportedError
from sqlalchemy.exc import OperationalError, ProgrammingError

revision, down_revision = {name!r}, None


class Failed({kinds}, CommandError, RuntimeError, ValueError, KeyError, TypeError):
    def __init__(self):
        super().__init__({arguments})


def upgrade():
    raise Failed
"""
OF_DATABASE = (
    "OperationalError, ProgrammingError, IntegrityError, DataError, InternalError, "
    "NotSupportedError"
)
# An error of the database, and one of Python: the kinds, and the arguments.
KINDS = ((OF_DATABASE, '"", {{}}, Exception({name!r})'), ("AssertionError", "{name!r}"))
# Added to a copy of models.py: one more column, and a longer one.
WIDER = """
books = LaterBase.metadata.tables["books"]
books.append_column(sqlalchemy.Column({name!r}, sqlalchemy.Integer))
books.columns["title"].type = sqlalchemy.String(201)
"""
# Runs in the right database only, and creates nothing.
WORKING = """
from alembic import op

revision, down_revision = {name!r}, None


def upgrade():
    found = op.get_bind().exec_driver_sql("SELECT pg_catalog.current_database()").scalar()
    assert found == {database!r}
"""
HIDDEN = "context.configure: one of its options hides columns or their types from Alembic"
DIFFERS = "New upgrade operations detected"
# What an error of `alembic check` says, and where to look: the first that fits.
ADVICE = (
    (
        r"name '(get_url|target_metadata)' is not defined",
        r"env.py: run_migrations_online needs \1; define it under this name, above the function",
    ),
    (r"get_url\(\) (missing|takes)", "get_url: it's called without an argument"),
    (r"KeyError: '(DATABASE|PG|POSTGRES)", "get_url: in this course, project_url returns the URL"),
    (r"cannot import name", "the import: db.py defines Base, and models.py defines Book"),
    (
        r"'URL' object is not callable",
        "get_url: it must be a function, because run_migrations_online calls it",
    ),
    (r"MetaData|has no attribute", "target_metadata: it must be the metadata of Base"),
    (r"database .* does not exist", "get_url: which database does its URL name?"),
    (r"dialects:driver", "get_url: this is the placeholder URL of alembic.ini"),
    (r"Expected string or URL", "get_url: what does it return?"),
    (
        r"password authentication failed",
        "get_url: str(url) masks the password; return the URL object",
    ),
    (r"", "env.py: run %alembic check in a new cell, and read what it prints from the end"),
)


def wired(submission: Submission) -> Iterator[CheckItem]:
    """Check that env.py connects to the project's database and compares its models."""
    if not _is_started(submission.files.get("alembic/env.py", "")):
        raise NotStarted
    where = "get_url: call project_url, as db.py does, instead of writing the URL into a file"
    none = no_passwords(submission, "a database URL that comes from project_url", where)
    yield none
    if not none.good:
        return
    # A learner may have tried out a revision, too.
    result = submission.alembic(*["upgrade head"] * bool(submission.revisions), "check")
    able = not result.error or DIFFERS in result.error
    where = _where(result.error, submission.files["alembic/env.py"])
    yield expect_that("alembic check can compare", able, "a comparison, no error", result, where)
    if able:
        yield from _compares(submission, result)
        yield _fails_with_a_revision(submission)
        yield from _written_by_alembic(submission)
        yield same_database(submission, "books", "title", allowed="alembic_version")


def _compares(submission: Submission, result: ProbeResult) -> Iterator[CheckItem]:
    """Report whether `alembic check` compared the right database with the right models."""
    where = _not_here(submission)
    yield expect_that(
        "it uses the exercise's database",
        not where,
        "an alembic_version table in it, which Alembic creates",
        "there is none",
        where,
    )
    if where:
        return
    yield expect_that(
        "it finds no difference",
        not result.error,
        "No new upgrade operations detected.",
        result,
        _difference(submission, result.error),
    )
    name = f"a_later_{draws.word(submission.random)}"
    models = submission.files.get("models.py", "") + (LATER + WIDER).format(name=name)
    later = submission.alembic("check", go_on=True, files={"models.py": models})
    table, column = f"'add_table', Table('{name}'", f"'add_column', None, 'books', Column('{name}'"
    missing = [each for each in (table, column, "'modify_type'") if each not in later.error]
    where = _not_found(submission, name) if table in missing else HIDDEN
    yield expect_that(
        "it finds a table, a column and a type that the check adds to a copy of models.py",
        not missing,
        f"({next(iter(missing), table)}, ...",
        later,
        where,
    )


def _not_here(submission: Submission) -> str:
    """Return where to look if Alembic works on another database, or commits nothing.

    With transaction_per_migration, `check` commits nothing, but a revision does.
    """
    if submission.copied_database.has("alembic_version"):
        return ""
    name, database = draws.word(submission.random), submission.scratch_engine.url.database
    source = WORKING.format(name=name, database=database)
    files = {f"alembic/versions/{name}.py": source}
    result = submission.alembic(f"upgrade {name}", go_on=True, files=files)
    if "AssertionError" in result.error:
        return "get_url: its URL names another database than the one that project_url returns"
    if result.error or not submission.copied_database.has("alembic_version"):
        return "run_migrations_online: does it still run the migrations in a transaction?"
    return ""


def _not_found(submission: Submission, name: str) -> str:
    """Return where to look if `alembic check` doesn't find a table that a model has."""
    if submission.copied_database.has(name):
        return "alembic/env.py: it creates the tables itself, so nothing is left to find"
    if re.search(r"\binclude_(object|name)\b", submission.files["alembic/env.py"]):
        return "context.configure: one of its options hides other tables from Alembic"
    return "target_metadata: it must be the metadata of the Base that the models inherit from"


def _fails_with_a_revision(submission: Submission) -> CheckItem:
    for kinds, arguments in KINDS:
        name = draws.word(submission.random)
        source = FAILING.format(name=name, kinds=kinds, arguments=arguments.format(name=name))
        files = {f"alembic/versions/{name}.py": source}
        result = submission.alembic(f"upgrade {name}", go_on=True, files=files)
        if not result.error:
            break
    return expect_that(
        "a revision that fails makes alembic upgrade fail",
        bool(result.error),
        f"an error: {name}",
        result,
        "run_migrations_online: let its exceptions through, and don't end it early",
    )


def _written_by_alembic(submission: Submission) -> Iterator[CheckItem]:
    """Report files with a password that env.py has written while it ran."""
    if found := files_with_passwords(submission, submission.copied_files):
        got = f"a password in {' and '.join(found)}"
        where = "env.py: it writes this file. Pass the URL on in memory"
        yield expect_that("Alembic writes no file with a password", False, "none", got, where)


def _difference(submission: Submission, error: str) -> str:
    """Return where to look if `alembic check` finds a difference."""
    if meaning(submission.files.get("models.py", "")) != meaning(MODELS):
        return "models.py: it has changed since you began; begin the exercise again"
    if "'remove_table', Table('books'" in error:
        return "target_metadata: which file must be imported, so that it contains books?"
    if "'add_table', Table('books'" in error:
        return "context.configure: one of its options hides the books table from Alembic"
    return "target_metadata: it must contain the tables of models.py, and no others"


def _is_started(env: str) -> bool:
    """Return whether env.py was changed: it isn't init's, and has no TODO left."""
    if not env.strip() or env == TEMPLATE.read_text(encoding="utf-8"):
        return False
    try:
        body = ast.parse(env).body
    except SyntaxError:
        return True
    todo = [node for node in body if ast.unparse(node) == "..."]
    names = ("get_url", "target_metadata")
    given = [node for node in body if ast.unparse(node).startswith((*names, f"def {names[0]}"))]
    return bool(given) or not todo


def _where(error: str, env: str) -> str:
    """Return where to look after an error of `alembic check`."""
    missing = re.search(r"No module named '(\w+)", error)
    if missing and re.search(rf"^\s*(from|import) {missing[1]}\b", env, re.MULTILINE):
        return "the import: the models are in models.py, and Base is in db.py"
    found = ((re.search(pattern, error), advice) for pattern, advice in ADVICE)
    return next(match.expand(advice) for match, advice in found if match)
