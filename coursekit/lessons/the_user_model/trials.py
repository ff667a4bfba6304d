"""Create the table of an exercise's model, and try rows in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from sqlalchemy import Engine, Executable, inspect
from sqlalchemy import insert as insert_into

from coursekit.exercises import draws, items
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult
from coursekit.exercises.statements import insert, statement
from coursekit.exercises.submission import Submission

ACCEPTED, REFUSED, EITHER = "accepted", "refused", "accepted or refused"
CHANGED = "what's stored isn't what was given: CHAR adds spaces, and a trigger can change anything"
LENGTH = "the length in String(...)"
NO_STRING = "the column's type: it must accept every string"
NUMBERED = "the id: it numbers the rows, and it alone is the primary key"
CONSTANT = (
    "the expression: it's the same for every e-mail. It has to use the column, as in "
    'text("lower(email)"); in func.lower("email"), "email" is only a string'
)
NAMELESS = (
    "a trigger or rule: its error doesn't name what was violated, so a program can't tell. A "
    "unique index names itself"
)
CHECK = "the CHECK "
AT_ONCE = statement("SET CONSTRAINTS ALL IMMEDIATE")
REQUIRED = re.compile(r'null value in column "([^"]+)"')
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
    return {"columns": columns, "no columns": no_columns, "schema": [table.schema or "public"]}


def insert_values(names: dict[str, Any], model: str, engine: Engine, row: Row) -> None:
    """Insert a row through the model's table, with the defaults that Python supplies."""
    with engine.begin() as connection:
        connection.execute(insert_into(inspect(names[model]).local_table).values(row))


def made(
    submission: Submission, model: str, engine: Engine, given: set[str], wanted: set[str]
) -> CheckItem:
    """Report whether the table has its columns; raise NotStarted if it has only the given ones."""
    result = submission.call(_make_table, model, sorted(wanted), engine)
    found = result.value or {"columns": [], "no columns": [], "schema": ["public"]}
    columns, others = set(found["columns"]), found["no columns"]
    if not result.error and not others and columns <= given:
        raise items.NotStarted
    got = result if result.error else ProbeResult(", ".join(found["columns"]))
    what, where = f"the table of {model} has its columns", f"the columns of class {model}"
    if others:
        where = f"{others[0]}, which isn't a column: assign mapped_column(...) to it"
    good = wanted <= columns
    if good and found["schema"] != ["public"]:
        good, where = False, "__table_args__: the table's schema is public, as it was"
        got = ProbeResult(f"in the schema {found['schema'][0]}: {', '.join(found['columns'])}")
    return items.expect_that(what, good, ", ".join(sorted(given | wanted)), got, where)


def _tried(run: Callable[[Executable], ProbeResult], table: str, row: Row) -> str:
    """Insert a row with SQL, past the class; describe what became of it, and keep it if right."""
    run(statement("SAVEPOINT tried"))
    result = run(insert(table, **row, returning=tuple(row)))
    kept = dict(zip(row, result.value[0], strict=True)) if not result.error else None
    if kept == row:
        return ACCEPTED
    run(statement("ROLLBACK TO SAVEPOINT tried"))
    if not result.error:
        return f"changed to {kept}"
    rule = RULE.search(result.error)
    kind = CHECK if "violates check constraint" in result.error else ""
    return f"{REFUSED} by {kind}{rule[1]}" if rule else f"{REFUSED}: {result.error}"


def _fits(got: str, wanted: str) -> bool:
    """Compare results; without a named constraint, any refusal counts."""
    if wanted == EITHER:
        return got == ACCEPTED or got.startswith(REFUSED)
    return got.startswith(REFUSED) if wanted == REFUSED else got == wanted


def trials(database: Database, table: str, *trials: Trial) -> Iterator[CheckItem]:
    """Try rows, each with those before it that were accepted, and roll them all back."""
    with database.session() as run:
        run(AT_ONCE)
        for what, where, rows in trials:
            said = [_tried(run, table, row) for row, _ in rows]
            yield _judged(what, where, rows, said)


def _judged(what: str, where: str, rows: list[tuple[Row, str]], said: list[str]) -> CheckItem:
    """Compare what became of rows with what must; of many, describe the first one that's wrong."""
    missed = [
        (row, got, wanted)
        for (row, wanted), got in zip(rows, said, strict=True)
        if not _fits(got, wanted)
    ]
    expected, got = "; ".join(wanted for _, wanted in rows), "; ".join(said)
    if len(rows) > 2:
        expected, got = f"each of the {len(rows)}: {rows[0][1]}", f"{len(said)} of {len(rows)}"
        if missed:
            expected = missed[0][2]
            got = f"{', '.join(map(repr, missed[0][0].values()))}: {missed[0][1]}"
    if missed:
        where = _advice(missed[0][1], missed[0][2], where)
    by_index = (each.startswith(f"{REFUSED} by") and CHECK not in each for each in said)
    if len(missed) == len(rows) > 2 and all(by_index):
        where = CONSTANT
    return items.expect_that(what, not missed, expected, got, where)


def _advice(got: str, wanted: str, where: str) -> str:
    """Return where to look, if what happened shows more than the condition that's violated."""
    if got.startswith("changed to"):
        return CHANGED
    if "invalid input syntax" in got:
        return NO_STRING
    if "value too long" in got:
        return LENGTH
    if 'null value in column "id"' in got:
        return NUMBERED
    if wanted == ACCEPTED and (required := REQUIRED.search(got)):
        return f"the column {required[1]}: a row may lack it"
    if "non-DEFAULT" in got:
        return "Computed: the value is the one that the INSERT supplies"
    if where == LENGTH and wanted == ACCEPTED and got.startswith(f"{REFUSED} by"):
        return "the constraint that refuses it: the string isn't too long"
    if wanted == ACCEPTED and got.startswith(f"{REFUSED} by {CHECK}"):
        return f"{got.removeprefix(f'{REFUSED} by ')}: it refuses a value that's allowed"
    named_only = wanted.startswith(f"{REFUSED} by") and got.startswith(f"{REFUSED}: ")
    return NAMELESS if named_only else where


def length(random: Random, name: str, limit: int, others: Row) -> Trial:
    """Return rows with a string of this length, and with one that's longer by a space in front."""
    row = others | {name: draws.text(random, limit)}
    what = f"{name} holds {limit} characters, and not one more"
    return (
        what,
        LENGTH,
        [(row, ACCEPTED), (row | {name: f" {draws.text(random, limit)}"}, REFUSED)],
    )
