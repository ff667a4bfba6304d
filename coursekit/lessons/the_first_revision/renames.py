"""The check of the exercise about a column that gets another name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, NotStarted, expect_equal, expect_that
from coursekit.exercises.migrations import (
    earlier_revisions,
    ignored_options,
    in_step,
    initial_env,
    runs,
)
from coursekit.exercises.project_source import is_revision
from coursekit.exercises.statements import insert, statement, update
from coursekit.exercises.submission import Submission
from coursekit.exercises.surroundings import surroundings

if TYPE_CHECKING:
    from coursekit.exercises.database import Database

Row = tuple[object, ...]
MORE = "def {}: it must change this column only, and leave nothing behind"
EMPTY = (
    "def {}: add_column creates a column without the names, next to the one that has them. "
    "What renames that one?"
)


def _names_kept(database: Database, step: str, column: str, users: list[Row]) -> tuple[str, str]:
    """Return how many users have their name in this column, and where to look for the others."""
    found: dict[object, object] = dict(database.rows("users", "id", column))
    named = {number: name for number, _, _, name in users}
    kept = sum(found.get(number) == name for number, name in named.items())
    if len(found) < len(named):
        where = f"def {step}: it deletes users. All of them must be kept, whatever their names are"
    elif found.keys() != named.keys():
        where = f"def {step}: the users' ids must not change"
    elif all(str(found[number]).strip() == str(name).strip() for number, name in named.items()):
        where = f"def {step}: some names were changed. Are there spaces around them?"
    elif kept:
        where = f"def {step}: some names were lost or changed"
    else:
        where = f"def {step}: a column that is dropped takes its values with it"
    return f"{kept} of {len(named)}", where


def _users(column: str) -> list[str]:
    rest = ["email: character varying(255), not null", "id: integer, not null"]
    text_column = "character varying({}), not null"
    return sorted(
        [*rest, f"{column}: {text_column.format(50)}", f"password: {text_column.format(255)}"]
    )


def _people(random: Random) -> list[dict[str, Any]]:
    """Return users; among them two with the same name, one without, and names with spaces."""
    people = draws.users(random)
    spaced = f" {draws.name(random)} :{draws.word(random)}  "
    names = (people[0]["name"], "", spaced)
    more = draws.users(random)
    return people + [{**one, "name": name} for one, name in zip(more, names, strict=False)]


def renamed(submission: Submission) -> Iterator[CheckItem]:
    """Check that a column is renamed, and the names in it are kept."""
    if not submission.fills("upgrade"):
        raise NotStarted
    yield earlier_revisions(submission)
    submission.fill("users", _people(submission.random))
    fresh = submission.new_database()
    users, others = fresh.rows("users", "id", "email", "password", "name"), _others(fresh)
    for step, to, column in (("upgrade", "head", "full_name"), ("downgrade", "0001", "name")):
        items = list(_renames(submission, step, to, column, users))
        if all(item.good for item in items):
            items.append(_nothing_else(submission, step, others, column, users))
        yield from items
        if not all(item.good for item in items):
            return
        if step == "upgrade":
            users = _renamed_since(submission.copied_database, users, draws.name(submission.random))
    yield from _failures(submission)


def _others(database: Database) -> list[str]:
    """Describe the database as before the rename; the names of keys and indexes may differ."""
    objects = database.snapshot().objects.items()
    kinds = ("table", "constraint", "index", "sequence", "type")
    named = [f"{kind} {about or name}" for (kind, name), about in objects if kind in kinds]
    columns = [
        f"column {name.replace('users.full_name', 'users.name')} {about}"
        for (kind, name), about in objects
        if kind == "column"
    ]
    return sorted([*named, *columns, *surroundings(database)])


def _nothing_else(
    submission: Submission, step: str, others: list[str], column: str, users: list[Row]
) -> CheckItem:
    """Report what else a step has changed."""
    copy = submission.copied_database
    now = _others(copy)
    found = [f"added: {one}" for one in now if one not in others]
    found += [f"missing: {one}" for one in others if one not in now]
    values = {row[:3] for row in users} ^ {*copy.rows("users", "id", "email", "password")}
    found += ["changed: e-mails or passwords"] if values else []
    user: dict[str, Any] = {"email": "-", "password": "-", column: "-"}
    if not found and (error := copy.attempt(insert("users", **user)).error):
        found = [f"no user can be added: {error}"]
    return expect_equal(f"the {step} changes nothing else", found, [], MORE.format(step))


def _renamed_since(database: Database, users: list[Row], name: str) -> list[Row]:
    """Change a user's name, as the application does between upgrade and downgrade."""
    first, *rest = users
    database.commit(update("users", {"full_name": name}, id=first[0]))
    return [(*first[:3], name), *rest]


def _renames(
    submission: Submission, step: str, to: str, column: str, users: list[Row]
) -> Iterator[CheckItem]:
    """Run one direction, and report what became of the column and its values."""
    back = step == "downgrade"
    result = submission.alembic(f"{step} {to}", go_on=back, files=initial_env(submission))
    otherwise = f"def {step}: find the line that fails, and read what the error says"
    ran = runs(f"the {step} runs, with {len(users)} users", result, otherwise)
    if "NotNullViolation" in result.error:
        ran = replace(ran, where=EMPTY.format(step))
    yield ran
    if not ran.good:
        return
    got, wanted = submission.copied_database.columns("users"), _users(column)
    where = _column_advice(submission, step, got, column)
    yield expect_equal(f"after the {step}, the column is called {column}", got, wanted, where)
    if got != wanted:
        return
    every = f"{len(users)} of {len(users)}"
    kept, where = _names_kept(submission.copied_database, step, column, users)
    if back:
        where += ". Names that were changed after the upgrade count, too"
    yield expect_equal(f"the {step} keeps all names", kept, every, where)
    if not back:
        agree = in_step(submission)
        more = "'remove_table'" in agree.got or "'remove_index'" in agree.got
        yield replace(agree, where=MORE.format(step)) if more else agree


def _failures(submission: Submission) -> Iterator[CheckItem]:
    """Report whether each direction fails if the column can't be renamed."""
    upgrade = _failure(submission, "upgrade", "head", "name", "full_name")
    yield upgrade
    if upgrade.good:
        submission.alembic("upgrade head", go_on=True)
        yield _failure(submission, "downgrade", "0001", "full_name", "name")


def _failure(submission: Submission, step: str, to: str, old: str, new: str) -> CheckItem:
    """Run a step while PostgreSQL neither renames nor drops the column: it's inherited."""
    copy, parent = submission.copied_database, draws.word(submission.random)
    make = f"CREATE TABLE public.{parent} ({old} varchar(50) NOT NULL)"
    inherit = f"ALTER TABLE public.users INHERIT public.{parent}"
    copy.commit(statement(make), statement(inherit))
    result = submission.alembic(f"{step} {to}", go_on=True)
    good = bool(result.error) or copy.columns("users") == _users(new)
    got = "an error" if good else f"no error, although the column isn't called {new}"
    where = f"def {step}: it hides an error. Alembic then records that the {step} has run"
    copy.commit(statement(f"ALTER TABLE public.users NO INHERIT public.{parent}"))
    copy.commit(statement(f"DROP TABLE public.{parent}"))
    what = f"if the column can't be renamed, the {step} fails"
    return expect_that(what, good, "an error", got, where)


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
