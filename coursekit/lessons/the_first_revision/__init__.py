"""The exercises of the lesson: the first revision."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.the_first_revision.checks import (
    BOOK,
    MODELS,
    THREE,
    TWO,
    USER,
    back,
    draft,
    renamed,
)

EXERCISES = (
    Exercise(
        "non-empty-draft",
        "A draft that is not empty",
        draft,
        initial_state=InitialState("the-first-revision", files={"models.py": MODELS + BOOK}),
        hints=(
            "Which models does Alembic compare with the database?",
            "Importing the module with a model's class registers its table. See alembic/env.py.",
            'Put "import models" into alembic/env.py, then run %alembic revision --autogenerate. '
            "Delete earlier drafts.",
        ),
        why="Alembic compares the tables that were registered on `Base` with the tables in the "
        "database. Importing `models` registers `books`, so the draft creates it.",
    ),
    Exercise(
        "rename-keeps-values",
        "A new name, the old values",
        renamed,
        initial_state=InitialState("query-into-dataframes", THREE, {"models.py": MODELS + USER}),
        points=2,
        hints=(
            "What happens to the values in a column when it is dropped?",
            "Autogenerate can't detect a renamed column. `op.alter_column` can rename one.",
            'op.alter_column("users", "name", new_column_name="full_name"); downgrade: reverse it.',
        ),
        why="To autogenerate, a renamed column is a dropped column and a new one. The draft would "
        "drop the values with the old column. A rename keeps them, and so does its downgrade.",
    ),
    Exercise(
        "enum-downgrade",
        "All the way back",
        back,
        initial_state=InitialState("query-into-dataframes", TWO),
        points=2,
        hints=(
            "What is in the database after the upgrade that was not there before?",
            "PostgreSQL stores an enum as a separate type. Dropping the table doesn't drop it.",
            'Drop the column, then the table, then op.execute("DROP TYPE ticket_state").',
        ),
        why="An `Enum` in `create_table` also creates a type, without a separate line. "
        "`drop_table` leaves the type behind, and the next upgrade fails: it already exists.",
    ),
)
