"""Every right answer passes, and checking it changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from answers import RIGHT as RIGHT_ANSWERS
from coursekit.course.open_lessons import opened
from coursekit.course.starting_state import read_project
from coursekit.exercises.check import verdict_on
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.manifest import all_exercises
from coursekit.exercises.verdict import DONE, NOT_STARTED, Verdict
from support.attempts import blank, names_after, reference, tried
from tutorial_lib.db import make_engine
from tutorial_lib.explorer import snapshot

pytestmark = pytest.mark.usefixtures("answers")
EXERCISES = all_exercises()
RIGHT = [
    pytest.param(one, code, id=f"{one.number}-{place}")
    for one in EXERCISES
    for place, code in enumerate(RIGHT_ANSWERS[one.slug])
]
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.number)


@pytest.mark.samples(14)
@each_exercise
def test_what_a_learner_finds_is_not_started(exercise: Exercise) -> None:
    assert tried(exercise, blank(exercise)) == Verdict(exercise, NOT_STARTED)


@pytest.mark.slow  # the test command runs each solution and its check in its lesson
@pytest.mark.samples(14)
@each_exercise
def test_the_solution_is_done_and_looking_changes_nothing(exercise: Exercise) -> None:
    with names_after(exercise, reference(exercise)) as names:
        before = trace(exercise)
        verdict = verdict_on(exercise, names)
        assert trace(exercise) == before
    assert verdict.state == DONE, verdict


@pytest.mark.slow
@pytest.mark.samples(1, each="exercise")
@pytest.mark.parametrize(("exercise", "code"), RIGHT)
def test_another_right_answer_is_done(exercise: Exercise, code: str) -> None:
    verdict = tried(exercise, code)
    assert verdict.state == DONE, verdict


def trace(exercise: Exercise) -> Any:
    """Return everything a check could have changed: schema, rows, sequences, files."""
    place = opened(exercise.slug) if exercise.initial_state else None
    if place is None:
        return None
    engine = make_engine(place.url)
    with engine.connect() as connection:
        sequences = [tuple(row) for row in connection.execute(text(SEQUENCES))]
        tables = {
            name: sorted(map(repr, connection.execute(text(f'SELECT * FROM "{name}"'))))
            for kind, name in snapshot(engine).objects
            if kind == "table"
        }
    schema = snapshot(engine)
    engine.dispose()
    return schema, sequences, tables, read_project(place.project)
