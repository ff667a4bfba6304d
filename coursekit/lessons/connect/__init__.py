"""The exercises of the lesson: connect."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.connect.checks import any_password, from_settings, who_answered

EXERCISES = (
    Exercise(
        "url-for-any-password",
        "An address that holds any password",
        any_password,
        names=("make_address",),
        hints=(
            "Which characters mean something in an address? What if a password has them?",
            "SQLAlchemy can put an address together from its parts. This lesson does it.",
            'return URL.create("postgresql+psycopg2", username=user, password=..., and so on)',
        ),
        why="URL.create gets each part by itself. So no character of a password can be taken "
        "for the border between two parts, and nothing has to be escaped.",
    ),
    Exercise(
        "who-answered",
        "Who has answered",
        who_answered,
        names=("who_answered",),
        initial_state=InitialState("connect"),
        points=2,
        hints=(
            "Who knows which database it is: the one who wrote the address, or the server?",
            "Take a connection in `with`, and ask in SQL: current_database(), current_user, and "
            "SHOW server_version_num, which is 180006 for PostgreSQL 18.6.",
            "with engine.connect() as connection: "
            'database = connection.scalar(text("SELECT current_database()")), and so on; '
            'int(connection.scalar(text("SHOW server_version_num"))) // 10000',
        ),
        why="A URL is what somebody wrote down; a tunnel or a proxy can lead it elsewhere. The "
        "server knows its own database, user and version. `with` gives the connection back, "
        "so the pool has it for the next question.",
    ),
    Exercise(
        "missing-setting",
        "A setting that is missing",
        from_settings,
        names=("address_from",),
        points=2,
        hints=(
            "What does a dictionary do for a name that it does not have: with [ ], with .get()?",
            "Look at all five names first. When one has no value, raise an error that has this "
            "name in its message. An empty text is no value either.",
            'if not settings.get(name): raise ValueError(f"{name} is not set"), for each of the '
            "five names; after that URL.create, with settings[...] for each part",
        ),
        why="An address with a missing part is a valid address to the wrong place. It fails late, "
        "with a message about something else. A program that checks its settings when it starts "
        "says at once what to mend. It names the setting and never prints the values.",
    ),
)
