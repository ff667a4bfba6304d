"""The checks of the exercises about columns and about e-mails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from sqlalchemy import Engine, Executable, inspect
from sqlalchemy import insert as insert_into
from sqlalchemy import select as select_from
from sqlalchemy.orm import Session

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
TRIGGER = (
    "a trigger or rule can't keep it: it doesn't see what other sessions haven't committed yet. "
    "A unique index does"
)
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


def _add(names: dict[str, Any], model: str, engine: Engine, row: Row) -> None:
    """Store an object with these attributes."""
    with Session(engine) as session:
        session.add(names[model](**row))
        session.commit()


def _set(names: dict[str, Any], model: str, engine: Engine, column: str, value: str) -> None:
    """Set an attribute of a stored object, and commit."""
    mapper = inspect(names[model])
    key = mapper.get_property_by_column(mapper.local_table.columns[column]).key
    with Session(engine) as session:
        one = session.scalars(select_from(names[model])).first()
        setattr(one, key, value)
        session.commit()


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
    return f"{REFUSED} by {rule[1]}" if rule else f"{REFUSED}: {result.error}"


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
    if len(missed) == len(rows) > 2 and all(each.startswith(f"{REFUSED} by") for each in said):
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
    named_only = wanted.startswith(f"{REFUSED} by") and got.startswith(f"{REFUSED}: ")
    return TRIGGER if named_only else where


def length(random: Random, name: str, limit: int, others: Row) -> Trial:
    """Return rows with a string of this length, and with one that's longer by a space in front."""
    row = others | {name: draws.text(random, limit)}
    what = f"{name} holds {limit} characters, and not one more"
    return (
        what,
        LENGTH,
        [(row, ACCEPTED), (row | {name: f" {draws.text(random, limit)}"}, REFUSED)],
    )


def book(submission: Submission) -> Iterator[CheckItem]:
    """Check that one column is required, one may be NULL, both have a length."""
    engine, random = submission.scratch(), submission.random
    word, other = draws.word(random), f" {draws.text(random, 7)} "
    yield (created := made(submission, "Book", engine, {"id"}, {"title", "subtitle"}))
    if not created.good:
        return
    where = 'the types in Mapped[...]: section "The smallest model" in lesson 05'
    default = "the column allows NULL, or a default supplies a title if the INSERT doesn't"
    same = "unique: nothing here has to be"
    tried = list(
        trials(
            Database(engine.url),
            "books",
            ("a book must have a title", where, [({"title": None, "subtitle": word}, REFUSED)]),
            ("an INSERT that names no title is refused", default, [({"subtitle": word}, REFUSED)]),
            ("a subtitle may be missing", where, [({"title": word, "subtitle": None}, ACCEPTED)]),
            (
                "two books may have the same title",
                same,
                [({"title": word, "subtitle": each}, ACCEPTED) for each in (other, None)],
            ),
            (
                "two books may have the same subtitle",
                same,
                [({"title": each, "subtitle": other}, ACCEPTED) for each in (other, word)],
            ),
            length(random, "title", 120, {"subtitle": word}),
            length(random, "subtitle", 200, {"title": word}),
        )
    )
    yield from tried
    if all(item.good for item in tried):
        yield from _through_class(submission, engine, word)


def _through_class(submission: Submission, engine: Engine, word: str) -> Iterator[CheckItem]:
    """Check what Python adds: no title is made up, no subtitle either, and none is changed."""
    database, title = Database(engine.url), f"{word} II"
    where = "a default, a constructor or the type: it supplies a title if there is none"
    ways: dict[str, tuple[Any, list[Row]]] = {
        "insert(Book)": (insert_values, [{"subtitle": word}, {"title": None, "subtitle": word}]),
        "Book(...)": (_add, [{"subtitle": word}, {"title": None, "subtitle": word}]),
    }
    for way, (store, rows) in ways.items():
        results = [submission.call(store, "Book", engine, row) for row in rows]
        refused = REFUSED if all(each.error for each in results) else ACCEPTED
        yield items.expect_equal(f"{way} without a title is refused", refused, REFUSED, where)
    done = [database.commit(statement("DELETE FROM public.books"), insert("books", title=title))]
    done.append(submission.call(insert_values, "Book", engine, {"title": title}))
    done += [
        submission.call(_add, "Book", engine, row)
        for row in ({"title": title}, {"title": title, "subtitle": None})
    ]
    failed = next((each for each in done if each.error), None)
    found = [list(row) for row in database.rows("books", "title", "subtitle")]
    where = "a default, a constructor, @validates or the type: it supplies or changes a value"
    what = "without a subtitle, it's NULL"
    stored = items.expect_equal(what, failed or found, [[title, None]] * len(done), where)
    yield stored
    if stored.good:
        yield from _through_update(submission, engine)


def _through_update(submission: Submission, engine: Engine) -> Iterator[CheckItem]:
    """Check that an attribute that's set isn't truncated, and that the other one stays as it is."""
    for column, limit in (("title", 120), ("subtitle", 200)):
        long = draws.text(submission.random, limit + 1)
        result = submission.call(_set, "Book", engine, column, long)
        where = f"@validates, or the type: a {column} that's too long is refused, not cut"
        refused = REFUSED if result.error else ACCEPTED
        yield items.expect_equal(f"book.{column} isn't truncated", refused, REFUSED, where)
    database, word = Database(engine.url), draws.word(submission.random)
    result = submission.call(_set, "Book", engine, "title", word)
    found = [
        subtitle for title, subtitle in database.rows("books", "title", "subtitle") if title == word
    ]
    where = "onupdate, or an event: it changes a subtitle that isn't set"
    what = "a new title leaves the subtitle alone"
    yield items.expect_equal(what, result if result.error else found, [None], where)
