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

ACCEPTED, REFUSED = "accepted", "refused"
NAMED = f"{REFUSED} by uq_readers_email_lower"
CHANGED = "what's stored isn't what was given: CHAR adds spaces, and a trigger can change anything"
LENGTH = "the length in String(...)"
NO_STRING = "the column's type: it must accept every string"
NUMBERED = "the id: it numbers the rows, and it alone is the primary key"
WHOLE = "the expression: two e-mails are the same only if they differ only in case"
UNIQUE = (
    'section "Unique regardless of case" in lesson 05: the index is unique, and covers every '
    "e-mail, with letters of every language"
)
TRIGGER = (
    "a trigger or rule can't keep it: it doesn't see what other sessions haven't committed yet. "
    "A unique index does"
)
DETERMINISTIC = (
    "SELECT collisdeterministic FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_attribute a "
    "ON c.oid OPERATOR(pg_catalog.=) a.attcollation WHERE attname OPERATOR(pg_catalog.=) 'email'"
)
AT_ONCE = statement("SET CONSTRAINTS ALL IMMEDIATE")
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


def _insert(names: dict[str, Any], model: str, engine: Engine, row: Row) -> None:
    """Insert a row through the model's table, with the defaults that Python supplies."""
    with engine.begin() as connection:
        connection.execute(insert_into(inspect(names[model]).local_table).values(row))


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
    return got.startswith(REFUSED) if wanted == REFUSED else got == wanted


def _trials(database: Database, table: str, *trials: Trial) -> Iterator[CheckItem]:
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
    named_only = wanted.startswith(f"{REFUSED} by") and got.startswith(f"{REFUSED}: ")
    return TRIGGER if named_only else where


def _length(random: Random, name: str, limit: int, others: Row) -> Trial:
    row = others | {name: draws.text(random, limit)}
    what = f"{name} holds {limit} characters, and not one more"
    return (
        what,
        LENGTH,
        [(row, ACCEPTED), (row | {name: draws.text(random, limit + 1)}, REFUSED)],
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
        _trials(
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
            _length(random, "title", 120, {"subtitle": word}),
            _length(random, "subtitle", 200, {"title": word}),
        )
    )
    yield from tried
    if all(item.good for item in tried):
        yield from _through_class(submission, engine, word)


def _through_class(submission: Submission, engine: Engine, word: str) -> Iterator[CheckItem]:
    """Check what Python adds: no title is made up, no subtitle either, and none is cut."""
    result = submission.call(_insert, "Book", engine, {"subtitle": word})
    where = "a default: it supplies a title if the INSERT doesn't"
    refused = REFUSED if result.error else ACCEPTED
    yield items.expect_equal("insert(Book) without a title is refused", refused, REFUSED, where)
    database = Database(engine.url)
    done = database.commit(statement("DELETE FROM public.books"), insert("books", title=word))
    result = submission.call(_insert, "Book", engine, {"title": word})
    failed = ProbeResult(error=done.error or result.error)
    got: Any = failed
    if not failed.error:
        got = [row[0] for row in database.rows("books", "subtitle")]
    where = "a default: it supplies a subtitle if the INSERT doesn't"
    yield items.expect_equal("without a subtitle, it's NULL", got, [None, None], where)
    for column, limit in (("title", 120), ("subtitle", 200)):
        long = draws.text(submission.random, limit + 1)
        result = submission.call(_set, "Book", engine, column, long)
        where = f"@validates, or the type: a {column} that's too long is refused, not cut"
        refused = REFUSED if result.error else ACCEPTED
        yield items.expect_equal(f"book.{column} isn't cut", refused, REFUSED, where)


def reader(submission: Submission) -> Iterator[CheckItem]:
    """Check that a named constraint makes an e-mail address unique, ignoring capitals."""
    engine, random = submission.scratch(), submission.random
    name, host = f"Ann.{draws.token(random)}", draws.word(random).title()
    yield (created := made(submission, "Reader", engine, {"id"}, {"email"}))
    if not created.good:
        return
    first = f"{name}@{host}.example"
    keeps = "which of your constraints refuses or changes it?"
    database = Database(engine.url)
    different = _different(random, name, host) + _pairs(database, random, name, host)
    again = {"email": f"{name.lower()}@{host.upper()}.Example"}
    capitals = [again, *({"email": each.upper()} for each in different[-2:])]
    tried = list(
        _trials(
            database,
            "readers",
            ("an e-mail stays as it was typed", keeps, [({"email": first}, ACCEPTED)]),
            ("another e-mail is accepted", WHOLE, [({"email": e}, ACCEPTED) for e in different]),
            (
                "the same e-mail in a different case is refused",
                UNIQUE,
                [(e, REFUSED) for e in capitals],
            ),
            ("the constraint or index has its name", "the name you gave it", [(again, NAMED)]),
            (
                "a reader must have an e-mail",
                "the type in Mapped[...]",
                [({"email": None}, REFUSED)],
            ),
            _length(random, "email", 255, {}),
        )
    )
    yield from tried
    if all(item.good for item in tried):
        yield _at_once(database, {"email": first}, again)


def _at_once(database: Database, first: Row, again: Row) -> CheckItem:
    """Report whether a session can store an e-mail that another one hasn't committed yet."""
    with database.session() as one, database.session() as two:
        one(AT_ONCE)
        one(insert("readers", **first))
        two(AT_ONCE)
        two(statement("SET LOCAL lock_timeout TO '50ms'"))
        result = two(insert("readers", **again))
    got = "the second one waits" if result.error else "both are accepted"
    what = "two sessions at the same time can't share an e-mail"
    return items.expect_equal(what, got, "the second one waits", TRIGGER)


def _pairs(database: Database, random: Random, name: str, host: str) -> list[str]:
    """Return e-mails that differ in accents or in the last of 255 characters only.

    An ICU collation that isn't deterministic takes both forms of é for one letter.

    Of the last two, the server must know the capitals; whether it does for accents depends on the
    collation of the database.
    """
    start = f"{name}@{host}."
    end = "".join(random.choice(draws.LETTERS) for _ in range(254 - len(start)))
    accents = [f"{name}{letter}@{host}.example" for letter in "eèaäoöuücçnñé"]
    known = database.query("SELECT pg_catalog.lower('É')") == [("é",)]
    if all(each for (each,) in database.query(DETERMINISTIC)):
        accents = [f"{name}e\u0301@{host}.example", f"{name}\ufb01@{host}.example", *accents]
    pair = [accents[-1], f"{start}{end}x"] if known else [f"{start}{end}x", f"{start}{end}y"]
    return [*accents[:-1], f"{start}{end}z", *pair]


def _different(random: Random, name: str, host: str) -> list[str]:
    """Return e-mails that differ from name@host.example in more than case."""
    first, end = f"{name}@{host}.example", draws.text(random, 30)
    longer = f"{name}@{host}.example.{end}"
    others = [longer, f"{longer}x", f"x{first}", f" {first}", f"{name}@{host}s.example"]
    tagged = [f"{name}+{draws.word(random)}@{host}.example", first.replace("Ann.", "Ann")]
    return [*others, *tagged, first.replace(".example", ".exam_le"), first.replace("Ann", "Ánn")]
