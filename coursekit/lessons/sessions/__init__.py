"""The exercises of the lesson: sessions."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.sessions.cards import CARDS, both_or_none
from coursekit.lessons.sessions.checks import USERS, kept_user
from coursekit.lessons.sessions.requests import closes

EXERCISES = (
    Exercise(
        "uncommitted-user",
        "The lost user",
        kept_user,
        names=("save_user",),
        initial_state=InitialState("sessions", sql=USERS),
        hints=(
            "When does another connection see what a session has sent?",
            "This lesson uses one more line to add Ann than to add Ben. Which line is it?",
            "with Session(engine) as session: session.execute(ADD_USER, {...}), and then "
            "session.commit(), inside the block",
        ),
        why="A session works in a transaction. Closing it rolls back whatever wasn't committed, "
        "without an error. The commit belongs after the last statement and before the end of "
        "the block.",
    ),
    Exercise(
        "both-or-none",
        "Both cards, or neither",
        both_or_none,
        names=("move",),
        initial_state=InitialState("sessions", sql=CARDS),
        points=2,
        hints=(
            "The second statement fails. What must happen to the first? And is it a failure if "
            "an UPDATE finds no row?",
            "Both statements belong in one transaction: one session, and one commit, after both. "
            "session.execute(...) returns a result, and its rowcount is the number of rows found.",
            "with Session(engine) as session: result = session.execute(TAKE_POINTS, ...); if "
            "result.rowcount != 1: raise ValueError(...); the same with ADD_POINTS; then "
            "session.commit(). You need no `except`.",
        ),
        why="Both statements are in one transaction. If one of them fails or finds no row, the "
        "exception ends the block before the commit, and closing the session rolls the other "
        "one back. You need no `except`: the exception reaches the caller. The database "
        "calculates the points, so no other session's change is overwritten.",
    ),
    Exercise(
        "get-db-closes",
        "A get_db that always closes",
        closes,
        names=("safe_get_db",),
        initial_state=InitialState("sessions"),
        points=2,
        hints=(
            "An endpoint fails. Which lines after the `yield` still run?",
            "The code under `finally` always runs. So does the end of a `with` block.",
            "db = ExerciseSession(), then try: yield db, and finally: db.close()",
        ),
        why="If a request fails, its exception is raised at the `yield`, and the code after it is "
        "skipped. Only `finally`, or the end of a `with` block, always runs. An endpoint that "
        "changes something commits its own changes.",
    ),
)
