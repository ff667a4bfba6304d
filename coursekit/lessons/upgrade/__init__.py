"""The exercises of the lesson: upgrade."""

from __future__ import annotations

from coursekit.course.catalog import number_of
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.upgrade.checks import nickname, pending
from coursekit.lessons.upgrade.mistake import forward
from coursekit.lessons.upgrade.starters import (
    ADD,
    DROP,
    MISTAKE,
    PENDING,
    SHOP,
    SHOP_MODELS,
    USER,
    products,
)

EXERCISES = (
    Exercise(
        "upgrade-to-revision",
        "As far as 0003",
        pending,
        initial_state=InitialState("query-into-dataframes", files=PENDING),
        hints=(
            "What does `head` stand for, and do you want to upgrade that far?",
            "`upgrade` and `downgrade` take any revision's ID, not only `head` and `base`.",
            "The argument of `upgrade` is the revision to stop at: 0003.",
        ),
        why="`upgrade` runs every revision between the current one and the one you name, and "
        "stops there. So the folder may contain a revision that isn't ready.",
    ),
    Exercise(
        "column-round-trip",
        "A column for the model and the database",
        nickname,
        initial_state=InitialState("query-into-dataframes", files={"models.py": USER}),
        points=2,
        hints=(
            "Which of the three comes first: the model, the revision, or the database?",
            "In the model, `Mapped[str | None]` allows NULL. Once the model has the column, "
            "`revision --autogenerate` can write the revision; give it --rev-id 0002.",
            "nickname: Mapped[str | None] = mapped_column(String(50)). Then run revision "
            "--autogenerate and upgrade head. By hand, the two steps of the revision are: "
            f"{ADD} and {DROP}.",
        ),
        why="Model, revision and database change together: the model is what the code uses, and "
        "the revision makes the same change in every database. `alembic check` fails if one of "
        "them is left behind. Try the downgrade before you need it, as this check does.",
    ),
    Exercise(
        "mistake-already-applied",
        "A mistake that has already run",
        forward,
        initial_state=InitialState(
            "query-into-dataframes",
            SHOP,
            {**MISTAKE, "models.py": SHOP_MODELS},
            draw=products,
        ),
        points=2,
        hints=(
            "What would `downgrade` do to the three products?",
            "Once a revision has run, fix it with a new one after it. Model and database "
            f"differ, and Alembic can generate the fix: lesson {number_of('the-first-revision')}.",
            "Run revision --autogenerate, read the file, then run upgrade head.",
        ),
        why="A revision that has run somewhere is history: changing its file changes nothing "
        "there. A downgrade would have dropped the table and its rows. A new revision "
        "reaches every database, and the rows are kept.",
    ),
)
