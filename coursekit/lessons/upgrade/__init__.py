"""The exercises of the lesson: upgrade."""

from __future__ import annotations

from coursekit.course.catalog import number_of
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.upgrade.checks import (
    ADD,
    DROP,
    MISTAKE,
    MODELS,
    PENDING,
    PRODUCT,
    SHOP,
    forward,
    nickname,
    pending,
    products,
)

EXERCISES = (
    Exercise(
        "upgrade-to-revision",
        "As far as 0003",
        pending,
        initial_state=InitialState("query-into-dataframes", files=PENDING),
        hints=(
            "What does `head` stand for, and is it where you want to go?",
            "`upgrade` and `downgrade` take any revision's id, not only `head` and `base`.",
            "The word after `upgrade` is where to stop: 0003.",
        ),
        why="`upgrade` runs every revision between the current one and the one you name, and "
        "stops there. So the folder may contain a revision that isn't ready.",
    ),
    Exercise(
        "column-round-trip",
        "A column, and the way back",
        nickname,
        initial_state=InitialState("query-into-dataframes"),
        points=2,
        hints=(
            "A new revision contains `pass` twice. Which of the two runs on a downgrade?",
            'The section "A revision that fails halfway" fills in a revision: read the file, '
            "replace `pass`, write the file. `op` can add a column to a table, and drop one.",
            f"The two steps: {ADD} and {DROP}. Then upgrade.",
        ),
        why="A downgrade undoes what its upgrade does. No one tests it by accident: run it once, "
        "as this check did on a scratch database, before you need it.",
    ),
    Exercise(
        "mistake-already-applied",
        "A mistake that has already run",
        forward,
        initial_state=InitialState(
            "query-into-dataframes",
            SHOP,
            {**MISTAKE, "models.py": MODELS + PRODUCT},
            draw=products,
        ),
        points=2,
        hints=(
            "What would `downgrade` do to the three products?",
            "Fix a revision that has run with another revision after it. Model and database "
            f"differ, and Alembic can generate the fix: lesson {number_of('the-first-revision')}.",
            "revision --autogenerate, with your own id; read the file; then upgrade head.",
        ),
        why="A revision that has run somewhere is history: changing its file changes no "
        "database. A downgrade would have dropped the table and its rows. A new revision "
        "reaches every database, and the rows are kept.",
    ),
)
