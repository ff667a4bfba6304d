"""The check of the exercise about columns that are required, or may be NULL."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from random import Random
from typing import Any

from sqlalchemy import Engine, inspect, select, update
from sqlalchemy.orm import Session

from coursekit.exercises import draws, items
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult
from coursekit.exercises.statements import insert, statement
from coursekit.exercises.submission import Submission
from coursekit.lessons.the_user_model.trials import (
    ACCEPTED,
    EITHER,
    REFUSED,
    Row,
    Trial,
    insert_values,
    length,
    made,
    trials,
)

EMPTY_TABLE = statement("DELETE FROM public.books")


def _add(names: dict[str, Any], engine: Engine, row: Row) -> None:
    """Store a book with these attributes."""
    with Session(engine) as session:
        session.add(names["Book"](**row))
        session.commit()


def _set(names: dict[str, Any], engine: Engine, column: str, value: str) -> None:
    """Set an attribute of a stored book, and commit."""
    mapper = inspect(names["Book"])
    key = mapper.get_property_by_column(mapper.local_table.columns[column]).key
    with Session(engine) as session:
        one = session.scalars(select(names["Book"])).first()
        setattr(one, key, value)
        session.commit()


def _update(names: dict[str, Any], engine: Engine, column: str, value: str) -> None:
    """Set a column of every book with update()."""
    with Session(engine) as session:
        session.execute(update(names["Book"]).values({column: value}))
        session.commit()


def _read(names: dict[str, Any], engine: Engine) -> list[list[str | None]]:
    """Return the titles and subtitles that a new session reads."""
    with Session(engine) as session:
        books = session.scalars(select(names["Book"]).order_by(names["Book"].id))
        return [[book.title, book.subtitle] for book in books]


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
            _short(random),
            length(random, "title", 120, {"subtitle": word}),
            length(random, "subtitle", 200, {"title": word}),
        )
    )
    yield from tried
    if all(item.good for item in tried):
        yield from _through_class(submission, engine, word)


def _short(random: Random) -> Trial:
    """Return rows with short strings; a CHECK may refuse an empty subtitle."""
    one, two = draws.text(random, 1), draws.text(random, 2)
    rows: list[tuple[Row, str]] = [
        ({"title": one, "subtitle": one}, ACCEPTED),
        ({"title": two, "subtitle": two}, ACCEPTED),
        ({"title": two, "subtitle": ""}, EITHER),
    ]
    where = "the constraint that refuses it: any string that isn't too long is allowed"
    return "short strings are accepted", where, rows


def _through_class(submission: Submission, engine: Engine, word: str) -> Iterator[CheckItem]:
    """Check what Python adds: no title is made up, no subtitle either, and none is changed."""
    yield from _no_title(submission, engine, word)
    stored = _no_subtitle(submission, engine, f"{word} II")
    yield stored
    if not stored.good:
        return
    yield from _not_cut(submission, engine)
    kept = _stored_as_given(submission, engine)
    yield kept
    if kept.good:
        yield _read_as_stored(submission, engine)
    yield from _other_left_alone(submission, engine)


def _no_title(submission: Submission, engine: Engine, word: str) -> Iterator[CheckItem]:
    where = "a default, a constructor or the type: it supplies a title if there is none"
    rows: list[Row] = [{"subtitle": word}, {"title": None, "subtitle": word}]
    results = {
        "insert(Book)": [submission.call(insert_values, "Book", engine, row) for row in rows],
        "Book(...)": [submission.call(_add, engine, row) for row in rows],
    }
    for way, ended in results.items():
        refused = REFUSED if all(each.error for each in ended) else ACCEPTED
        yield items.expect_equal(f"{way} without a title is refused", refused, REFUSED, where)


def _no_subtitle(submission: Submission, engine: Engine, title: str) -> CheckItem:
    database = Database(engine.url)
    done = [database.commit(EMPTY_TABLE, insert("books", title=title))]
    done.append(submission.call(insert_values, "Book", engine, {"title": title}))
    done += [
        submission.call(_add, engine, row)
        for row in ({"title": title}, {"title": title, "subtitle": None})
    ]
    failed = next((each for each in done if each.error), None)
    found = _stored(database)
    where = "a default, a constructor, @validates or the type: it supplies or changes a value"
    what = "without a subtitle, it's NULL"
    return items.expect_equal(what, failed or found, [[title, None]] * len(done), where)


def _not_cut(submission: Submission, engine: Engine) -> Iterator[CheckItem]:
    """Report whether an attribute that's set is refused if it's too long."""
    for column, limit in (("title", 120), ("subtitle", 200)):
        long = draws.text(submission.random, limit + 1)
        result = submission.call(_set, engine, column, long)
        where = f"@validates, an event or the type: a {column} that's too long is refused, not cut"
        refused = REFUSED if result.error else ACCEPTED
        yield items.expect_equal(f"book.{column} isn't truncated", refused, REFUSED, where)


def _odd(random: Random, size: int) -> str:
    """Return a string with outer spaces, capitals, and letters that have another Unicode form."""
    start, end = " Ae\u0301", "\ufb01 "
    return f"{start}{draws.text(random, size - len(start) - len(end))}{end}"


def _stored_as_given(submission: Submission, engine: Engine) -> CheckItem:
    """Report whether both ways to store a book leave its strings alone."""
    random, database = submission.random, Database(engine.url)
    database.commit(EMPTY_TABLE)
    rows = [
        {"title": _odd(random, 9), "subtitle": ""},  # a CHECK may refuse an empty subtitle
        {"title": _odd(random, 120), "subtitle": _odd(random, 200)},
    ]
    results = [
        (row, store)
        for row in rows
        for store in (
            submission.call(_add, engine, row),
            submission.call(insert_values, "Book", engine, row),
        )
    ]
    failed = next((each for row, each in results if each.error and row["subtitle"]), None)
    wanted: list[list[str | None]] = [[*row.values()] for row, each in results if not each.error]
    where = "@validates, an event or the type: it changes a string before it's stored"
    what = "Book(...) and insert(Book) store every string as it is"
    return _same(what, failed or ProbeResult(_stored(database)), wanted, where)


def _read_as_stored(submission: Submission, engine: Engine) -> CheckItem:
    result = submission.call(_read, engine)
    where = "process_result_value, or an event: it changes what's read"
    what = "a new session reads what's stored"
    return _same(what, result, _stored(Database(engine.url)), where)


def _same(what: str, result: ProbeResult, wanted: list[list[str | None]], where: str) -> CheckItem:
    """Compare books; describe the first title or subtitle that differs, because some are long."""
    pairs = zip(chain(*wanted), chain(*(result.value or [])), strict=False)
    differs = next((pair for pair in pairs if pair[0] != pair[1]), None)
    if result.error or not differs:
        return items.expect_equal(what, result, wanted, where)
    return items.expect_equal(what, differs[1], differs[0], where)


def _stored(database: Database) -> list[list[str | None]]:
    """Return the titles and subtitles in the table, in the order of `_read`."""
    return [[*row] for row in database.rows("books", "title", "subtitle", by="id")]


def _other_left_alone(submission: Submission, engine: Engine) -> Iterator[CheckItem]:
    """Report whether the column that isn't set stays as it is, whichever statement is sent."""
    random, database = submission.random, Database(engine.url)
    for column, other in (("title", "subtitle"), ("subtitle", "title")):
        before: Row = {"title": _odd(random, 120), "subtitle": None}
        word = draws.word(random)
        got: list[Any] = []
        for change in (_set, _update):
            database.commit(EMPTY_TABLE, insert("books", **before))
            result = submission.call(change, engine, column, word)
            stored = [value for (value,) in database.rows("books", other)]
            got.append(result.error or stored[0])
        where = f"onupdate, or an event: it changes a {other} that isn't set"
        what = f"a new {column} leaves the {other} alone"
        changed = next((each for each in got if each != before[other]), before[other])
        yield items.expect_equal(what, changed, before[other], where)
