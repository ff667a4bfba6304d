"""The checks of this lesson."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sqlalchemy import Engine

from coursekit.exercises import draws
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.submission import Probe, Submission


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


# What a trial is about, the probe's arguments, and the wanted value.
Trial = tuple[str, tuple[str, str], bool]


def _tried(submission: Submission, probe: Probe, trials: list[Trial]) -> dict[str, ProbeResult]:
    """Run trials in a drawn order: a function that counts its calls can't know what to return.

    Returns:
        A result for each thing that a trial is about: one that isn't as wanted, if there is one.

    """
    found: dict[str, ProbeResult] = {}
    for about, arguments, wanted in submission.random.sample(trials, len(trials)):
        result = submission.call(probe, *arguments)
        if about not in found or result.error or result.value is not wanted:
            found[about] = result
    return found


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
    wrong = (password[:-2], password[1:], f"{password}.", password.upper(), password.lower())
    trials: list[Trial] = [("the right", (password, kept), True) for _ in wrong]
    trials += [("a wrong", (typed, kept), False) for typed in wrong]
    found = _tried(submission, _is_right, trials)
    for which, wanted in (("the right", True), ("a wrong", False)):
        result = found[which]
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
    for _ in range(random.randrange(6)):
        refused = list(_refuses(submission, engine, ben, draws.password(random)))
        if len(refused) < 2 or not all(item.good for item in refused):
            break
    else:
        refused = list(_refuses(submission, engine, ben, password[:-2]))
    yield from refused
    if len(refused) < 2 or not refused[-1].good:
        return
    result = submission.call(_entered, engine, ben, password)
    where = "log_in: what it returns, and which engine it uses"
    yield expect_equal("the right password is accepted", result, True, where)
    if result.error:
        return
    last = _stored(database)
    new = last.get(ben, "")
    got = "the old hash" if new == after[ben] else _kind(password, new)
    good, where = got == TODAY, "log_in: the UPDATE, and whether it is committed"
    yield expect_that("now the table has a new hash of it", good, TODAY, got, where)
    others = {**last, ben: ""} == {**after, ben: ""}
    got = "they stay" if others else "they were also changed"
    yield expect_that(
        "the other accounts stay", others, "they stay", got, "the WHERE of the UPDATE"
    )
    if not good:
        return
    yield from _again(submission, engine, ben, password)


def _again(submission: Submission, engine: Engine, email: str, right: str) -> Iterator[CheckItem]:
    """Report on more log-ins, right and wrong ones in a drawn order."""
    last, results = _stored(Database(engine.url)), {right: ProbeResult(True)}
    typed = [right] * 3 + [f"{right}{draws.word(submission.random)}" for _ in range(3)]
    for each in submission.random.sample(typed, len(typed)):
        result = submission.call(_entered, engine, email, each)
        if result.error or result.value is not (each == right):
            results[each] = result
    accepted = results.pop(right)
    got = "one more new hash" if accepted.value is True else str(accepted)
    good = accepted.value is True and _stored(Database(engine.url)) == last
    where = "log_in: what it does when the hash is not out of date"
    yield expect_that("the second log-in is accepted and changes nothing", good, "True", got, where)
    wrong = next(iter(results.values()), ProbeResult(False))
    where = _spot(wrong, "log_in: what verify_and_update says first")
    yield expect_equal("then a wrong password is still refused", wrong, False, where)


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
    trials = [*_form_trials(one, *hashes), *_others(submission, one, hashes[0])]
    found = _tried(submission, _signed_in, trials)
    for what, (wanted, where) in SIGN_INS.items():
        result = found[what]
        said = f"{what}: {'accepted' if wanted else 'refused'}"
        yield expect_equal(said, result, wanted, _spot(result, where))
        if result.error:
            return
    hashed = all(_form(one, each) for each in hashes)
    belong = "they do" if hashed else "they do not"
    yield expect_that("the hashes belong to the password", hashed, "they do", belong, MORE)


SIGN_INS = {
    "signed up with one character, signed in with two": (True, FORM),
    "signed up with two characters, signed in with one": (True, FORM),
    "a letter in place of a capital": (False, MORE),
    "without the accents": (False, MORE),
    "without the space in front": (False, MORE),
}


def _form_trials(one: str, first: str, second: str) -> list[Trial]:
    """Return the sign-ins to try with the hashes of a password's two forms."""
    two = unicodedata.normalize("NFD", one)
    bare = two.encode("ascii", "ignore").decode()
    typed = (two, one, one.lower(), bare, one.strip())
    stored = (first, second, first, first, first)
    return [
        (about, (each, kept), SIGN_INS[about][0])
        for about, each, kept in zip(SIGN_INS, typed, stored, strict=True)
    ]


FORMS: dict[str, Callable[[str], str]] = {
    "NFC": partial(unicodedata.normalize, "NFC"),
    "NFD": partial(unicodedata.normalize, "NFD"),
    "NFKC": partial(unicodedata.normalize, "NFKC"),
    "NFKD": partial(unicodedata.normalize, "NFKD"),
}


def _form(password: str, stored: str) -> str:
    """Return the Unicode form in which a password was hashed; "" if it's no hash of it."""
    return next((form for form in FORMS if _fits(FORMS[form](password), stored)), "")


def _others(submission: Submission, one: str, stored: str) -> list[Trial]:
    """Return sign-ins with hashes that sign_up hasn't made, in the form in which it hashes."""
    form, trials = _form(one, stored), []
    for _ in range(2 if form else 0):
        other = unicodedata.normalize("NFC", f" Zoë {draws.token(submission.random)} Façade")
        kept = _context(cheap=True).hash(FORMS[form](other))
        trials += _form_trials(other, kept, kept)
    return trials
