"""The exercises of the lesson: the User model."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.the_user_model.checks import book, member, reader

EXERCISES = (
    Exercise(
        "nullable-columns",
        "A column that may be empty, and one that may not",
        book,
        names=("Book",),
        initial_state=InitialState("the-user-model"),
        hints=(
            "Which part of a column says whether it may be empty: its name, type or length?",
            "`Mapped[str]` promises a text. What would you write for a text or nothing?",
            "Mapped[str] and String(120) for the title, Mapped[str | None] for the subtitle.",
        ),
        why="`Mapped[str]` promises a text, so the column gets NOT NULL. `Mapped[str | None]` "
        "allows NULL. `String(n)` is the length, and PostgreSQL refuses what is longer.",
    ),
    Exercise(
        "unique-email",
        "One e-mail, one reader",
        reader,
        names=("Reader",),
        initial_state=InitialState("the-user-model"),
        points=2,
        hints=(
            "What is the same in Ann@example.com and ann@example.com, and might occur only once?",
            "An index can be about an expression. This lesson makes one, with a name.",
            'Index("uq_readers_email_lower", text("lower(email)"), unique=True), '
            "in __table_args__, which is a tuple.",
        ),
        why="The index holds each e-mail in lower case, and each may occur once there. The column "
        "keeps what was written. The name is chosen by hand, so a migration can rely on it.",
    ),
    Exercise(
        "no-way-around-the-hash",
        "No way around the hash",
        member,
        names=("Member",),
        initial_state=InitialState("the-user-model"),
        points=2,
        hints=(
            "A constructor runs once. What runs each time that an attribute is set?",
            "`validates`, in this lesson, names a method that gets each new value.",
            'Below @validates("password"), a method (self, key, plain) that returns the hash.',
        ),
        why="The constructor of a model sets its attributes one by one, so `validates` sees its "
        "values as well as later ones. What is loaded from the table passes it by, so nothing is "
        "hashed twice. It does not see an UPDATE that goes past the objects.",
    ),
)
