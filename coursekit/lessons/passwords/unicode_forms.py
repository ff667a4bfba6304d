"""The check of the exercise about a password in two Unicode forms."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, expect_equal, expect_that
from coursekit.exercises.submission import Submission
from coursekit.lessons.passwords.trials import (
    Trial,
    advice,
    context,
    fits,
    lookalikes,
    tried,
)

FORM = (
    "which form does sign_up hash, and which one does sign_in verify? Many letters have two forms"
)
MORE = "what else is changed, apart from the form?"
# NFKC changes the first two, NFC neither; no form changes the other two.
ODD = "ﬁ ² ß \u200b"
SIGN_INS = {
    "signed up with one character, signed in with two: accepted": (True, FORM),
    "signed up with two characters, signed in with one: accepted": (True, FORM),
    "lower case instead of capitals, or the reverse: refused": (False, MORE),
    "without the accents, or with one more: refused": (False, MORE),
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
    start = f" Rosé {draws.token(random)} Crệme {ODD} \u00a0"
    one = unicodedata.normalize("NFC", f"{start} {draws.word(random, 140)}")
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
    form = _form(one, hashes[0])
    trials = [*_form_trials(form, one, *hashes), *_others(submission, form)]
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


def _form_trials(form: str, one: str, first: str, second: str, *_: str) -> list[Trial]:
    """Return the sign-ins to try with the hashes of a password's two forms."""
    two = unicodedata.normalize("NFD", one)
    bare = two.encode("ascii", "ignore").decode()
    typed = (two, one, one.lower(), bare, one.lstrip(), one[:-1])
    stored = (first, second, first, first, first, first)
    trials: list[Trial] = [
        (about, (each, kept), SIGN_INS[about][0])
        for about, each, kept in zip(SIGN_INS, typed, stored, strict=True)
    ]
    spaces = [one.replace(" ", each) for each in ("  ", "\t", "\u00a0")]
    spaces += [f"{one} ", f" {one}", f"{one}\u00a0", f"{one}\n"]
    trials += [(trials[-1][0], (each, first), False) for each in spaces]
    trials += [(trials[2][0], (each, first), False) for each in (one.swapcase(), one.title())]
    return [trial for trial in trials if trial[2] or not _same(form, one, trial[1][0])]


def _same(form: str, one: str, typed: str) -> bool:
    """Return whether a form makes two passwords equal: to NFKC, a no-break space is a space."""
    return bool(form) and FORMS[form](one) == FORMS[form](typed)


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


def _others(submission: Submission, form: str) -> list[Trial]:
    """Return sign-ins with hashes that sign_up hasn't made, in the form in which it hashes.

    Their letters are from several alphabets: a table of the most common ones isn't enough.
    """
    if not form:
        return []
    random, cheap, trials = submission.random, context(cheap=True), []
    for _ in range(2):
        other = unicodedata.normalize("NFC", f" Zoë {draws.token(random)} Fa한ade ő ")
        kept = cheap.hash(FORMS[form](other))
        trials += _form_trials(form, other, kept, kept)
    plain = draws.word(random, 5)
    kept = cheap.hash(plain)
    _, _, capitals, accents, _, spaces = SIGN_INS
    about = (capitals, spaces, spaces, accents)
    alike = zip(about, lookalikes(plain), strict=True)
    return [*trials, *((each, (typed, kept), False) for each, typed in alike)]
