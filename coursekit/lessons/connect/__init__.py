"""The exercises of the lesson: connect."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.connect.any_password import any_password
from coursekit.lessons.connect.checks import server_identity
from coursekit.lessons.connect.missing_setting import from_settings

EXERCISES = (
    Exercise(
        "url-for-any-password",
        "A URL that works with any password",
        any_password,
        names=("build_url",),
        hints=(
            "Which characters have a special meaning in a URL? What if a password contains them?",
            "SQLAlchemy can build a URL from separate values. The section One URL shows how.",
            'return URL.create("postgresql+psycopg2", username=user, password=..., and so on)',
        ),
        why="URL.create takes each value separately, so no character can be mistaken for a "
        "delimiter, and you needn't escape anything.",
    ),
    Exercise(
        "who-answered",
        "Which server responded",
        server_identity,
        names=("server_identity",),
        initial_state=InitialState("connect"),
        points=2,
        hints=(
            "Which one really knows which database you're connected to: the URL or the server?",
            "Open a connection in `with`, and query current_database(), current_user, and "
            "SHOW server_version_num, which is 180006 for PostgreSQL 18.6.",
            "with engine.connect() as connection: "
            'database = connection.scalar(text("SELECT current_database()")), and so on; '
            'int(connection.scalar(text("SHOW server_version_num"))) // 10000',
        ),
        why="A URL is only what someone wrote down; a tunnel or a proxy can lead elsewhere. The "
        "server reports its own database, user and version. `with` returns the connection to "
        "the pool, so the next query can use it.",
    ),
    Exercise(
        "missing-setting",
        "A missing setting",
        from_settings,
        names=("url_from",),
        points=2,
        hints=(
            "What does a dictionary do with a missing key: with [ ], and with .get()?",
            "Check all five settings first. If one has no value, raise an exception with its name "
            "in the message. An empty string doesn't count as a value.",
            'if not settings.get(name): raise ValueError(f"{name} is not set"), for each of the '
            "five names; after that URL.create, with settings[...] for each part",
        ),
        why="With a value missing, SQLAlchemy still accepts the URL. The program fails later, with "
        "a message about something else. A program that checks its settings at startup reports "
        "at once what to fix. It names the setting, and never prints the values.",
    ),
)
