"""The exercises of the lesson: change the schema."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.change_the_schema.checks import currency, missed, payment
from coursekit.lessons.change_the_schema.starters import MISSED, PAYMENT, ROWS

EXERCISES = (
    Exercise(
        "column-for-every-order",
        "A column for every order",
        currency,
        initial_state=InitialState("history", ROWS),
        hints=(
            "What stands in the new column of the three orders, at the moment in which it is made?",
            "NOT NULL needs a value for the rows that are there. Which default does the database "
            "know, and which only Python?",
            'sa.Column("currency", sa.String(3), server_default="EUR", nullable=False); '
            "on the way back op.drop_column.",
        ),
        why="With `server_default`, PostgreSQL itself fills the rows that are there, and later "
        "every row that names no currency, whoever inserts it.",
    ),
    Exercise(
        "missed-by-autogenerate",
        "What the draft has missed",
        missed,
        initial_state=InitialState("history", ROWS, {"models.py": MISSED}),
        points=2,
        hints=(
            "Compare models.py with the table of changes in the lesson: which of the three does "
            "autogenerate see?",
            "PostgreSQL can add a value to a type: ALTER TYPE. For the rule, see how 0003 was "
            "written.",
            "op.execute(\"ALTER TYPE order_status ADD VALUE 'returned'\"), and "
            "op.create_check_constraint with the name and the condition of models.py.",
        ),
        why="The draft held one step of three. The enum and the CHECK are invisible to "
        "autogenerate, so the list of steps comes from the change of the models, and not from the "
        "draft.",
    ),
    Exercise(
        "payment-round-trip",
        "There, back, and there again",
        payment,
        initial_state=InitialState("history", ROWS, {"models.py": PAYMENT}),
        points=2,
        hints=(
            "The draft makes one thing. What does its column need that is not in the database yet, "
            "and what do the three orders need?",
            "The type comes before the column, and goes after it. A default can fill the rows, and "
            "be taken away when it has.",
            "payment.create(op.get_bind()); op.add_column with server_default; op.alter_column "
            "with server_default=None. Back: op.drop_column, then payment.drop(op.get_bind()).",
        ),
        why="Three things are not in the draft: the type, a value for the rows that are there, and "
        "the end of the type on the way back. The last one shows only when somebody goes there, "
        "back, and there again.",
    ),
)
