"""The exercises of the lesson: in CI."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.in_ci.checks import round_trip, tested, turns
from coursekit.lessons.in_ci.starter import COUPONS, TESTED, THREE

EXERCISES = (
    Exercise(
        "failing-round-trip",
        "The one that does not come back",
        round_trip,
        initial_state=InitialState("history", files=THREE),
        hints=(
            "Which command fails: the way up, the way down, or the second way up?",
            "The second `%alembic upgrade head` names what is there already. Which revision makes "
            "it, and does its `downgrade` take it away?",
            'An index on `orders` stays when `deliveries` goes: op.drop_index("ix_orders_'
            'created_at", "orders") in the downgrade of 0005.',
        ),
        why="`drop_table` takes the indexes of that table along, and no others. The way down runs "
        "without an error all the same: only the second way up shows what was left behind.",
    ),
    Exercise(
        "test-that-notices",
        "A test that notices",
        tested,
        initial_state=InitialState("history", files=TESTED),
        points=2,
        hints=(
            "Which amount looks the same with and without its cents?",
            '`alembic_runner.migrate_up_before("0004")`, then rows, then `migrate_up_one()` and '
            "`migrate_down_one()`. Look at the row after each.",
            "An order of 19.99 has 1999 cents after the way up, and 19.99 after the way back. "
            "`alembic_engine.connect()` lets you ask.",
        ),
        why="A migration of data is code that runs once, on rows that nobody has at hand. A test "
        "with one awkward row, looked at after each way, is worth more than many with easy ones.",
    ),
    Exercise(
        "two-deployments",
        "Two deployments, one coupon table",
        turns,
        initial_state=InitialState("history", files=COUPONS),
        points=2,
        hints=(
            "Who holds the lock while the migration runs, and until when?",
            "A statement on the migration's own connection begins a transaction. Alembic then "
            "takes it for yours, and leaves the commit to you.",
            "`from tutorial_lib.advisory_lock import advisory_lock`, and `with "
            "advisory_lock(connectable), connectable.connect() as connection:`.",
        ),
        why="The lock has to be held from before the bookmark is read until after the commit, by "
        "a session that does nothing else. The second deployment then reads the new bookmark, and "
        "finds nothing to do.",
    ),
)
