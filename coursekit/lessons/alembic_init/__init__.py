"""The exercises of the lesson: alembic init."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.alembic_init.checks import (
    BOOKS,
    MEMBERS,
    MODELS,
    TEMPLATE,
    a_member,
    config,
    folder,
    wired,
)

EXERCISES = (
    Exercise(
        "migrations-folder",
        "A folder called migrations",
        folder,
        initial_state=InitialState("alembic-init", sql=MEMBERS, draw=a_member),
        hints=(
            "Which command sets Alembic up, and what does the word after it mean?",
            "In this lesson, that word is `alembic`. If you have run the command with another "
            "word, delete the folder and the alembic.ini that it created before you run it again.",
            "%alembic init, then the name of the folder.",
        ),
        why="The word after `init` is the folder's name, and `init` writes it into alembic.ini "
        "as `script_location`. Every later command finds the folder there. `init` doesn't "
        "connect to the database: it doesn't have the URL yet.",
    ),
    Exercise(
        "url-and-metadata",
        "Two things that Alembic must know",
        wired,
        initial_state=InitialState(
            "passwords",
            sql=BOOKS,
            files={"models.py": MODELS, "alembic/env.py": TEMPLATE.read_text(encoding="utf-8")},
        ),
        points=2,
        hints=(
            "Where does db.py get the address? And which object keeps the list of all tables?",
            "get_url returns what project_url() gives. target_metadata is the metadata of Base. "
            "A model is in its list only after its file was imported.",
            "Import Base from models, not from db: then the models are loaded, too.",
        ),
        why="`get_url` tells Alembic the database, `target_metadata` the models. A class enters "
        "the metadata when its file is imported. With `from db import Base` alone the list is "
        "empty, and Alembic would drop `books`, because no model knows it.",
    ),
    Exercise(
        "percent-in-ini",
        "An ini file and a percent sign",
        config,
        names=("make_config",),
        points=2,
        hints=(
            "What does str(url) show in the place of the password? And what does % begin in an "
            "ini file?",
            "url.render_as_string(hide_password=False) is the whole text. In an ini file %% "
            "stands for one %.",
            'Config().set_main_option("sqlalchemy.url", address), where each % of the address '
            "was doubled with replace. Return the Config.",
        ),
        why="A Config reads its values as an ini file does: `%` begins a placeholder, and `%%` "
        "stands for one `%`. `str(url)` would write `***` for the password. An `env.py` of your "
        "own needs none of this: hand the object to `create_engine`.",
    ),
)
