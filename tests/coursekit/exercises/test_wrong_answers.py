"""Every wrong answer is refused, with the message meant for it."""

from __future__ import annotations

from typing import Any

import pytest

from answers import WRONG as WRONG_ANSWERS
from coursekit import limits
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.manifest import all_exercises
from coursekit.exercises.verdict import DONE, NOT_YET, Verdict
from support.attempts import reference, tried

pytestmark = [pytest.mark.usefixtures("answers"), pytest.mark.slow]
EXERCISES = all_exercises()
WRONG = [
    pytest.param(one, wrong, id=f"{one.number}-{wrong.name}")
    for one in EXERCISES
    for wrong in WRONG_ANSWERS[one.slug]
]
NAMED = [one for one in EXERCISES if one.names]
# In these an answer is a file, and its effect is checked in another database.
WRITTEN = ("the-first-revision", "change-the-schema", "in-ci", "capstone")
ON_DATABASE = [
    one for one in EXERCISES if one.initial_state and not one.names and one.lesson not in WRITTEN
]
DROP = """
from sqlalchemy import text
with exercise.engine.begin() as connection:
    connection.execute(text("DROP SCHEMA public CASCADE"))
    connection.execute(text("CREATE SCHEMA public"))
"""
# The values that every name of an answer is set to, in turn.
USELESS = {
    "raises": "def {name}(*a, **k):\n    raise RuntimeError('not today')\n",
    "of another type": "{name} = 42\n",
    "gives an object": "def {name}(*a, **k):\n    return object()\n",
    "gives nothing": "def {name}(*a, **k):\n    print(len(a))\n",
    "ends the process": "def {name}(*a, **k):\n    raise SystemExit(0)\n",
}
HANGS = "def {name}(*a, **k):\n    while True:\n        pass\n"


def summary(verdict: Verdict) -> str:
    """Return everything the verdict says about the items that fail."""
    return "\n".join(
        f"{item.what} {item.expected} {item.got} {item.where}"
        for item in verdict.items
        if not item.good
    )


@pytest.mark.samples(2, each="exercise")
@pytest.mark.parametrize(("exercise", "wrong"), WRONG)
def test_a_wrong_answer_gets_the_message_meant_for_it(exercise: Exercise, wrong: Any) -> None:
    verdict = tried(exercise, wrong.code)
    assert verdict.state == NOT_YET, verdict
    assert wrong.says in summary(verdict)


@pytest.mark.samples(1, each="exercise")
@pytest.mark.parametrize("form", USELESS)
@pytest.mark.parametrize("exercise", NAMED, ids=lambda one: one.number)
def test_a_useless_answer_is_refused(exercise: Exercise, form: str) -> None:
    code = "".join(USELESS[form].format(name=name) for name in exercise.names)
    assert tried(exercise, code).state == NOT_YET


@pytest.mark.samples(6)
@pytest.mark.parametrize("exercise", NAMED, ids=lambda one: one.number)
def test_an_answer_that_hangs_is_stopped(
    exercise: Exercise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CALL_TIMEOUT", 0.2)
    verdict = tried(exercise, "".join(HANGS.format(name=name) for name in exercise.names))
    assert verdict.state == NOT_YET


@pytest.mark.samples(4)
@pytest.mark.parametrize("exercise", ON_DATABASE, ids=lambda one: one.number)
def test_an_answer_that_drops_the_tables_is_refused(exercise: Exercise) -> None:
    assert tried(exercise, reference(exercise) + "# %%\n" + DROP).state != DONE
