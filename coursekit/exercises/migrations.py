"""What checks say about migrations: Alembic's errors, changed revisions, models out of step."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from coursekit.exercises.items import CheckItem, ProbeResult, expect_that
from coursekit.exercises.project_source import revision_sources
from coursekit.exercises.submission import Submission

if TYPE_CHECKING:
    from coursekit.exercises.database import Database

# Words of Alembic's or Python's error, and where to look.
ERRORS = (
    ("Multiple head revisions", "down_revision: two revisions follow the same one, or none"),
    ("Can't locate revision", "revision and down_revision: which ID has no file?"),
    ("Self-loop", "down_revision: the revision names itself, or its ID is used twice"),
    ("Cycle is detected", "down_revision: the revisions name each other in a circle"),
    ("present more than once", "revision: two files have the same ID; delete one of them"),
    ("Target database is not up to date", "%alembic upgrade head, and then this command again"),
    (
        "errors.SyntaxError",
        "the SQL: does it contain a value? Use a bound parameter instead",
    ),
    ("SyntaxError", "the line that Python can't read: run the command in a new cell to see it"),
    ("IndentationError", "the indentation: run the command in a new cell to see the line"),
    ("No module named", "the import that fails: how is the module's file called?"),
    ("cannot import name", "the import that fails: what does that module define?"),
    ("does not provide a MetaData", "alembic/env.py: target_metadata has to be Base.metadata"),
    ("Path doesn't exist", "the alembic/ folder: it has to be where alembic.ini says"),
    ("NameError", "the name that isn't defined: is it misspelled, or is an import missing?"),
    ("KeyError", "down_revision: which file has this ID? In your own code: which key is missing?"),
    ("NotNullViolation", "which value do existing rows get in a column that's NOT NULL?"),
)
PREFIXES = ("existing_", "postgresql_")  # of options that Alembic passes on
# Added to models.py, it adds a table, whatever the module itself imports.
LATER = """

import sqlalchemy
from db import Base as LaterBase

sqlalchemy.Table({name!r}, LaterBase.metadata, sqlalchemy.Column("id", sqlalchemy.Integer))
"""
DRIFT = "New upgrade operations detected: "
# What Alembic would do to the database, and what that says.
STEPS = (
    ("remove_", "the database has it, but no model does: change models.py too"),
    ("add_", "a model has it, but no revision creates it: which line is missing in upgrade()?"),
    ("modify_", "the model and the revision describe it differently: type, length or NULL"),
)


def advice(error: str, otherwise: str) -> str:
    """Return where to look after a command failed; `otherwise` if its error isn't a known one."""
    return next((where for words, where in ERRORS if words in error), otherwise)


def runs(what: str, result: ProbeResult, otherwise: str) -> CheckItem:
    """Report whether a command ran without an error."""
    where = advice(result.error, otherwise)
    return expect_that(what, not result.error, "no error", result, where)


def initial_env(submission: Submission) -> dict[str, str]:
    """Return the exercise's own env.py, so that nothing but the revisions decides."""
    name = "alembic/env.py"
    return {name: submission.initial_files[name]}


def in_step(submission: Submission, where: str = "") -> CheckItem:
    """Report whether models.py and the upgraded copy agree.

    Args:
        submission: Its copy must be at the head.
        where: Where to look if they don't agree; by default, it depends on the difference.

    """
    result = submission.alembic("check", go_on=True)
    _, drift, steps = result.error.partition(DRIFT)
    if result.error and not drift:
        return runs("models.py and the database agree", result, "models.py: can it be imported?")
    found = re.search(r"\('(\w+)'", steps)
    step = found[1] if found else ""
    if not where:
        where = next((says for name, says in STEPS if step.startswith(name)), "models.py")
    got = f"alembic check would {steps}" if steps else "no difference"
    return expect_that("models.py and the database agree", not steps, "no difference", got, where)


def earlier_revisions(submission: Submission) -> CheckItem:
    """Report whether the revisions that the exercise started with are unchanged."""
    now = revision_sources(submission.files)
    changed = [
        number
        for number, source in revision_sources(submission.initial_files).items()
        if meaning(now.get(number, "")) != meaning(source)
    ]
    what = "the revisions that have run are as they were"
    about = (f"{number} {'was changed' if number in now else 'is gone'}" for number in changed)
    got = ", ".join(about) or "no change"
    where = "other databases won't run them again: undo your change, or begin the exercise again"
    return expect_that(what, not changed, "no change", got, where)


def meaning(source: str) -> str:
    """Return a file's syntax tree, to compare files without their layout and comments."""
    try:
        return ast.dump(ast.parse(source))
    except SyntaxError:
        return "no Python"


def ignored_options(sources: Iterable[str]) -> list[str]:
    """Return the options of `op.alter_column` calls that Alembic ignores, without an error."""
    from alembic.operations import Operations  # most checks don't need it

    known = inspect.signature(Operations.alter_column).parameters
    found = [each.arg or "" for source in sources for each in _options(source, "alter_column")]
    return [name for name in found if name not in known and not name.startswith(PREFIXES)]


def _options(source: str, function: str) -> Iterator[ast.keyword]:
    with suppress(SyntaxError):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == function:
                yield from node.keywords


def schemas(database: Database) -> set[str]:
    """Return the database's schemas, without PostgreSQL's own."""
    names = {name for (name,) in database.query("SELECT nspname FROM pg_catalog.pg_namespace")}
    return {name for name in names if not name.startswith("pg_") and name != "information_schema"}


def session_defaults(database: Database) -> set[str]:
    """Return what ALTER ROLE and ALTER DATABASE have set for later sessions."""
    from coursekit.course.session_defaults import FOUND

    return {each for *_, found in database.query(FOUND) for each in found}
