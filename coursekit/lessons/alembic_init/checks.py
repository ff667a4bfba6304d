"""The checks of this lesson."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from coursekit.exercises import draws
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, NotStarted, expect_equal, expect_that
from coursekit.exercises.literal_rows import insert_rows
from coursekit.exercises.schema import changes
from coursekit.exercises.submission import Submission
from coursekit.lessons.alembic_init.passwords import no_passwords

MEMBERS = "CREATE TABLE members (name varchar(50));"
# What a migration environment can't do without, and what each of these files contains.
TEMPLATE = {"env.py": "run_migrations", "script.py.mako": "def upgrade"}
PLACEHOLDER = (
    "alembic.ini: leave init's placeholder there. The file belongs in Git, a password doesn't"
)
INI = (
    "script_location in alembic.ini. init doesn't overwrite an existing alembic.ini: delete it "
    "and the folders that init created, then run init again."
)
SETTINGS = ("alembic.ini", "pyproject.toml")
ABSOLUTE = (
    "script_location in alembic.ini: an absolute path exists on your machine only. %(here)s is "
    "the folder that contains alembic.ini"
)
BEGIN_AGAIN = "the database: begin the exercise again, and leave the database as it is"


def a_member(random: Random) -> str:
    """Return a statement that adds a member."""
    return insert_rows("members", [{"name": draws.name(random)}])


def folder(submission: Submission) -> Iterator[CheckItem]:
    """Check that Alembic's script directory is `migrations`."""
    inside = [path.name for path in submission.project.iterdir() if path.name != "__pycache__"]
    if not {name for name in inside if name != "db.py" and not name.startswith(".")}:
        raise NotStarted
    there = sorted(name for name in submission.files if "/" not in name)
    ini = "alembic.ini" in there
    yield expect_that(
        "alembic.ini is in the project",
        ini,
        "alembic.ini next to db.py",
        there,
        "%alembic init, which creates it next to the folder",
    )
    wanted = [f"migrations/{name}" for name in TEMPLATE]
    found = [
        f"migrations/{name}"
        for name, inside in TEMPLATE.items()
        if inside in submission.files.get(f"migrations/{name}", "")
    ]
    yield expect_equal(
        "the migrations folder contains what init creates", found, wanted, _named(submission)
    )
    if found == wanted and ini:
        yield _new_revision(submission)
    yield no_passwords(submission, "the placeholder URL that init wrote", PLACEHOLDER)
    yield unchanged("db.py is unchanged", submission, "db.py")
    yield same_database(submission, "members", "name")


def _named(submission: Submission) -> str:
    """Return where to look if the folder isn't there or isn't complete."""
    folders = [
        path.removesuffix("/env.py") for path in submission.files if path.endswith("/env.py")
    ]
    if folders and "migrations" not in folders:
        return f"the word after %alembic init: your folder is called {' and '.join(folders)}"
    return "%alembic init migrations creates the whole folder: delete yours first"


def _new_revision(submission: Submission) -> CheckItem:
    what = "Alembic puts a new revision into migrations/versions"
    wanted = "Generating migrations/versions/..."
    if path := _absolute(submission):
        # A copy of the project would write into the project itself.
        return expect_that(what, False, wanted, path, ABSOLUTE)
    message = draws.word(submission.random)
    result = submission.alembic(f"revision -m {message}")
    new = [
        name
        for name, text in submission.copied_files.items()
        if name.startswith("migrations/versions/") and message in text
    ]
    return expect_that(what, bool(new), wanted, result, _about_ini(submission))


def _absolute(submission: Submission) -> str:
    """Return the line of a settings file that contains the project's absolute path."""
    paths = (str(submission.project), submission.project.as_posix())
    lines = "\n".join(submission.files.get(name, "") for name in SETTINGS).splitlines()
    found = (line for line in lines if not line.startswith("#"))
    return next((line for line in found if any(path in line for path in paths)), "")


def _about_ini(submission: Submission) -> str:
    """Return where to look in alembic.ini if a revision isn't created in the right folder."""
    ini = submission.files["alembic.ini"]
    if re.search(r"^version_locations", ini, re.MULTILINE):
        return "version_locations in alembic.ini: leave it out"
    if re.search(r"^revision_environment *= *true", ini, re.MULTILINE):
        return "revision_environment in alembic.ini: it runs env.py, which has no URL yet"
    return INI


def unchanged(what: str, submission: Submission, file: str) -> CheckItem:
    """Return an item that holds if one of the exercise's files is as `begin` wrote it."""
    before, after = (files.get(file, "") for files in (submission.initial_files, submission.files))
    return expect_that(
        what,
        before == after,
        "the file that begin wrote",
        "another one",
        f"{file}: begin the exercise again to restore it",
    )


def same_database(submission: Submission, table: str, column: str, allowed: str = "") -> CheckItem:
    """Return an item that holds if the database is as `begin` left it.

    Args:
        submission: The submission.
        table: A table whose rows are compared.
        column: The column to compare.
        allowed: A table that may have been added.

    """
    before, after = submission.initial_database, submission.database
    found = [
        str(change)
        for change in changes(before.snapshot(), after.snapshot())
        if not allowed or change.name.partition(".")[0] != allowed
    ]
    found += [f"+ added {thing}" for thing in sorted(_others(after) - _others(before))]
    differing = {name for name, *_ in _settings(before) ^ _settings(after)} - {allowed}
    found += [f"~ changed settings {name}" for name in sorted(differing) if before.has(name)]
    if not found and before.rows(table, column, by=column) != after.rows(table, column, by=column):
        found = [f"~ changed rows {table}"]
    return expect_that(
        "the database is unchanged", not found, "no changes", "; ".join(found), BEGIN_AGAIN
    )


def _settings(database: Database) -> set[tuple[str, str, str]]:
    """Return the storage parameters and the privileges of each table."""
    rows = database.query(
        "SELECT relnamespace OPERATOR(pg_catalog.=) 'public'::pg_catalog.regnamespace, relkind, "
        "relname, reloptions, relacl FROM pg_catalog.pg_class"
    )
    return {(name, *map(str, about)) for ours, kind, name, *about in rows if ours and kind == "r"}


def _others(database: Database) -> set[str]:
    """Return what `Schema` doesn't read: schemas, views and functions."""
    relations = database.query("SELECT relkind, relname FROM pg_catalog.pg_class")
    found = {
        "schema": database.query("SELECT 's', nspname FROM pg_catalog.pg_namespace"),
        "view": [row for row in relations if row[0] in ("v", "m")],
        "function": database.query("SELECT 'f', proname FROM pg_catalog.pg_proc"),
    }
    return {
        f"{kind} {name}"
        for kind, rows in found.items()
        for _, name in rows
        if not name.startswith("pg_")
    }
