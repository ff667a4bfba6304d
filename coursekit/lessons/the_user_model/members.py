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
from coursekit.exercises.statements import insert as insert_row
from coursekit.exercises.submission import Submission
from coursekit.lessons.the_user_model.lookalikes import hash_lookalikes
from coursekit.lessons.the_user_model.password_copies import column_with
from coursekit.lessons.the_user_model.trials import insert_values, made
from tutorial_lib import hashing

HASH, HASH_LENGTH = "a hash of it", 97
PLAIN = "the password itself, in plain text"
NOBODY = "no member with this name, or no password"
OBJECT = "an object"  # the first of the ways in which passwords are stored
SECTIONS = 'sections "Hash when the attribute is set" and "Hash in the column\'s type" in lesson 05'
NO_OBJECT = (
    "the type: insert() and update() create no objects, so neither @validates nor a constructor is "
    "called. process_bind_param gets every value of the column"
)
TWICE = "Is it hashed twice, in @validates and in the type? Is anything changed before it's hashed?"
LOOKS = (
    "the type: it must not go by what a password looks like. Someone who copies a stored hash "
    "could use it as a password"
)
SALT = "the salt: hash each password when it's stored, and don't reuse an earlier hash"
BESIDE = "the columns of Member: the password must not be stored anywhere, not even encoded"
COPIED = (
    "the type: a hash that's in the table is a password like any other. Someone who copies it "
    "could use it as a password"
)
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


def _store_all(names: dict[str, Any], engine: Engine, passwords: dict[str, str]) -> None:
    """Store new members, each of them with a password."""
    rows = [{"name": name, "password": password} for name, password in passwords.items()]
    with Session(engine) as session:
        session.execute(insert(names["Member"]), rows)
        session.commit()


def _rename(names: dict[str, Any], engine: Engine, before: str, after: str) -> str:
    """Load a member, set the name, and commit; return the password that was loaded."""
    member = names["Member"]
    with Session(engine) as session:
        one = session.scalars(select(member).where(member.name == before)).one()
        password, one.name = one.password, after
        session.commit()
        return str(password)


def _passwords(engine: Engine) -> dict[str, str]:
    """Return the password of each member, as stored."""
    return dict(Database(engine.url).rows("members", "name", "password"))


def _described(password: str, stored: str | None) -> str:
    """Describe how a stored value relates to a password."""
    if stored is None:
        return NOBODY
    if stored == password:
        return PLAIN
    try:
        good = hashing.verify_password(password, stored)
        good = good and not hashing.verify_password(f"not {password}", stored)
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
        if item.got not in (HASH, PLAIN):
            return
    yield from _unusual(submission, engine, names[OBJECT], names["many"])
    yield _missing(submission, engine, draws.name(random))
    yield _renamed(submission, engine, names[OBJECT], draws.name(random))


def _unusual(submission: Submission, engine: Engine, name: str, other: str) -> Iterator[CheckItem]:
    """Report whether the whole password is hashed, and one that looks like a hash, too."""
    random, what = submission.random, "a long password is hashed, with all of its characters"
    plain = draws.password(random)
    long = f"{plain}\ufb01e\u0301{draws.text(random, 1200)}{plain}"
    yield _stored_by(submission, engine, "set later", what, name, long)
    yield _looking_like_hashes(submission, engine, other)
    what = "an empty password is hashed, if it's accepted at all"
    result = submission.call(_store, engine, "set later", name, "")
    got = HASH if result.error else _described("", _passwords(engine).get(name))
    where = 'the type: "" is a string, too. Only None stays as it is, so compare with `is None`'
    yield expect_equal(what, got, HASH, where)


def _looking_like_hashes(submission: Submission, engine: Engine, other: str) -> CheckItem:
    """Report whether hashes are hashed: of many kinds, and the one of another member."""
    copied = _passwords(engine)[other]
    kinds = [*hash_lookalikes(submission.random), copied]
    by_name = {f"{draws.name(submission.random)} {place}": each for place, each in enumerate(kinds)}
    what = "a password that looks like a hash is hashed"
    result = submission.call(_store_all, engine, by_name)
    if result.error:
        where = LOOKS if "value too long" in result.error else _about(result.error, engine)
        return expect_that(what, False, HASH, result, where)
    found = _passwords(engine)
    described = {each: _described(each, found.get(name)) for name, each in by_name.items()}
    kept = [each for each in kinds if described[each] != HASH]
    got = described[kept[0]] if kept else HASH
    return expect_equal(what, got, HASH, COPIED if kept == [copied] else LOOKS)


def _missing(submission: Submission, engine: Engine, name: str) -> CheckItem:
    """Report whether a member without a password is refused, whichever statement stores it."""
    what = "a member without a password is refused"
    values = {"name": name}
    results = {
        "None": submission.call(insert_values, "Member", engine, {**values, "password": None}),
        "insert": submission.call(insert_values, "Member", engine, values),
        "SQL": Database(engine.url).commit(insert_row("members", name=name)),
    }
    accepted = [way for way, result in results.items() if not result.error]
    where = "the column, which must not allow NULL, and the type: None is no password to hash"
    if accepted and "None" not in accepted:
        where = "a default: it supplies a password if the INSERT doesn't"
    return expect_equal(what, "accepted" if accepted else "refused", "refused", where)


def _stored_by(
    submission: Submission, engine: Engine, way: str, what: str, name: str, password: str = ""
) -> CheckItem:
    """Report what becomes of a password that's stored in one way; by default, a drawn one."""
    password = password or draws.password(submission.random)
    result = submission.call(_store, engine, way, name, password)
    if result.error:
        return expect_that(what, False, HASH, result, _about(result.error, engine))
    kept = [name, f"{name} II"] if way == "many" else [name]
    found = _passwords(engine)
    described = [_described(password, found.get(each)) for each in kept]
    got = next((each for each in described if each != HASH), HASH)
    where = SECTIONS if way in (OBJECT, "set later") else NO_OBJECT
    if got == HASH and len({found[each] for each in kept}) < len(kept):
        got, where = "the same hash for two members with this password", SALT
    if got == HASH and (column := column_with(password, Database(engine.url))):
        got, where = column, BESIDE
    if got == "a hash, but of something else":
        where = TWICE
    elif got == NOBODY:
        where = _about_name(set(found))
    return expect_equal(what, got, HASH, where)


def _about_name(names: set[str]) -> str:
    """Return where to look if no member has the name that was stored."""
    if any(name.startswith("$argon2") for name in names):
        return "the name: only the password is hashed"
    return "the name: it's stored as another string, or not at all. Only the password is hashed"


def _about(error: str, engine: Engine) -> str:
    """Return where to look after an error in storing a password."""
    too_long = re.search(r"value too long for type character varying\((\d+)\)", error)
    if not too_long:
        return SECTIONS
    length = re.search(r"varying\((\d+)\)", Database(engine.url).column("members.password"))
    if length and int(length[1]) < HASH_LENGTH:
        return f"the length of password: a hash needs {HASH_LENGTH} characters"
    if length and length[1] == too_long[1]:
        return "the type: a long password must be hashed, too. Each hash is short enough"
    return "the name, whose column has 50 characters: only the password is hashed"


def _renamed(submission: Submission, engine: Engine, before: str, after: str) -> CheckItem:
    """Report whether a new name leaves the password alone."""
    kept = _passwords(engine)[before]
    result = submission.call(_rename, engine, before, after)
    found = _passwords(engine).get(after)
    got = result if result.error else ProbeResult("the same hash" if found == kept else found)
    good = not result.error and found == kept
    where = "what runs when a row is stored again: a hash must not be hashed"
    if good and result.value != kept:
        good, got = False, ProbeResult("another value, when it's read")
        where = "process_result_value: reading must return what's stored, or nobody can log in"
    return expect_that("a new name leaves the password alone", good, "the same hash", got, where)
