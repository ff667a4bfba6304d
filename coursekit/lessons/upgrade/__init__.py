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
        why="`upgrade` runs everything between the bookmark and the revision that you name, "
        "and stops there. So a revision that is not ready may lie in the folder.",
    ),
    Exercise(
        "column-round-trip",
        "A column, and the way back",
        nickname,
        initial_state=InitialState("query-into-dataframes"),
        points=2,
        hints=(
            "A new revision holds `pass` twice. Which of the two runs on the way back?",
            'The section "A revision that fails halfway" fills a revision: read the text, '
            "replace `pass`, write the text. `op` can add a column to a table, and drop one.",
            f"The two steps: {ADD} and {DROP}. Then upgrade.",
        ),
        why="A downgrade undoes what its upgrade does. Nobody tests it by chance: run it once, "
        "as this check did on a database of its own, before you need it.",
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
            "What has run is mended by a revision that comes after it. Model and database "
            f"differ, and Alembic can write down how: lesson {number_of('the-first-revision')}.",
            "revision --autogenerate, with an id of your own; read the file; then upgrade head.",
        ),
        why="A revision that has run somewhere is history: to change its file changes no "
        "database. The way back would have dropped the table and its rows. A new revision "
        "reaches every database, and the rows stay.",
    ),
)
