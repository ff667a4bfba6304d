"""The exercises of the lesson: passwords."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.passwords.checks import pair
from coursekit.lessons.passwords.log_in import ACCOUNTS, log_in
from coursekit.lessons.passwords.unicode_forms import forms

EXERCISES = (
    Exercise(
        "hash-and-verify",
        "Hash and check",
        pair,
        names=("make_hash", "is_right"),
        hints=(
            "Which two methods does a CryptContext have for this?",
            "hash returns a different string each time, so you can't hash again and compare. "
            "Which argument does verify take first?",
            "pwd_context.hash(password), and pwd_context.verify(typed, stored). Return "
            "their results.",
        ),
        why="`hash` uses a new salt each time, and stores it and the costs in the hash. "
        "`verify` reads them there, so it can check a hash that was created with other costs.",
    ),
    Exercise(
        "rehash-at-login",
        "A new hash at login",
        log_in,
        names=("log_in",),
        initial_state=InitialState("passwords", sql=ACCOUNTS),
        points=2,
        hints=(
            "When does the program have the password, so that it can hash it again?",
            "pwd_context.verify_and_update(typed, stored) returns two values: whether the password "
            "is right, and a new hash or None. It also accepts None as the stored hash.",
            "SELECT the stored hash with a bound parameter. If verify_and_update returns a new "
            "one, UPDATE this account if its hash is still the old one, and commit. Return the "
            "first value.",
        ),
        why="A new hash requires the password, and only at login does the program have it. "
        "`verify_and_update` returns a new hash only if the password is right and the old hash is "
        "outdated. For an unknown e-mail address, `scalar` returns None, and passlib verifies "
        "against a dummy hash. The UPDATE compares the old hash, so it can't overwrite a password "
        "that was changed in the meantime. `engine.begin()` commits at the end of its block.",
    ),
    Exercise(
        "unicode-password",
        "One password, two forms",
        forms,
        names=("sign_up", "sign_in"),
        points=2,
        hints=(
            "Where does a password enter the program?",
            "unicodedata.normalize converts a string to one form. It returns a new string.",
            'Hash unicodedata.normalize("NFC", password), and verify the same form of typed.',
        ),
        why="A hash is computed from bytes, and the two forms have different bytes. If both "
        "functions convert the password to the same form, the bytes are equal. NFC combines a "
        "letter and its accent into one character. NFKC and NFKD, which NIST recommends for "
        "passwords, also make some look-alikes equal, such as the ligature ﬁ and the letters fi.",
    ),
)
