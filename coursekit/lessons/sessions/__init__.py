"""The exercises of the lesson: sessions."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.sessions.checks import CARDS, USERS, both_or_none, kept_user
from coursekit.lessons.sessions.requests import gives_back

EXERCISES = (
    Exercise(
        "uncommitted-user",
        "The lost user",
        kept_user,
        names=("save_user",),
        initial_state=InitialState("sessions", sql=USERS),
        hints=(
            "When does another connection see what a session has sent?",
            "This lesson uses one more line to add Ann than to add Ben. Where is that line?",
            "session.commit(), inside the `with` block, after session.execute(...)",
        ),
        why="A session works in a transaction. Closing it rolls back whatever wasn't committed, "
        "without an error. The commit belongs after the last statement and before the end of "
        "the block.",
    ),
    Exercise(
        "both-or-none",
        "Both cards, or none",
        both_or_none,
        names=("move",),
        initial_state=InitialState("sessions", sql=CARDS),
        points=2,
        hints=(
            "The second statement fails. What must happen to the first?",
            "Both statements belong in one transaction: one session, and one commit, after both.",
            "with Session(engine) as session: session.execute(TAKE_POINTS, ...), "
            "session.execute(ADD_POINTS, ...), session.commit(). No `except`: the error of a "
            "refused move leaves the block anyway.",
        ),
        why="Both statements are in one transaction. If one of them fails, the error leaves the "
        "block before the commit, and closing the session rolls the other one back. You need no "
        "`except`: the caller receives the error.",
    ),
    Exercise(
        "get-db-closes",
        "A get_db that always closes",
        gives_back,
        names=("safe_get_db",),
        initial_state=InitialState("sessions"),
        points=2,
        hints=(
            "An endpoint fails. Which lines after the `yield` still run?",
            "`finally` always runs. So does the end of a `with` block.",
            "db = ExerciseSession(), then try: yield db, and finally: db.close()",
        ),
        why="An error in a request is raised in the function at the `yield`, and skips the code "
        "after it. Only `finally`, or the end of a `with`, always runs. An endpoint that changes "
        "something commits its own changes.",
    ),
)
