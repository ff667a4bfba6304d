"""The checks of this lesson."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import Any

from sqlalchemy import Engine, inspect, select
from sqlalchemy.orm import Session

from coursekit.exercises import draws, items
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult
from coursekit.exercises.statements import insert
from coursekit.exercises.submission import Submission
from tutorial_lib import hashing

TAKEN, REFUSED, HASH = "taken", "refused", "a hash of it"
RULE = re.compile(r'constraint "([^"]+)"$')
Row = dict[str, Any]
# What must hold, where to look if it doesn't, and rows, each with its expected result.
Trial = tuple[str, str, list[tuple[Row, str]]]


def _make_table(
    names: dict[str, Any], model: str, wanted: list[str], engine: Engine
) -> dict[str, list[str]]:
    """Create the model's tables; return its columns, and the attributes that aren't columns."""
    table = inspect(names[model]).local_table
    table.metadata.create_all(engine)
    columns = [column.name for column in table.columns]
    no_columns = [name for name in wanted if hasattr(names[model], name) and name not in columns]
    return {"columns": columns, "no columns": no_columns}


def _made(
    submission: Submission, model: str, engine: Engine, given: set[str], wanted: set[str]
) -> CheckItem:
    """Report whether the table has its columns; raise NotStarted if it has only the given ones."""
    result = submission.call(_make_table, model, sorted(wanted), engine)
    made = result.value or {"columns": [], "no columns": []}
    columns, others = set(made["columns"]), made["no columns"]
    if not result.error and not others and columns <= given:
        raise items.NotStarted
    got = result if result.error else ProbeResult(", ".join(made["columns"]))
    what, where = f"the table of {model} has its columns", f"the columns of class {model}"
    if others:
        where = f"{others[0]}, which is no column: what stands behind its `=`?"
    good = wanted <= columns
    return items.expect_that(what, good, ", ".join(sorted(given | wanted)), got, where)


def _tried(database: Database, table: str, before: list[Row], row: Row) -> str:
    """Insert rows with SQL, past the class, and describe what became of the last one."""
    statements = [insert(table, **each, returning=tuple(each)) for each in (*before, row)]
    result = database.attempt(*statements)
    if result.error:
        rule = RULE.search(result.error)
        return f"{REFUSED} by {rule[1]}" if rule else f"{REFUSED}: {result.error}"
    kept = dict(zip(row, result.value[0], strict=True))
    return TAKEN if kept == row else f"changed to {kept}"


def _fits(got: str, wanted: str) -> bool:
    """Compare results; without a named constraint, any refusal counts."""
    return got.startswith(REFUSED) if wanted == REFUSED else got == wanted


def _trials(database: Database, table: str, *trials: Trial) -> Iterator[CheckItem]:
    """Try rows, each with those before it that were taken, and roll them all back."""
    before: list[Row] = []
    for what, where, rows in trials:
        said = []
        for row, _ in rows:
            said.append(_tried(database, table, before, row))
            before += [row] * (said[-1] == TAKEN)
        good = all(_fits(got, wanted) for got, (_, wanted) in zip(said, rows, strict=True))
        expected = "; ".join(wanted for _, wanted in rows)
        yield items.expect_that(what, good, expected, "; ".join(said), where)


def _length(random: Random, name: str, limit: int, others: Row) -> Trial:
    row = others | {name: draws.text(random, limit)}
    what = f"{name} holds {limit} characters, and not one more"
    return (
        what,
        "the length in String(...)",
        [(row, TAKEN), (row | {name: draws.text(random, limit + 1)}, REFUSED)],
    )


def book(submission: Submission) -> Iterator[CheckItem]:
    """Check that one column is required, one may be NULL, both have a length."""
    engine, random = submission.scratch(), submission.random
    word, other = draws.word(random), draws.text(random, 9)
    yield (made := _made(submission, "Book", engine, {"id"}, {"title", "subtitle"}))
    if not made.good:
        return
    where = 'section "NULL or not" in lesson 05'
    no_title: Row = {"title": None, "subtitle": word}
    yield from _trials(
        Database(engine.url),
        "books",
        ("a book must have a title", where, [(no_title, REFUSED), ({"subtitle": word}, REFUSED)]),
        ("a subtitle may be missing", where, [({"title": word, "subtitle": None}, TAKEN)]),
        ("two books may have the same title", where, [({"title": word, "subtitle": other}, TAKEN)]),
        _length(random, "title", 120, {"subtitle": word}),
        _length(random, "subtitle", 200, {"title": word}),
    )


def reader(submission: Submission) -> Iterator[CheckItem]:
    """Check that a named constraint makes an e-mail address unique, ignoring capitals."""
    engine, random = submission.scratch(), submission.random
    name, host, end = (
        f"Ann.{draws.token(random)}",
        draws.word(random).title(),
        draws.text(random, 30),
    )
    yield (made := _made(submission, "Reader", engine, {"id"}, {"email"}))
    if not made.good:
        return
    section = 'section "Unique regardless of case" in lesson 05'
    again = {"email": f"{name.lower()}@{host.upper()}.Example"}
    named = [(again, f"{REFUSED} by uq_readers_email_lower")]
    first, longer = f"{name}@{host}.example", f"{name}@{host}.example.{end}"
    others = [longer, f"{longer}x", f"x{first}", f" {first}", f"{name}@{host}s.example"]
    keeps = "which rule of yours refuses or changes it"
    yield from _trials(
        Database(engine.url),
        "readers",
        ("an e-mail stays as it was written", keeps, [({"email": first}, TAKEN)]),
        (
            "another e-mail is accepted",
            "the constraint: it must compare the whole e-mail, and nothing else",
            [({"email": each}, TAKEN) for each in others],
        ),
        ("the same e-mail in other capitals is refused", section, [(again, REFUSED)]),
        ("the rule has its name", "the name that is given to the rule", named),
        ("a reader must have an e-mail", "the type in Mapped[...]", [({"email": None}, REFUSED)]),
        _length(random, "email", 255, {}),
    )


def _join(names: dict[str, Any], engine: Engine, name: str, password: str) -> None:
    """Store a member created by its constructor."""
    with Session(engine) as session:
        session.add(names["Member"](name=name, password=password))
        session.commit()


def _set(names: dict[str, Any], engine: Engine, attribute: str, value: str) -> None:
    """Load the only member, set one attribute, and commit."""
    with Session(engine) as session:
        setattr(session.scalars(select(names["Member"])).one(), attribute, value)
        session.commit()


def _stored(engine: Engine) -> tuple[str, str]:
    """Return the only member's name and password as stored."""
    ((name, password),) = Database(engine.url).rows("members", "name", "password")
    return str(name), str(password)


def _hash_of(password: str, stored: str) -> str:
    """Describe how a stored value relates to a password."""
    if stored == password:
        return "the password itself, in plain text"
    try:
        good = hashing.verify_password(password, stored)
    except ValueError:
        return f"no argon2 hash, but {stored!r}"
    return HASH if good else "a hash, but of something else"


def member(submission: Submission) -> Iterator[CheckItem]:
    """Check that a password is stored as a hash, however it's set."""
    engine, random = submission.scratch(), submission.random
    first, second = draws.password(random), draws.password(random)
    name, renamed = draws.name(random), draws.name(random)
    made = _made(submission, "Member", engine, {"id", "name"}, {"password"})
    section = 'section "A password is hashed, however it is set" in this lesson'
    where = f"{section}; a hash needs 97 characters"
    if not made.good:
        yield made
        return
    result = submission.call(_join, engine, name, first)
    got = result if result.error else ProbeResult(_hash_of(first, _stored(engine)[1]))
    yield items.expect_equal("Member(name=..., password=...) stores a hash", got, HASH, where)
    if result.error:
        return
    result = submission.call(_set, engine, "password", second)
    got = result if result.error else ProbeResult(_hash_of(second, _stored(engine)[1]))
    yield items.expect_equal("a password that is set later is stored as a hash", got, HASH, where)
    before = (renamed, _stored(engine)[1])
    result = submission.call(_set, engine, "name", renamed)
    good = not result.error and _stored(engine) == before
    got = result if result.error else ProbeResult(_stored(engine))
    where = "what runs when a row is stored again: a hash must not be hashed"
    yield items.expect_that("a new name leaves the password alone", good, str(before), got, where)
