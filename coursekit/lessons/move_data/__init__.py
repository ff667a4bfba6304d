"""The exercises of the lesson: move data."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.move_data.checks import ORDERS, domain, pieces, users
from coursekit.lessons.move_data.two_versions import carts, versions

EXERCISES = (
    Exercise(
        "not-empty-and-true",
        "Not empty, and true",
        domain,
        initial_state=InitialState("history", draw=users),
        hints=(
            "What would stand in the new column, in the three rows that are there?",
            "Three steps: a column that may be NULL, its values, and then NOT NULL. For a table "
            "of three rows they fit into one revision.",
            "op.add_column(...), then op.execute(\"UPDATE users SET domain = split_part(email, '@',"
            ' 2)"), then op.alter_column("users", "domain", nullable=False).',
        ),
        why="PostgreSQL refuses NOT NULL while a row has no value. A default would let it pass, "
        "and would stay as a wrong value in each row. So the values come first, and NOT NULL last.",
    ),
    Exercise(
        "batches-and-restarts",
        "In pieces, and killed",
        pieces,
        names=("fill",),
        initial_state=InitialState("history", ORDERS),
        points=2,
        hints=(
            "What is left of a transaction whose session was ended in the middle?",
            "Each batch commits by itself, and the WHERE finds what is not done yet. The section "
            '"In batches" does both.',
            'backfill.run(engine, "orders", size=1_000, set={"tax": text("round(amount / 6, 2)")}, '
            'where=text("tax IS NULL"))',
        ),
        why="What was committed stays. The WHERE leads the second call to the rest, and it keeps "
        "the taxes that people have written. Walking by key leaves no row out, whatever the gaps.",
    ),
    Exercise(
        "two-versions-one-table",
        "Two versions, one table",
        versions,
        initial_state=InitialState("history", draw=carts),
        points=2,
        hints=(
            "The old version knows nothing of pieces. Who writes it, when the old version writes?",
            "A column that may be NULL, a trigger before INSERT and UPDATE that writes the column "
            "that was not written, and the values of the rows that are there.",
            "Take the trigger of the section on two versions: carts for users, quantity for name, "
            "pieces for full_name. Then: UPDATE carts SET pieces = quantity.",
        ),
        why="While two versions of the code run, the table serves both. The database is the only "
        "place that sees every write of either, so the trigger lives there. It goes with the old "
        "column, when no old code is left.",
    ),
)
