"""The check of the exercise about a password in two Unicode forms."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, expect_equal, expect_that
from coursekit.exercises.submission import Submission
from coursekit.lessons.passwords.trials import Trial, advice, context, fits, tried

FORM = (
    "which form does sign_up hash, and which one does sign_in verify? Many letters have two forms"
)
MORE = "what else is changed, apart from the form?"
SIGN_INS = {
    "signed up with one character, signed in with two: accepted": (True, FORM),
    "signed up with two characters, signed in with one: accepted": (True, FORM),
    "lower case instead of capitals: refused": (False, MORE),
    "without the accents: refused": (False, MORE),
    "without the space in front: refused": (False, MORE),
    "with extra or different spaces, or cut off at the end: refused": (False, MORE),
}


def _signed_up(names: dict[str, Any], *passwords: str) -> list[Any]:
    return [names["sign_up"](password) for password in passwords]


def _signed_in(names: dict[str, Any], typed: str, stored: str) -> Any:
    return names["sign_in"](typed, stored)


def forms(submission: Submission) -> Iterator[CheckItem]:
    """Check that both Unicode forms of a password are accepted as the same."""
    random = submission.random
    # With a ligature: NFKC changes it, NFC doesn't.
    one = unicodedata.normalize(
        "NFC", f" Rosé {draws.token(random)} Crệme ﬁ {draws.word(random, 40)}"
    )
    result = submission.call(_signed_up, one, unicodedata.normalize("NFD", one), _mixed(one))
    hashes = result.value or []
    good = bool(hashes) and all(str(each).startswith("$argon2") for each in hashes)
    got = result if result.error else [str(each) for each in hashes]
    where = (
        "sign_up: it raised this error"
        if result.error
        else "sign_up: return the hash, with argon2 as before"
    )
    expected = "['$argon2id$...', ...]"
    yield expect_that("sign_up returns argon2 hashes", good, expected, got, where)
    if not good:
        return
    trials = [*_form_trials(one, *hashes), *_others(submission, one, hashes[0])]
    trials += [(next(iter(SIGN_INS)), (typed, hashes[2]), True) for typed in (one, _mixed(one))]
    found = tried(submission, _signed_in, trials)
    for what, (expected_value, place) in SIGN_INS.items():
        result = found[what]
        yield expect_equal(what, result, expected_value, advice(result, "sign_in", place))
        if result.error:
            return
    hashed = all(_form(one, each) for each in hashes)
    belong = "they are" if hashed else "they aren't"
    yield expect_that("they're hashes of the password", hashed, "they are", belong, MORE)


def _mixed(one: str) -> str:
    """Return a password with both forms in it: its last letters as two characters."""
    half = one.index("C")
    return one[:half] + unicodedata.normalize("NFD", one[half:])


def _form_trials(one: str, first: str, second: str, *_: str) -> list[Trial]:
    """Return the sign-ins to try with the hashes of a password's two forms."""
    two = unicodedata.normalize("NFD", one)
    bare = two.encode("ascii", "ignore").decode()
    typed = (two, one, one.lower(), bare, one.strip(), one[:-1])
    stored = (first, second, first, first, first, first)
    trials: list[Trial] = [
        (about, (each, kept), SIGN_INS[about][0])
        for about, each, kept in zip(SIGN_INS, typed, stored, strict=True)
    ]
    spaces = (f"{one} ", f" {one}", one.replace(" ", "  "), one.replace(" ", "\t"), f"{one}\u00a0")
    trials += [(trials[-1][0], (each, first), False) for each in spaces]
    return [
        *trials,
        *((trials[2][0], (each, first), False) for each in (one.swapcase(), one.title())),
    ]


# NIST recommends NFKC or NFKD for passwords, RFC 8265 NFC: each of the four is right.
FORMS: dict[str, Callable[[str], str]] = {
    "NFC": partial(unicodedata.normalize, "NFC"),
    "NFD": partial(unicodedata.normalize, "NFD"),
    "NFKC": partial(unicodedata.normalize, "NFKC"),
    "NFKD": partial(unicodedata.normalize, "NFKD"),
}


def _form(password: str, stored: str) -> str:
    """Return the Unicode form in which a password was hashed; "" if it's no hash of it."""
    return next((form for form in FORMS if fits(FORMS[form](password), stored)), "")


def _others(submission: Submission, one: str, stored: str) -> list[Trial]:
    """Return sign-ins with hashes that sign_up hasn't made, in the form in which it hashes.

    Their letters are from several alphabets: a table of the most common ones isn't enough.
    """
    form, trials = _form(one, stored), []
    for _ in range(2 if form else 0):
        other = unicodedata.normalize("NFC", f" Zoë {draws.token(submission.random)} Fa한ade ő")
        kept = context(cheap=True).hash(FORMS[form](other))
        trials += _form_trials(other, kept, kept)
    return trials
