"""The exercises of the lesson: sessions."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.sessions.checks import CARDS, USERS, both_or_none, kept_user
from coursekit.lessons.sessions.requests import gives_back

EXERCISES = (
    Exercise(
        "uncommitted-user",
        "The user who was not kept",
        kept_user,
        names=("save_user",),
        initial_state=InitialState("sessions", sql=USERS),
        hints=(
            "When does another connection see what a session has sent?",
            "This lesson adds Ann with one line more than Ben. Where does that line stand?",
            "session.commit(), inside of the `with` block, after session.execute(...)",
        ),
        why="A session works in a transaction. Closing it takes back what was not committed, and "
        "no error says so. The commit belongs after the last statement of the work and before "
        "the end of the block.",
    ),
    Exercise(
        "both-or-none",
        "Both cards, or none",
        both_or_none,
        names=("move",),
        initial_state=InitialState("sessions", sql=CARDS),
        points=2,
        hints=(
            "The second statement fails. What must become of the first?",
            "Both statements belong into one transaction: one session, and one commit, after both.",
            "with Session(engine) as session: session.execute(TAKE_POINTS, ...), "
            "session.execute(ADD_POINTS, ...), session.commit(). No `except`: the error of a "
            "refused move leaves the block by itself.",
        ),
        why="One transaction holds both statements. When one of them fails, the error leaves the "
        "block before the commit, and closing the session takes the other one back. No `except` "
        "is needed: the caller gets the error.",
    ),
    Exercise(
        "get-db-closes",
        "A get_db that always gives back",
        gives_back,
        names=("safe_get_db",),
        initial_state=InitialState("sessions"),
        points=2,
        hints=(
            "An endpoint fails. Which lines after the `yield` still run?",
            "`finally` runs in all cases. So does the end of a `with` block.",
            "db = ExerciseSession(), then try: yield db, and finally: db.close()",
        ),
        why="An error in a request comes back into the function at the `yield`, and skips what "
        "stands after it. Only `finally`, or the end of a `with`, runs in all cases. An endpoint "
        "that changes something commits by itself.",
    ),
)
