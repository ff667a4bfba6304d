"""The checks of the exercises about columns and about e-mails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import Any

from sqlalchemy import Engine, inspect

from coursekit.exercises import draws, items
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult
from coursekit.exercises.statements import insert
from coursekit.exercises.submission import Submission

ACCEPTED, REFUSED = "accepted", "refused"
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


def made(
    submission: Submission, model: str, engine: Engine, given: set[str], wanted: set[str]
) -> CheckItem:
    """Report whether the table has its columns; raise NotStarted if it has only the given ones."""
    result = submission.call(_make_table, model, sorted(wanted), engine)
    found = result.value or {"columns": [], "no columns": []}
    columns, others = set(found["columns"]), found["no columns"]
    if not result.error and not others and columns <= given:
        raise items.NotStarted
    got = result if result.error else ProbeResult(", ".join(found["columns"]))
    what, where = f"the table of {model} has its columns", f"the columns of class {model}"
    if others:
        where = f"{others[0]}, which isn't a column: assign mapped_column(...) to it"
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
    return ACCEPTED if kept == row else f"changed to {kept}"


def _fits(got: str, wanted: str) -> bool:
    """Compare results; without a named constraint, any refusal counts."""
    return got.startswith(REFUSED) if wanted == REFUSED else got == wanted


def _trials(database: Database, table: str, *trials: Trial) -> Iterator[CheckItem]:
    """Try rows, each with those before it that were accepted, and roll them all back."""
    before: list[Row] = []
    for what, where, rows in trials:
        said = []
        for row, _ in rows:
            said.append(_tried(database, table, before, row))
            before += [row] * (said[-1] == ACCEPTED)
        good = all(_fits(got, wanted) for got, (_, wanted) in zip(said, rows, strict=True))
        expected = "; ".join(wanted for _, wanted in rows)
        yield items.expect_that(what, good, expected, "; ".join(said), where)


def _length(random: Random, name: str, limit: int, others: Row) -> Trial:
    row = others | {name: draws.text(random, limit)}
    what = f"{name} holds {limit} characters, and not one more"
    return (
        what,
        "the length in String(...)",
        [(row, ACCEPTED), (row | {name: draws.text(random, limit + 1)}, REFUSED)],
    )


def book(submission: Submission) -> Iterator[CheckItem]:
    """Check that one column is required, one may be NULL, both have a length."""
    engine, random = submission.scratch(), submission.random
    word, other = draws.word(random), draws.text(random, 9)
    yield (created := made(submission, "Book", engine, {"id"}, {"title", "subtitle"}))
    if not created.good:
        return
    where = 'the types in Mapped[...]: section "The smallest model" in lesson 05'
    default = "a default: it supplies a title if the INSERT doesn't"
    same = "unique: nothing here has to be"
    yield from _trials(
        Database(engine.url),
        "books",
        ("a book must have a title", where, [({"title": None, "subtitle": word}, REFUSED)]),
        ("an INSERT that names no title is refused", default, [({"subtitle": word}, REFUSED)]),
        ("a subtitle may be missing", where, [({"title": word, "subtitle": None}, ACCEPTED)]),
        (
            "two books may have the same title",
            same,
            [({"title": word, "subtitle": other}, ACCEPTED)],
        ),
        (
            "two books may have the same subtitle",
            same,
            [({"title": other, "subtitle": other}, ACCEPTED)],
        ),
        _length(random, "title", 120, {"subtitle": word}),
        _length(random, "subtitle", 200, {"title": word}),
    )


def reader(submission: Submission) -> Iterator[CheckItem]:
    """Check that a named constraint makes an e-mail address unique, ignoring capitals."""
    engine, random = submission.scratch(), submission.random
    name, host = f"Ann.{draws.token(random)}", draws.word(random).title()
    yield (created := made(submission, "Reader", engine, {"id"}, {"email"}))
    if not created.good:
        return
    section = 'section "Unique regardless of case" in lesson 05'
    again = {"email": f"{name.lower()}@{host.upper()}.Example"}
    named = [(again, f"{REFUSED} by uq_readers_email_lower")]
    first = f"{name}@{host}.example"
    keeps = "which of your constraints refuses or changes it?"
    whole = "the expression: two e-mails are the same only if they differ only in case"
    different = [({"email": each}, ACCEPTED) for each in _different(random, name, host)]
    yield from _trials(
        Database(engine.url),
        "readers",
        ("an e-mail stays as it was typed", keeps, [({"email": first}, ACCEPTED)]),
        ("another e-mail is accepted", whole, different),
        ("the same e-mail in a different case is refused", section, [(again, REFUSED)]),
        ("the constraint or index has its name", "the name you gave it", named),
        ("a reader must have an e-mail", "the type in Mapped[...]", [({"email": None}, REFUSED)]),
        _length(random, "email", 255, {}),
    )


def _different(random: Random, name: str, host: str) -> list[str]:
    """Return e-mails that differ from name@host.example in more than case."""
    first, end = f"{name}@{host}.example", draws.text(random, 30)
    longer = f"{name}@{host}.example.{end}"
    others = [longer, f"{longer}x", f"x{first}", f" {first}", f"{name}@{host}s.example"]
    tagged = [f"{name}+{draws.word(random)}@{host}.example", first.replace("Ann.", "Ann")]
    return [*others, *tagged, first.replace(".example", ".exam_le"), first.replace("Ann", "Ánn")]
