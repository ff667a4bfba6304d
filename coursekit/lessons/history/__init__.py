"""The exercises of the lesson: history."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.history.checks import (
    GIVEN_UP,
    HEADS,
    PENDING,
    RESTORED,
    bookmark,
    lost,
    merged,
    rows,
    rows_with_note,
)

EXERCISES = (
    Exercise(
        "restored-backup",
        "A restored backup",
        bookmark,
        initial_state=InitialState("history", RESTORED, PENDING, rows),
        hints=(
            "What does `upgrade head` try to do in a database without a version table?",
            "Which of the four revisions' tables and columns already exist here? Stamp the last of "
            "those revisions, and no later one.",
            "%alembic stamp 0003, and then %alembic upgrade head.",
        ),
        why="`stamp` records the revisions that the database has, and `upgrade` runs the others. "
        "A stamp at the head would have recorded that 0004 had run, and the column would never "
        "have been added.",
    ),
    Exercise(
        "merge-two-heads",
        "Two heads that have both run",
        merged,
        initial_state=InitialState("history", files=HEADS, draw=rows),
        points=2,
        hints=(
            "Ann's database is at revision 0004a. What does it need to get the column of 0004b?",
            "A revision that follows both merges the two heads, and makes each database run the "
            "revision that it lacks.",
            '%alembic merge heads -m "merge phone and gift note", and %alembic upgrade head.',
        ),
        why="A merge leaves both revisions unchanged, so it works for every database, whichever "
        "of the two it has run. Changing one revision to follow the other works only while the "
        "changed one hasn't run anywhere else.",
    ),
    Exercise(
        "lost-revision",
        "A revision that nobody has any more",
        lost,
        initial_state=InitialState("history", GIVEN_UP, draw=rows_with_note),
        points=2,
        hints=(
            "0004 has left traces in two places: the version table is one. What's the other?",
            "Undo the changes of 0004 by hand. For the version table, `stamp` has an option that "
            "empties it first.",
            'Run "ALTER TABLE orders DROP COLUMN gift_note", then %alembic stamp --purge 0003.',
        ),
        why="The file contained the downgrade. Without it, you have to write your own: first undo "
        "the revision's changes, then correct the version table. `stamp --purge` alone would "
        "leave a column that's in no model and no revision.",
    ),
)
