"""The exercises of the lesson: the User model."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.the_user_model.books import book
from coursekit.lessons.the_user_model.members import member
from coursekit.lessons.the_user_model.readers import reader

EXERCISES = (
    Exercise(
        "nullable-columns",
        "A column that can be NULL, and one that can't",
        book,
        names=("Book",),
        initial_state=InitialState("the-user-model"),
        hints=(
            "Which part of a column's definition allows NULL: its name, type or length?",
            "`Mapped[str]` promises a string. What would you write for a string or None?",
            "Mapped[str] and String(120) for the title, Mapped[str | None] and String(200) for "
            "the subtitle.",
        ),
        why="`Mapped[str]` promises a string, so the column is NOT NULL. `Mapped[str | None]` "
        "allows NULL. `String(n)` sets the maximum length; PostgreSQL rejects longer strings.",
    ),
    Exercise(
        "unique-email",
        "One e-mail address, one reader",
        reader,
        names=("Reader",),
        initial_state=InitialState("the-user-model"),
        points=2,
        hints=(
            "What do Ann@example.com and ann@example.com have in common that could be unique?",
            "An index can cover an expression. This lesson creates one and names it.",
            'Index("uq_readers_email_lower", text("lower(email)"), unique=True), '
            "in __table_args__, which is a tuple.",
        ),
        why="The index contains each address in lowercase, and each may occur only once. The "
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
            "`@validates` isn't called by insert() and update(). What do all values of a column "
            "pass through?",
            "A TypeDecorator's method process_bind_param(self, value, dialect) returns what is "
            "sent to the database in place of value.",
            "In PasswordHash: process_bind_param returns hasher.hash(value). In Member: "
            "password: Mapped[str] = mapped_column(PasswordHash(255)).",
        ),
        why="Whichever statement SQLAlchemy sends, its values pass through the column's type. A "
        "new name is an UPDATE without the password, so nothing is hashed twice. SQL that's "
        "written by hand has no column types, and still bypasses the model.",
    ),
)
