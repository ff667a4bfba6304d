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
            "hash gives another text each time, so hashing again and comparing does not work. "
            "Which argument does verify take first?",
            "pwd_context.hash(password), and pwd_context.verify(typed, stored). Return what "
            "they give.",
        ),
        why="`hash` takes a new salt each time, and writes it and the costs into the text. "
        "`verify` reads them there, so it can check a hash that was made with other costs.",
    ),
    Exercise(
        "rehash-at-login",
        "A new hash at log-in",
        log_in,
        names=("log_in",),
        initial_state=InitialState("passwords", sql=ACCOUNTS),
        points=2,
        hints=(
            "When does the program know the password, so that it can hash it anew?",
            "pwd_context.verify_and_update(typed, stored) gives two things: whether it is right, "
            "and a new hash or None.",
            "Read the stored hash. If verify_and_update gives a new one, UPDATE this account, "
            "and commit. Return the first of the two.",
        ),
        why="Only at log-in the program has the password from which a new hash can be made. "
        "`verify_and_update` gives one only when the password is right and the old hash is out "
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
            "unicodedata.normalize brings a text into one form. It returns a new text.",
            'Hash unicodedata.normalize("NFC", password), and verify the same form of typed.',
        ),
        why="A hash is made of bytes, and the two forms have different bytes. Brought into one "
        "form at both entrances, they are the same password. NFC changes no letters: it joins "
        "a letter and its accent into one character.",
    ),
)
