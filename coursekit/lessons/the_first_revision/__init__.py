"""The exercises of the lesson: the first revision."""

from __future__ import annotations

from collections.abc import Iterator

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.exercises.items import CheckItem
from coursekit.exercises.submission import Submission
from coursekit.lessons.the_first_revision.checks import draft
from coursekit.lessons.the_first_revision.starters import BOOK, FULL_NAME, THREE, TICKETS, TWO


def back(submission: Submission) -> Iterator[CheckItem]:
    """Check that the downgrade leaves nothing behind."""
    from coursekit.lessons.the_first_revision import downgrades  # only this exercise needs it

    return downgrades.back(submission)


def renamed(submission: Submission) -> Iterator[CheckItem]:
    """Check that a column is renamed, and the names in it are kept."""
    from coursekit.lessons.the_first_revision import renames  # only this exercise needs it

    return renames.renamed(submission)


EXERCISES = (
    Exercise(
        "non-empty-draft",
        "A draft that isn't empty",
        draft,
        initial_state=InitialState("the-first-revision", files={"models.py": BOOK}),
        hints=(
            "Which models does Alembic compare with the database?",
            "Importing a module registers the tables of its models. Does alembic/env.py import "
            "models.py?",
            'Add "import models" to the top of alembic/env.py, delete earlier drafts, and run '
            "%alembic revision --autogenerate.",
        ),
        why="Alembic compares the tables in `Base.metadata` with the tables in the database. "
        "Importing `models` registers `books`, so the draft creates it.",
    ),
    Exercise(
        "rename-keeps-values",
        "Rename a column, keep its values",
        renamed,
        initial_state=InitialState("query-into-dataframes", THREE, {"models.py": FULL_NAME}),
        points=2,
        hints=(
            "What happens to the values in a column when it's dropped?",
            "Autogenerate can't detect a renamed column. `op.alter_column` can rename one. Look up "
            "the option's exact name: Alembic ignores options that it doesn't know.",
            'op.alter_column("users", "name", new_column_name="full_name"). In downgrade, swap '
            "the names.",
        ),
        why="Autogenerate sees a renamed column as a dropped column and a new one. The draft would "
        "have dropped the names with the old column. A rename keeps them, in both directions.",
    ),
    Exercise(
        "enum-downgrade",
        "Undo everything",
        back,
        initial_state=InitialState("query-into-dataframes", TWO, {"models.py": TICKETS}),
        points=2,
        hints=(
            "What's in the database after the upgrade that wasn't there before? The downgrade "
            "has to remove three things.",
            "PostgreSQL stores an enum as a separate type. Dropping the table doesn't drop it.",
            'Drop the column, then the table, then op.execute("DROP TYPE ticket_state").',
        ),
        why="An `Enum` in `create_table` also creates a type, although no line says so. "
        "`drop_table` leaves the type behind, and the next upgrade fails because it already "
        "exists.",
    ),
)
