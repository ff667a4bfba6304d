"""The checks of this lesson."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine

from coursekit.exercises import draws
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.submission import Submission


def _context(*, cheap: bool = False) -> Any:
    """Return a passlib context; hashing is imported only for the exercises that need it."""
    from tutorial_lib.hashing import CHEAP, make_context

    return make_context(CHEAP if cheap else {})


def _fits(password: str, stored: Any) -> bool:
    """Return whether a stored value is a hash of this password."""
    try:
        return bool(_context().verify(password, stored))
    except (ValueError, TypeError):
        return False


def _spot(result: ProbeResult, where: str) -> str:
    """Return where to look, taking it from the error where possible."""
    if result.error in ("KeyError: 'is_right'", "KeyError: 'sign_in'"):
        return "the second cell of the answer: run it, too"
    mixed = "UnknownHash" in result.error or "InvalidHash" in result.error
    return "the order of the arguments: which is the hash?" if mixed else where


def _made(names: dict[str, Any], password: str) -> list[Any]:
    return [names["make_hash"](password), names["make_hash"](password)]


def _is_right(names: dict[str, Any], typed: str, stored: str) -> Any:
    return names["is_right"](typed, stored)


def pair(submission: Submission) -> Iterator[CheckItem]:
    """Check that a password is hashed and verified."""
    password = f" Blue {draws.password(submission.random)}"
    made = submission.call(_made, password)
    first, second = made.value or (None, None)
    good = isinstance(first, str) and first.startswith("$argon2")
    got = made if made.error else first
    where = "make_hash: which kind of hash, and is it returned?"
    yield expect_that("make_hash returns an argon2 hash", good, "$argon2id$...", got, where)
    if not good:
        return
    kept = _context(cheap=True).hash(password)
    for typed, wanted, which in ((password, True, "the right"), (password[:-2], False, "a wrong")):
        result = submission.call(_is_right, typed, kept)
        where = _spot(result, "is_right: verify reads salt and costs in the stored hash")
        yield expect_equal(
            f"is_right about {which} password and a stored hash", result, wanted, where
        )
        if result.error:
            return
    where = "the salt: hash takes a new one, unless it is given one"
    yield expect_that("a second hash of it differs", first != second, "another salt", second, where)
    where = "make_hash: what is hashed?"
    yield expect_that(
        "the hash belongs to the password", _fits(password, first), "it does", "it does not", where
    )


ACCOUNTS = """
CREATE TABLE accounts (email varchar(255) PRIMARY KEY, password varchar(255) NOT NULL);
INSERT INTO accounts VALUES ('ann@example.com', '$argon2id$v=19$m=19456,t=2,p=1$hdAaQ0jJ2TvnP\
GesVUrJuQ$e7muj2HpSTGFdvMK1cWq1mKirn136Yk/+R4Y9H9ptUM')
"""


def _entered(names: dict[str, Any], engine: Engine, email: str, typed: str) -> Any:
    return names["log_in"](engine, email, typed)


def _stored(database: Database) -> dict[str, str]:
    return dict(database.rows("accounts", "email", "password"))


def log_in(submission: Submission) -> Iterator[CheckItem]:
    """Check that a right password is accepted, and its outdated hash replaced."""
    submission.database.rows("accounts", "email")  # the learner's own table still exists
    random = submission.random
    password = f"blue {draws.password(random)}"
    ben, other = f"o'{draws.email(random)}", draws.email(random)
    submission.fill("accounts", _accounts(password, ben, other))
    engine = submission.scratch()
    database = Database(engine.url)
    after = _stored(database)
    refused = list(_refuses(submission, engine, ben, password[:-2]))
    yield from refused
    if len(refused) < 2 or not refused[-1].good:
        return
    result = submission.call(_entered, engine, ben, password)
    where = "log_in: what it returns, and which engine it asks"
    yield expect_equal("the right password is accepted", result, True, where)
    if result.error:
        return
    last = _stored(database)
    new = last.get(ben, "")
    got = "the old hash" if new == after[ben] else _kind(password, new)
    good, where = got == TODAY, "log_in: the UPDATE, and whether it is committed"
    yield expect_that("now the table has a new hash of it", good, TODAY, got, where)
    others = {**last, ben: ""} == {**after, ben: ""}
    got = "they stay" if others else "they were changed, too"
    yield expect_that(
        "the other accounts stay", others, "they stay", got, "the WHERE of the UPDATE"
    )
    if not good:
        return
    result = submission.call(_entered, engine, ben, password)
    got = "one more new hash" if result.value is True else str(result)
    good = result.value is True and _stored(database) == last
    where = "log_in: what it does when the hash is not out of date"
    yield expect_that("the second log-in is accepted and changes nothing", good, "True", got, where)


def _accounts(password: str, *emails: str) -> list[dict[str, str]]:
    """Return accounts that share a password, each hashed with outdated costs."""
    old = _context(cheap=True)
    return [{"email": email, "password": old.hash(password)} for email in emails]


def _refuses(submission: Submission, engine: Engine, email: str, typed: str) -> Iterator[CheckItem]:
    """Report what `log_in` does with a wrong password; after an error, one item only."""
    before = _stored(Database(engine.url))
    result = submission.call(_entered, engine, email, typed)
    where = _spot(result, "log_in: what verify_and_update says first")
    yield expect_equal("a wrong password is refused", result, False, where)
    if result.error:
        return
    same = _stored(Database(engine.url)) == before
    got = "nothing" if same else "something in it is new"
    where = "log_in: the table changes only after a right password"
    yield expect_that("it changes nothing in the table", same, "nothing", got, where)


TODAY = "a hash of the password, with today's costs"


def _kind(password: str, stored: str) -> str:
    """Describe what's stored as a password's hash."""
    if not stored.startswith("$argon2"):
        return f"no argon2 hash: {stored}"
    if not _fits(password, stored):
        return "a hash of another password"
    if _context().needs_update(stored):
        return f"a hash with other costs, {stored.split('$')[3]}"
    return TODAY


def _signed_up(names: dict[str, Any], *passwords: str) -> list[Any]:
    return [names["sign_up"](password) for password in passwords]


def _signed_in(names: dict[str, Any], typed: str, stored: str) -> Any:
    return names["sign_in"](typed, stored)


FORM = "which form is hashed in sign_up, and which is verified in sign_in?"
MORE = "what else is changed beside the form?"


def forms(submission: Submission) -> Iterator[CheckItem]:
    """Check that both Unicode forms of a password are accepted as the same."""
    one = unicodedata.normalize("NFC", f" Rosé {draws.token(submission.random)} Crème")
    two = unicodedata.normalize("NFD", one)
    result = submission.call(_signed_up, one, two)
    hashes = result.value or []
    good = bool(hashes) and all(str(each).startswith("$argon2") for each in hashes)
    got = result if result.error else [str(each) for each in hashes]
    yield expect_that(
        "sign_up returns argon2 hashes", good, "['$argon2id$...', ...]", got, "sign_up"
    )
    if not good:
        return
    bare = two.encode("ascii", "ignore").decode()
    for what, typed, stored, wanted, where in (
        ("signed up with one character, signed in with two", two, hashes[0], True, FORM),
        ("signed up with two characters, signed in with one", one, hashes[1], True, FORM),
        ("a letter in place of a capital", one.lower(), hashes[0], False, MORE),
        ("without the accents", bare, hashes[0], False, MORE),
        ("without the space in front", one.strip(), hashes[0], False, MORE),
    ):
        result = submission.call(_signed_in, typed, stored)
        said = f"{what}: {'accepted' if wanted else 'refused'}"
        yield expect_equal(said, result, wanted, _spot(result, where))
        if result.error:
            return
