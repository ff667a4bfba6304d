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
            "What would the new column contain in the three existing rows?",
            "Three steps: a nullable column, its values, and then NOT NULL. For a table with "
            "three rows, they fit in one revision.",
            "op.add_column(...), then op.execute(\"UPDATE users SET domain = split_part(email, '@',"
            ' 2)"), then op.alter_column("users", "domain", nullable=False).',
        ),
        why="PostgreSQL refuses NOT NULL while a row has no value. A default would avoid that, but "
        "leave a wrong value in each row. So set the values first, and NOT NULL last.",
    ),
    Exercise(
        "batches-and-restarts",
        "In pieces, and killed",
        pieces,
        names=("fill",),
        initial_state=InitialState("history", ORDERS),
        points=2,
        hints=(
            "What remains of a transaction whose session was terminated halfway?",
            "Each batch has its own commit, and the WHERE finds the rows still to do. The section "
            '"In batches" does both.',
            'backfill.run(engine, "orders", size=1_000, set={"tax": text("round(amount / 6, 2)")}, '
            'where=text("tax IS NULL"))',
        ),
        why="Committed batches are kept. The WHERE lets the second call find the rest, and keeps "
        "the taxes that people entered. Going by key skips no row, even if the ids have gaps.",
    ),
    Exercise(
        "two-versions-one-table",
        "Two versions, one table",
        versions,
        initial_state=InitialState("history", draw=carts),
        points=2,
        hints=(
            "The old version doesn't write `pieces`. What does, when the old version writes a row?",
            "A nullable column, a trigger before INSERT and UPDATE that fills the column that "
            "wasn't written, and the values for existing rows.",
            "Adapt the trigger of the section on two versions: carts for users, quantity for name, "
            "pieces for full_name. Then: UPDATE carts SET pieces = quantity.",
        ),
        why="While two versions of the code run, the table serves both. Only the database "
        "sees every write of both, so the trigger belongs there. Drop it with the old column, "
        "when no old code is left.",
    ),
)
