"""The check of the exercise about hashing and verifying."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.submission import Submission
from coursekit.lessons.passwords.trials import (
    Trial,
    advice,
    context,
    fits,
    lookalikes,
    tried,
)

VERIFY = (
    "is_right: it refuses every hash, even make_hash's. Hashing again and comparing can't work, "
    "because a new hash has a new salt. verify reads salt and costs from the stored hash"
)
OWN = (
    "is_right: it accepts hashes at make_hash's own costs only. verify reads the costs from the "
    "stored hash, whatever they are"
)
KNOWN = (
    "is_right: it accepts only hashes that make_hash has returned. verify works with any argon2 "
    "hash, because the salt and the costs are in it"
)
ITSELF = (
    "is_right: anyone who reads the table could log in with what's stored in it. Let verify decide"
)
SAME = "is_right: it must compare the whole password, exactly as it was typed"


def _made(names: dict[str, Any], password: str) -> list[Any]:
    return [names["make_hash"](password)]


def _is_right(names: dict[str, Any], typed: str, stored: str) -> Any:
    return names["is_right"](typed, stored)


def pair(submission: Submission) -> Iterator[CheckItem]:
    """Check that a password is hashed and verified."""
    random = submission.random
    password = f" Blué {draws.word(random, 40)} {draws.password(random)}"
    made = submission.call(_made, password)
    (first,) = made.value or (None,)
    good = isinstance(first, str) and first.startswith("$argon2")
    got = made if made.error else first
    where = _not_made(made, password)
    yield expect_that("make_hash returns an argon2 hash", good, "$argon2id$...", got, where)
    if not good:
        return
    found = tried(submission, _is_right, _trials(submission, password))
    for what, expected in RIGHTS.items():
        result = found[what]
        refused = expected and result.value is False
        place = _why_refused(submission, password, str(first)) if refused else SAME
        where = advice(result, "is_right", place)
        yield expect_equal(what, result, expected, where)
        if result.error:
            return
    yield _itself(submission)
    yield _another(submission, password, str(first))
    belongs = fits(password, first)
    got = "it is" if belongs else "it isn't"
    where = "make_hash: what exactly is hashed? It must be the whole password, and nothing else"
    yield expect_that("it's a hash of this very password", belongs, "it is", got, where)


def _itself(submission: Submission) -> CheckItem:
    """Report on what's stored, typed as the password: a hash, and then a password in plain text.

    The second is no hash: functions that verify raise an error for it, which is fine.
    """
    plain = draws.word(submission.random, 4)
    result = submission.call(_is_right, *[context(cheap=True).hash(plain)] * 2)
    good = result.value is False
    if good:
        result = submission.call(_is_right, plain, plain)
        good = bool(result.error) or result.value is False
    what = "is_right never accepts the stored string itself"
    return expect_that(what, good, "False, or an error if it isn't a hash", result, ITSELF)


def _another(submission: Submission, password: str, first: str) -> CheckItem:
    """Report on a second hash. It's a call of its own, because a hash may be expensive."""
    made = submission.call(_made, password)
    (second,) = made.value or (None,)
    differs = isinstance(second, str) and first != second
    got, where = second, "the salt: hash takes a new one, unless you pass one"
    if not isinstance(second, str):
        got, where = made if made.error else second, _not_made(made, password)
    what = "a second hash of the same password differs"
    return expect_that(what, differs, "another one", got, where)


def _why_refused(submission: Submission, password: str, made: str) -> str:
    """Return where to look if is_right refuses a right password; `made` is make_hash's of it."""
    plain = draws.word(submission.random, 4)
    if submission.call(_is_right, plain, context(cheap=True).hash(plain)).value is True:
        return SAME
    if submission.call(_is_right, password, made).value is not True:
        return VERIFY
    same_costs = submission.call(_is_right, plain, _at_costs_of(made, plain)).value is True
    return OWN if same_costs else KNOWN


def _at_costs_of(made: str, password: str) -> str:
    """Return a hash of a password at another hash's costs."""
    from argon2 import PasswordHasher, extract_parameters

    return PasswordHasher.from_parameters(extract_parameters(made)).hash(password)


RIGHTS = {
    "is_right accepts the right password, with a hash made with other costs": True,
    "is_right refuses a wrong password": False,
}


def _trials(submission: Submission, password: str) -> list[Trial]:
    """Return passwords to try with the hashes of a short and of a long one."""
    right, wrong = RIGHTS
    long = draws.text(submission.random, 100)
    cheap = context(cheap=True)
    kept, kept_long = cheap.hash(password), cheap.hash(long)
    others = [
        password[:-2],
        password[1:],
        f"{password}.",
        f"{password}\n",
        password.upper(),
        password.lower(),
    ]
    others += [password.strip(), f" {password}", "", password.swapcase()]
    trials: list[Trial] = [(right, (password, kept), True) for _ in others]
    trials += [(right, (long, kept_long), True)]
    trials += [(wrong, (typed, kept), False) for typed in others if typed != password]
    return [
        *trials,
        (wrong, (long[:-1], kept_long), False),
        (wrong, (f"{long}x", kept_long), False),
        (wrong, (long, cheap.hash(long[:72])), False),
        *((wrong, each, False) for each in _alike(submission)),
    ]


def _alike(submission: Submission) -> list[tuple[str, str]]:
    """Return passwords, each with a hash of one that differs only in capitals, spaces, accents."""
    plain, cheap = draws.word(submission.random, 5), context(cheap=True)
    kept = cheap.hash(plain)
    capitals = ((plain, cheap.hash(each)) for each in (plain.upper(), plain.capitalize()))
    return [*((each, kept) for each in lookalikes(plain)), *capitals]


def _not_made(made: ProbeResult, password: str) -> str:
    """Return where to look if make_hash doesn't return an argon2 hash."""
    if made.error:
        return "make_hash: it raised this error. Call it yourself to see the line"
    first = (made.value or [None])[0]
    if first is None:
        return "make_hash: does it `return` the hash?"
    if first == password:
        return "make_hash: it returns the password itself"
    return "make_hash: it returns something else. pwd_context.hash returns an argon2 hash"
