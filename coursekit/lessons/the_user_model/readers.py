"""The check of the exercise about e-mail addresses that differ in more than case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from sqlalchemy import Engine
from sqlalchemy import insert as insert_into
from sqlalchemy import select as select_from
from sqlalchemy.orm import Session

from coursekit.exercises import draws, items
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem
from coursekit.exercises.statements import insert, statement, update
from coursekit.exercises.submission import Submission
from coursekit.lessons.the_user_model.trials import (
    ACCEPTED,
    AT_ONCE,
    EITHER,
    REFUSED,
    Row,
    insert_values,
    length,
    made,
    trials,
)

NAMED = f"{REFUSED} by uq_readers_email_lower"
TRIGGER = (
    "a trigger or rule can't keep it: it doesn't see what other sessions haven't committed yet. "
    "A unique index does"
)
WHOLE = "the expression: two e-mails are the same only if they differ only in case"
UNIQUE = (
    'section "Unique regardless of case" in lesson 05: the index is unique, and covers every '
    "e-mail, with letters of every language"
)
# Two pairs with the same hashtext(), the first one in lowercase, the second one in uppercase.
SAME_HASH = (
    "ann.50149@example.com",
    "ann.102291@example.com",
    "ann.865@example.com",
    "ann.27482@example.com",
)
HASHED = "the expression: two different e-mails can have the same hash"
DETERMINISTIC = (
    "SELECT collisdeterministic FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_attribute a "
    "ON c.oid OPERATOR(pg_catalog.=) a.attcollation WHERE attname OPERATOR(pg_catalog.=) 'email'"
)


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
    different = [*_different(random, name, host), *SAME_HASH]
    different += _pairs(database, random, name, host)
    again = {"email": f"{name.lower()}@{host.upper()}.Example"}
    capitals = [again, *({"email": each.upper()} for each in different[-2:])]
    same = [(each, REFUSED) for each in capitals]
    # A partial index leaves out strings without @, for example, or the empty one.
    for one in (name, ""):
        same += [({"email": one}, EITHER), ({"email": one.upper()}, REFUSED)]
    tried = list(
        trials(
            database,
            "readers",
            ("an e-mail stays as it was typed", keeps, [({"email": first}, ACCEPTED)]),
            ("another e-mail is accepted", WHOLE, [({"email": e}, ACCEPTED) for e in different]),
            ("the same e-mail in a different case is refused", UNIQUE, same),
            ("the constraint or index has its name", "the name you gave it", [(again, NAMED)]),
            (
                "a reader must have an e-mail",
                "the type in Mapped[...]",
                [({"email": None}, REFUSED)],
            ),
            length(random, "email", 255, {}),
        )
    )
    yield from map(_about_hash, tried)
    if all(item.good for item in tried):
        yield _changed(database, first, again["email"])
        yield _at_once(database, {"email": first}, again)
        emails = (f" {first} ", f"{host}@{name}", f"e\u0301{name}@{host}.\ufb01")
        yield from _through_class(submission, engine, emails)


def _about_hash(item: CheckItem) -> CheckItem:
    """Name the mistake if e-mails with the same hash are taken for the same one."""
    return replace(item, where=HASHED) if any(each in item.got for each in SAME_HASH) else item


def _keep(names: dict[str, Any], engine: Engine, first: str, *others: str) -> None:
    """Store e-mails, the first one of an object, and the others with insert()."""
    with Session(engine) as session:
        session.add(names["Reader"](email=first))
        for email in others:
            session.execute(insert_into(names["Reader"]).values(email=email))
        session.commit()


def _read(names: dict[str, Any], engine: Engine) -> list[str]:
    """Return the e-mails that a new session reads."""
    with Session(engine) as session:
        return sorted(reader.email for reader in session.scalars(select_from(names["Reader"])))


def _through_class(
    submission: Submission, engine: Engine, emails: tuple[str, ...]
) -> Iterator[CheckItem]:
    """Report whether the class supplies no e-mail, and leaves e-mails as they were typed."""
    result = submission.call(insert_values, "Reader", engine, {})
    where = "a default: it supplies an e-mail if the INSERT doesn't"
    got = REFUSED if result.error else ACCEPTED
    yield items.expect_equal("insert(Reader) without an e-mail is refused", got, REFUSED, where)
    result = submission.call(_keep, engine, *emails)
    stored = [row[0] for row in Database(engine.url).rows("readers", "email")]
    where = "@validates, or the type: the index ignores the case, and the column keeps it"
    what = "Reader(email=...) and insert(Reader) store an e-mail as it was typed"
    found: Any = result if result.error else sorted(each for each in stored if each)
    kept = items.expect_equal(what, found, sorted(emails), where)
    yield kept
    if kept.good and got == REFUSED:
        where = "process_result_value, or an event: it changes what's read"
        result = submission.call(_read, engine)
        yield items.expect_equal("a new session reads it as it was typed", result, found, where)


def _changed(database: Database, first: str, again: str) -> CheckItem:
    """Report whether an UPDATE can make an e-mail the same as another one."""
    with database.session() as run:
        run(AT_ONCE)
        run(insert("readers", email=first))
        run(insert("readers", email=f"x{first}"))
        result = run(update("readers", {"email": again}, email=f"x{first}"))
    what = "an UPDATE can't set another reader's e-mail"
    where = "a trigger or rule: it must cover UPDATE, too. A unique index does"
    return items.expect_equal(what, REFUSED if result.error else ACCEPTED, REFUSED, where)


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
    others = [longer, f"{longer}x", f"x{first}", f" {first}", f"{first} "]
    others += [f"{name}@{host}s.example", f"{name}-7@{host}.example", f"{name}-8@{host}.example"]
    tagged = [f"{name}+{draws.word(random)}@{host}.example", first.replace("Ann.", "Ann")]
    return [*others, *tagged, first.replace(".example", ".exam_le"), first.replace("Ann", "Ánn")]
