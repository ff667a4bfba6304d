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
            "Which part of a column's definition allows NULL: its name, type or length?",
            "`Mapped[str]` promises a string. What would you write for a string or None?",
            "Mapped[str] and String(120) for the title, Mapped[str | None] for the subtitle.",
        ),
        why="`Mapped[str]` promises a string, so the column is NOT NULL. `Mapped[str | None]` "
        "allows NULL. `String(n)` sets the maximum length; PostgreSQL refuses longer strings.",
    ),
    Exercise(
        "unique-email",
        "One e-mail, one reader",
        reader,
        names=("Reader",),
        initial_state=InitialState("the-user-model"),
        points=2,
        hints=(
            "What do Ann@example.com and ann@example.com have in common that could be unique?",
            "An index can cover an expression. This lesson creates one, and names it.",
            'Index("uq_readers_email_lower", text("lower(email)"), unique=True), '
            "in __table_args__, which is a tuple.",
        ),
        why="The index contains each e-mail in lower case, and each may occur only once. The "
        "column keeps the original spelling. You choose the name, so a migration can rely on it.",
    ),
    Exercise(
        "no-way-around-the-hash",
        "No way around the hash",
        member,
        names=("Member",),
        initial_state=InitialState("the-user-model"),
        points=2,
        hints=(
            "A constructor runs once. What runs each time an attribute is set?",
            "`validates`, in this lesson, registers a method that receives each new value.",
            'Below @validates("password"), a method (self, key, plain) that returns the hash.',
        ),
        why="The constructor of a model sets its attributes one by one, so `validates` sees its "
        "values as well as later ones. It isn't called for values loaded from the table, so "
        "nothing is hashed twice. It doesn't see an UPDATE that bypasses the objects.",
    ),
)
