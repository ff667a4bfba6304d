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
            "Which models does Alembic know, when it compares?",
            "A table is known after the module with its class was imported. See alembic/env.py.",
            'Put "import models" into alembic/env.py, then run %alembic revision --autogenerate. '
            "Delete drafts from before.",
        ),
        why="Alembic compares the tables that were registered on `Base` with the tables in the "
        "database. Importing `models` registers `books`, so the draft has something to make.",
    ),
    Exercise(
        "rename-keeps-values",
        "A new name, the old values",
        renamed,
        initial_state=InitialState("query-into-dataframes", THREE, {"models.py": MODELS + USER}),
        points=2,
        hints=(
            "What happens to the values in a column when it is dropped?",
            "Alembic cannot see that a column has a new name. `op.alter_column` can give it one.",
            'op.alter_column("users", "name", new_column_name="full_name"); back: swap the names.',
        ),
        why="To Alembic, a renamed column is one that is gone and one that is new. The draft would "
        "drop the values with the old column. A rename keeps them, and so does its opposite.",
    ),
    Exercise(
        "enum-downgrade",
        "All the way back",
        back,
        initial_state=InitialState("query-into-dataframes", TWO),
        points=2,
        hints=(
            "What is in the database after the upgrade that was not there before?",
            "PostgreSQL keeps an enum as a type of its own. Dropping the table does not drop it.",
            'Drop the column, then the table, then op.execute("DROP TYPE ticket_state").',
        ),
        why="An `Enum` in `create_table` makes a type as well, without a line of its own. "
        "`drop_table` leaves it behind, and the next upgrade fails: the type is there already.",
    ),
)
