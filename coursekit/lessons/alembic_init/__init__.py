"""The exercises of the lesson: alembic init."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.alembic_init.checks import MEMBERS, a_member, folder
from coursekit.lessons.alembic_init.configs import config
from coursekit.lessons.alembic_init.wiring import BOOKS, MODELS, TEMPLATE, wired

EXERCISES = (
    Exercise(
        "migrations-folder",
        "A folder called migrations",
        folder,
        initial_state=InitialState("alembic-init", sql=MEMBERS, draw=a_member),
        hints=(
            "Which command sets up Alembic, and what does its argument mean?",
            "In the lesson, that argument is `alembic`. If you've already run the command with "
            "another one, delete the folder and the alembic.ini that it created, then run it "
            "again.",
            "%alembic init, followed by the name of the folder",
        ),
        why="`init` takes the folder's name, and writes it into alembic.ini "
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
            "Where does db.py get its URL? And which object contains the tables of all models?",
            "get_url returns project_url(). target_metadata is Base.metadata. A model's table is "
            "in it as soon as the model's file has been imported, and not before.",
            "Import Base from db, and add `import models`, even though nothing else in env.py "
            "uses that name: the import itself registers the tables.",
        ),
        why="`get_url` tells Alembic where the database is, and `target_metadata` what the models "
        "define. A model registers its table when its file is imported. Without `import models`, "
        "the metadata is empty, so autogenerate would write a revision that drops `books`. A "
        "linter reports the import as unused; add `# noqa: F401` after it.",
    ),
    Exercise(
        "percent-in-ini",
        "An ini file and a percent sign",
        config,
        names=("make_config",),
        points=2,
        hints=(
            "What does str(url) contain in place of the password? And what does a % mean in an "
            "ini file?",
            "url.render_as_string(hide_password=False) contains the password. In an ini file, %% "
            "means one %.",
            'config.set_main_option("sqlalchemy.url", string), where every % in the string has '
            "been doubled with replace. Return the Config.",
        ),
        why="A Config reads its values as an ini file does: `%` starts a placeholder, and `%%` "
        "means one `%`. `str(url)` would contain `***` instead of the password. Your own `env.py` "
        "needs none of this: pass the URL object to `create_engine`.",
    ),
)
