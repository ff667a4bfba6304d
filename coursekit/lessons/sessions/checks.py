"""The check of the exercise about the lost user."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from coursekit.exercises import draws
from coursekit.exercises.checked_out import WHERE as RETURNED_WHERE
from coursekit.exercises.checked_out import counted
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, Unreadable, expect_equal, expect_that
from coursekit.exercises.left_behind import left_as_it_was
from coursekit.exercises.sql_errors import about_sql
from coursekit.exercises.statements import insert
from coursekit.exercises.submission import Submission
from coursekit.lessons.sessions.definition import Definition

USERS = """
CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL);
INSERT INTO users (name) VALUES ('Ann');
"""
NOT_KEPT = (
    "Nothing was committed, and closing a session rolls back what wasn't. (A flush isn't a commit.)"
)
ELSEWHERE = "The change went elsewhere: use the engine that is passed in, not exercise.engine."
QUOTE = (
    "A name may contain a quote, a colon or a %. Pass it as a bound parameter, as in the statement."
)
EMPTY = "An empty string is a name, too: the database accepts it. Send every name, unchanged."
WHICH = "Which name does the function add: the one that is passed in, unchanged?"
BEFORE_RETURN = "Each call adds its row, and commits it before it returns."
LONG = 300  # characters: the column's type has no limit
# What the driver says about a % in a statement that it takes for a placeholder.
PLACEHOLDER = ("immutabledict", "format string", "format character", "index out of range")
NOT_NULL_VIOLATION = "23502"


def outside(database: Database, table: str, *columns: str, by: str) -> ProbeResult:
    """Return the rows that another connection sees, or its error."""
    try:
        return ProbeResult(database.rows(table, *columns, by=by))
    except (SQLAlchemyError, Unreadable) as error:
        return ProbeResult(error=str(getattr(error, "orig", None) or error).splitlines()[0])


def _add(names: dict[str, Any], engine: Engine, users: list[str]) -> dict[str, Any]:
    """Add users, and one without a name; return that one's error, and what isn't returned.

    The error is the names of its class and of that class's bases. Another user has an empty name.
    """
    refused: list[str] = []
    held: list[Exception] = []  # as a log would hold it, with all that its frames refer to
    with counted(engine) as out:
        for name in users:
            names["save_user"](engine, name)
        with suppress(Exception):  # no row shows it
            names["save_user"](engine, "")
        after_success = len(out)
        try:
            names["save_user"](engine, None)
        except Exception as error:
            held.append(error)
            refused = [each.__name__ for each in type(error).__mro__]
        own = bool(held) and _from_server(held[0])
        seen = {"refused": refused, "own": own, "success": after_success, "all": len(out)}
    return {**seen, "left": sorted(out.left)}


def _from_server(error: BaseException) -> bool:
    """Return whether an error has the server's code for a missing value, as psycopg keeps it."""
    both = (error, error.__cause__)  # pandas raises an error of its own from SQLAlchemy's
    raised = [*both, *(getattr(each, "orig", None) for each in both)]
    codes = {getattr(each, name, None) for each in raised for name in ("pgcode", "sqlstate")}
    return NOT_NULL_VIOLATION in codes


def kept_user(submission: Submission) -> Iterator[CheckItem]:
    """Check that another connection sees each new user, and what happens to a rejected one."""
    others = [draws.name(submission.random) for _ in range(2)]
    submission.fill("users", [{"name": name} for name in others])
    engine = submission.scratch()
    definition = Definition(Database(engine.url))
    # The first one's name is taken. Another is long enough to show its quote. The last ones have
    # the characters that SQL may run, or that `text` takes for a parameter.
    added = [others[1], f"Ben {draws.word(submission.random)}"]
    added += [f"Niamh O'Hara {draws.word(submission.random)}", *draws.names(submission.random)]
    added += [f" {draws.word(submission.random)}  :x", "Ze\N{COMBINING ACUTE ACCENT}lie"]
    added += [draws.text(submission.random, LONG), added[1]]
    result = submission.call(_add, engine, added)
    if result.error:
        where = _about_error(result.error, added)
        yield expect_that("save_user runs without an error", False, "no error", result, where)
        return
    yield from _rows(submission, Database(engine.url), ["Ann", *others], [*added, ""])
    yield from _rejected(result.value)
    yield definition.kept()


def _about_error(error: str, added: list[str]) -> str:
    """Return where to look after an error of a name that the database accepts."""
    if "'str' object has no attribute" in error:
        return "the order of the parameters: the engine comes first, and then the name"
    if error.startswith(("TypeError", "ValueError")) and any(one in error for one in PLACEHOLDER):
        return QUOTE
    return about_sql(error, added, QUOTE) or "The last line of the error says what's wrong."


def _rows(
    submission: Submission, database: Database, before: list[str], added: list[str]
) -> Iterator[CheckItem]:
    """Report on the rows that another connection sees."""
    found = outside(database, "users", "id", "name", by="id")
    what = "another connection sees a new row for each call, with the name that was passed in"
    if found.error:
        where = "What has happened to the table?"
        yield expect_that(what, False, "the users table", found, where)
        return
    first = list(range(1, len(before) + 1))
    new = [name for number, name in found.value if number not in first and name is not None]
    own = outside(submission.database, "users", "name", by="id")
    yield expect_equal(what, new, added, _why_not(new, added, own))
    left = [name for number, name in found.value if number in first]
    where = "The function adds a row. It mustn't change or remove any."
    yield expect_equal("the rows that were there before are unchanged", left, before, where)
    added_later = database.attempt(insert("users", name="Zoe"))
    got = added_later.error or "no error"
    where = "Leave the id out of the INSERT: the table's sequence assigns it, for all sessions."
    yield expect_equal("other programs can add users afterwards", got, "no error", where)


def _why_not(new: list[str], added: list[str], own: ProbeResult) -> str:
    """Return where to look if the new names aren't those that were added."""
    if not new:
        return ELSEWHERE if (added[1],) in (own.value or []) else NOT_KEPT
    if len(new) > len(added) + 1:  # the name None may have added one, too
        return "How many times does the function add the name?"
    missing = Counter(added) - Counter(new)
    extra = Counter(new) - Counter(added)
    if extra and list(map(_composed, new)) == list(map(_composed, added)):
        return "The function changes the Unicode form: a different name that looks the same."
    if extra:
        return WHICH
    if {*missing} == {""}:
        return EMPTY
    if missing and {*missing} <= {added[0], added[-2]}:
        return "Two users may have the same name. Each call adds a row."
    return BEFORE_RETURN


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _rejected(seen: dict[str, Any]) -> Iterator[CheckItem]:
    """Report on a name that the database rejects, and on the connections."""
    where = "Send every name to the database, and don't catch its error: no `if`, no `except`."
    got = next(iter(seen["refused"]), "no error for the name None")
    # DatabaseError is IntegrityError's base, and a class of pandas.
    good = seen["own"] and "DatabaseError" in seen["refused"]
    if seen["refused"]:
        where = (
            "This isn't the database's error. Don't catch it, or raise it again: a bare `raise`."
        )
    what = "if the database rejects a name, the caller gets its error"
    yield expect_that(what, good, "an IntegrityError", got, where)
    after = "" if seen["success"] else ", after the rejected name"
    got = f"{seen['all']} checked out{after}" if seen["all"] else "0 checked out"
    what = "every connection is returned to the pool"
    yield expect_equal(what, got, "0 checked out", RETURNED_WHERE)
    yield left_as_it_was(seen["left"])
