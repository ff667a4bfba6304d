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
            "What does `upgrade head` want to do in a database without a bookmark?",
            "Which of the four revisions have their tables and columns here already? `stamp` tells "
            "Alembic of these, and of no more.",
            "%alembic stamp 0003, and then %alembic upgrade head.",
        ),
        why="`stamp` tells Alembic what is there, and `upgrade` makes what is missing. A stamp at "
        "the head would have told that 0004 had run, and the column would never have come.",
    ),
    Exercise(
        "merge-two-heads",
        "Two heads that have both run",
        merged,
        initial_state=InitialState("history", files=HEADS, draw=rows),
        points=2,
        hints=(
            "Ann's database stands at 0004a. What would it need to get the column of 0004b?",
            "A revision that follows both makes one head of two, and asks each database to run the "
            "one that it lacks.",
            '%alembic merge heads -m "merge phone and gift note", and %alembic upgrade head.',
        ),
        why="A merge leaves both revisions as they are, so it is right for every database, "
        "whichever of them it has run. To let one follow the other is right only while that one "
        "has run nowhere else.",
    ),
    Exercise(
        "lost-revision",
        "A revision that nobody has any more",
        lost,
        initial_state=InitialState("history", GIVEN_UP, draw=rows_with_note),
        points=2,
        hints=(
            "Two things remember 0004: the bookmark is one. Which is the other?",
            "What 0004 has made can be undone by hand. For the bookmark, `stamp` has an option "
            "that forgets where the database was.",
            'Run "ALTER TABLE orders DROP COLUMN gift_note", then %alembic stamp --purge 0003.',
        ),
        why="The file held the way back. Without it the way back is yours: first what the revision "
        "had made, then the bookmark. `stamp --purge` alone would leave a column that no model "
        "and no revision knows.",
    ),
)
