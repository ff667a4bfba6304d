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
            "Which value do the three orders have in the new column when it's added?",
            "NOT NULL needs a value for existing rows. Which kind of default is in the database, "
            "and which is only in Python?",
            'sa.Column("currency", sa.String(3), server_default="EUR", nullable=False); '
            "in the downgrade, op.drop_column.",
        ),
        why="With `server_default`, PostgreSQL fills the column in existing rows, and later in "
        "every new row without a currency, no matter which program inserts it.",
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
            "PostgreSQL can add a value to a type: ALTER TYPE. For the constraint, see 0003.",
            "op.execute(\"ALTER TYPE order_status ADD VALUE 'returned'\"), and "
            "op.create_check_constraint with the name and the condition of models.py.",
        ),
        why="The draft contained one of three steps. Autogenerate doesn't see the enum or the "
        "CHECK, so make the list of steps from the changes to the models, not from the draft.",
    ),
    Exercise(
        "payment-round-trip",
        "There, back, and there again",
        payment,
        initial_state=InitialState("history", ROWS, {"models.py": PAYMENT}),
        points=2,
        hints=(
            "The draft adds one column. What does the column need that isn't in the database yet, "
            "and what do the three orders need?",
            "Create the type before the column, and drop it after the column. A default can fill "
            "the existing rows; remove it afterwards.",
            "payment.create(op.get_bind()); op.add_column with server_default; op.alter_column "
            "with server_default=None. Downgrade: op.drop_column, payment.drop(op.get_bind()).",
        ),
        why="The draft lacks three things: the type, a value for existing rows, and dropping the "
        "type in the downgrade. You notice the last one only if you upgrade, downgrade and "
        "upgrade again.",
    ),
)
