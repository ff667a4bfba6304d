"""The exercises of the lesson: passwords."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.passwords.checks import ACCOUNTS, forms, log_in, pair

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
        why="`hash` uses a new salt each time, and stores it and the cost parameters in the hash. "
        "`verify` reads them there, so it can check a hash that has other cost parameters.",
    ),
    Exercise(
        "rehash-at-login",
        "A new hash at log-in",
        log_in,
        names=("log_in",),
        initial_state=InitialState("passwords", sql=ACCOUNTS),
        points=2,
        hints=(
            "When does the program have the password, so it can hash it again?",
            "pwd_context.verify_and_update(typed, stored) returns two values: whether it is right, "
            "and a new hash or None.",
            "Read the stored hash. If verify_and_update returns a new one, UPDATE this account, "
            "and commit. Return the first value.",
        ),
        why="Only at log-in does the program have the password, which a new hash requires. "
        "`verify_and_update` returns one only if the password is right and the old hash is out "
        "of date. `engine.begin()` commits at the end of its block.",
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
        why="A hash is computed from bytes, and the two forms have different bytes. Normalize the "
        "password in both functions, and the two are equal. NFC changes no letters: it combines "
        "a letter and its accent into one character.",
    ),
)
