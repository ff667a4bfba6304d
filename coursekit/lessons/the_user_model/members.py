"""The check of the exercise about a password that's always hashed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.orm import Session

from coursekit.exercises import draws
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.submission import Submission
from coursekit.lessons.the_user_model.checks import made
from tutorial_lib import hashing

HASH, HASH_LENGTH = "a hash of it", 97
OBJECT = "an object"  # the first of the ways in which passwords are stored
SECTIONS = 'sections "Hash when the attribute is set" and "Hash in the column\'s type" in lesson 05'
NO_OBJECT = (
    "the type: insert() and update() create no objects, so neither @validates nor a constructor is "
    "called. process_bind_param gets every value of the column"
)
TWICE = "Is it hashed twice, in @validates and in the type? Is anything changed before it's hashed?"
WAYS = {
    OBJECT: "Member(name=..., password=...) stores a hash",
    "set later": "a password that's set later is stored as a hash",
    "insert": "insert(Member) stores a hash",
    "many": "insert(Member) with a list of rows stores a hash in each",
    "update": "update(Member) stores a hash",
}


def _store(names: dict[str, Any], engine: Engine, way: str, name: str, password: str) -> None:
    """Store a password for the member with that name."""
    member, values = names["Member"], {"name": name, "password": password}
    with Session(engine) as session:
        if way == OBJECT:
            session.add(member(**values))
        elif way == "set later":
            session.scalars(select(member).where(member.name == name)).one().password = password
        elif way == "insert":
            session.execute(insert(member).values(**values))
        elif way == "many":
            session.execute(insert(member), [values, {**values, "name": f"{name} II"}])
        else:
            session.execute(update(member).where(member.name == name).values(password=password))
        session.commit()


def _rename(names: dict[str, Any], engine: Engine, before: str, after: str) -> None:
    """Load a member, set the name, and commit."""
    member = names["Member"]
    with Session(engine) as session:
        session.scalars(select(member).where(member.name == before)).one().name = after
        session.commit()


def _passwords(engine: Engine) -> dict[str, str]:
    """Return the password of each member, as stored."""
    return dict(Database(engine.url).rows("members", "name", "password"))


def _described(password: str, stored: str | None) -> str:
    """Describe how a stored value relates to a password."""
    if stored is None:
        return "no such member, or no password"
    if stored == password:
        return "the password itself, in plain text"
    try:
        good = hashing.verify_password(password, stored)
    except ValueError:
        return f"no argon2 hash, but {stored!r}"
    return HASH if good else "a hash, but of something else"


def member(submission: Submission) -> Iterator[CheckItem]:
    """Check that a password is stored as a hash, whichever statement stores it."""
    engine, random = submission.scratch(), submission.random
    created = made(submission, "Member", engine, {"id", "name"}, {"password"})
    if not created.good:
        yield created
        return
    names = {way: draws.name(random) for way in WAYS}
    names["set later"] = names[OBJECT]
    names["update"] = names["insert"]
    for way, what in WAYS.items():
        item = _stored_by(submission, engine, way, what, names[way])
        yield item
        if item.got not in (HASH, "the password itself, in plain text"):
            return
    yield _renamed(submission, engine, names[OBJECT], draws.name(random))


def _stored_by(submission: Submission, engine: Engine, way: str, what: str, name: str) -> CheckItem:
    """Report what becomes of a password that's stored in one way."""
    password = draws.password(submission.random)
    result = submission.call(_store, engine, way, name, password)
    if result.error:
        return expect_that(what, False, HASH, result, _about(result.error, engine))
    kept = [name, f"{name} II"] if way == "many" else [name]
    found = _passwords(engine)
    described = [_described(password, found.get(each)) for each in kept]
    got = next((each for each in described if each != HASH), HASH)
    where = SECTIONS if way in (OBJECT, "set later") else NO_OBJECT
    if got == "a hash, but of something else":
        where = TWICE
    elif got.startswith("no such member"):
        where = "the name: only the password is hashed"
    return expect_equal(what, got, HASH, where)


def _about(error: str, engine: Engine) -> str:
    """Return where to look after an error in storing a password."""
    if "value too long" not in error:
        return SECTIONS
    length = re.search(r"varying\((\d+)\)", Database(engine.url).column("members.password"))
    if length and int(length[1]) < HASH_LENGTH:
        return f"the length of password: a hash needs {HASH_LENGTH} characters"
    return "the name, whose column has 50 characters: only the password is hashed"


def _renamed(submission: Submission, engine: Engine, before: str, after: str) -> CheckItem:
    """Report whether a new name leaves the password alone."""
    kept = _passwords(engine)[before]
    result = submission.call(_rename, engine, before, after)
    found = _passwords(engine).get(after)
    got = result if result.error else ProbeResult("the same hash" if found == kept else found)
    good = not result.error and found == kept
    where = "what runs when a row is stored again: a hash must not be hashed"
    return expect_that("a new name leaves the password alone", good, "the same hash", got, where)
