"""The manifest and the notebooks say the same, and every answer gets the verdict it deserves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tutorial_lib.course import lesson_path, lessons
from tutorial_lib.db import make_engine
from tutorial_lib.editions import load
from tutorial_lib.exercises import local
from tutorial_lib.exercises.cells import STUB, answer_cells, grade_id, source_of, with_metadata
from tutorial_lib.exercises.exercise import Exercise
from tutorial_lib.exercises.learner import verdict_on
from tutorial_lib.exercises.manifest import all_exercises, exercises_of
from tutorial_lib.exercises.verdict import DONE, NOT_STARTED, NOT_YET, Verdict
from tutorial_lib.explorer import snapshot
from tutorial_lib.lesson import opened
from tutorial_lib.runs import use_workspace
from tutorial_lib.starts import read_project
from tutorial_lib.testing.answers import answered, blank, reference, tried
from tutorial_lib.testing.warm import warm_alembic

EXERCISES = all_exercises()
WITH_EXERCISES = [number for number in lessons() if number != "00"]
RIGHT = [(one, code) for one in EXERCISES for code in one.right]
WRONG = [(one, wrong) for one in EXERCISES for wrong in one.wrong]
NAMED = [one for one in EXERCISES if one.names]
ON_DATABASE = [one for one in EXERCISES if one.begin and not one.names]
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
DROP = """
from sqlalchemy import text
with exercise.engine.begin() as connection:
    connection.execute(text("DROP SCHEMA public CASCADE"))
    connection.execute(text("CREATE SCHEMA public"))
"""
# What every name of an answer is set to, in turn.
USELESS = {
    "raises": "def {name}(*a, **k):\n    raise RuntimeError('not today')\n",
    "of another type": "{name} = 42\n",
    "gives an object": "def {name}(*a, **k):\n    return object()\n",
    "gives nothing": "def {name}(*a, **k):\n    print(len(a))\n",
    "ends the process": "def {name}(*a, **k):\n    raise SystemExit(0)\n",
}
HANGS = "def {name}(*a, **k):\n    while True:\n        pass\n"

each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.number)


@pytest.fixture(scope="module", autouse=True)
def place() -> Iterator[None]:
    """One workspace for all answers, so that beginnings are made once; a warm Alembic."""
    before, folder = os.environ["TUTORIAL_WORKSPACE"], Path.cwd()
    use_workspace("answers")
    with warm_alembic():
        yield
    os.environ["TUTORIAL_WORKSPACE"] = before
    os.chdir(folder)


def told(verdict: Verdict) -> str:
    """All that is said of what does not hold."""
    return "\n".join(
        f"{item.what} {item.expected} {item.got} {item.where}"
        for item in verdict.items
        if not item.good
    )


# The manifest and the notebooks


@pytest.mark.parametrize("number", WITH_EXERCISES)
def test_every_lesson_has_three_exercises_in_order(number: str) -> None:
    numbers = [exercise.number for exercise in exercises_of(number)]
    assert numbers == [f"{number}.{place}" for place in range(1, len(numbers) + 1)]
    assert len(numbers) >= 3


@each_exercise
def test_an_exercise_has_hints_answers_and_wrong_answers(exercise: Exercise) -> None:
    assert 2 <= len(exercise.hints) <= 4
    assert exercise.why
    assert exercise.points >= 1
    assert len(exercise.right) >= 1  # and the one in the notebook
    assert len(exercise.wrong) >= 5
    assert len({wrong.name for wrong in exercise.wrong}) == len(exercise.wrong)


@pytest.mark.parametrize("number", WITH_EXERCISES)
def test_the_cells_of_a_notebook_are_those_of_the_manifest(number: str) -> None:
    found = [grade_id(cell) for cell in load(lesson_path(number))["cells"]]
    for kind in ("exercise", "check"):
        wanted = [f"{kind}-{exercise.slug}" for exercise in exercises_of(number)]
        assert [name for name in found if name.startswith(f"{kind}-")] == wanted


@each_exercise
def test_a_prompt_has_the_title_and_names_the_hints(exercise: Exercise) -> None:
    cells = {
        grade_id(cell): source_of(cell) for cell in load(lesson_path(exercise.lesson))["cells"]
    }
    prompt = cells[f"exercise-{exercise.slug}"]
    assert prompt.startswith(f"### {exercise.heading}\n")
    assert f'hint("{exercise.number}")' in prompt
    assert cells[f"check-{exercise.slug}"] == f'check("{exercise.number}")'
    if exercise.begin:
        assert cells[f"begin-{exercise.slug}"] == f'exercise = begin("{exercise.number}")'


@each_exercise
def test_an_answer_has_one_todo(exercise: Exercise) -> None:
    cells = answer_cells(load(lesson_path(exercise.lesson)), exercise)
    assert blank(exercise).count(STUB) == len(cells)


@pytest.mark.parametrize("number", WITH_EXERCISES)
def test_the_cells_carry_the_metadata_of_nbgrader(number: str) -> None:
    stored = load(lesson_path(number))
    assert with_metadata(load(lesson_path(number)), number) == stored
    graded = [cell["metadata"].get("nbgrader", {}) for cell in stored["cells"]]
    points = [metadata["points"] for metadata in graded if metadata.get("grade")]
    assert points == [exercise.points for exercise in exercises_of(number)]


# Answers


@each_exercise
def test_what_a_learner_finds_is_not_started(exercise: Exercise) -> None:
    assert tried(exercise, blank(exercise)) == Verdict(exercise, NOT_STARTED)


@each_exercise
def test_the_solution_is_done_and_looking_changes_nothing(exercise: Exercise) -> None:
    with answered(exercise, reference(exercise)) as names:
        before = trace(exercise)
        verdict = verdict_on(exercise, names)
        assert trace(exercise) == before
    assert verdict.state == DONE, verdict


@pytest.mark.parametrize(
    ("exercise", "code"), RIGHT, ids=lambda one: getattr(one, "number", "right")
)
def test_another_right_answer_is_done(exercise: Exercise, code: str) -> None:
    verdict = tried(exercise, code)
    assert verdict.state == DONE, verdict


@pytest.mark.parametrize(
    ("exercise", "wrong"), WRONG, ids=lambda one: getattr(one, "number", None) or one.name
)
def test_a_wrong_answer_gets_the_message_meant_for_it(exercise: Exercise, wrong: Any) -> None:
    verdict = tried(exercise, wrong.code)
    assert verdict.state == NOT_YET, verdict
    assert wrong.says in told(verdict)


@pytest.mark.parametrize("form", USELESS)
@pytest.mark.parametrize("exercise", NAMED, ids=lambda one: one.number)
def test_a_useless_answer_is_refused(exercise: Exercise, form: str) -> None:
    code = "".join(USELESS[form].format(name=name) for name in exercise.names)
    assert tried(exercise, code).state == NOT_YET


@pytest.mark.parametrize("exercise", NAMED, ids=lambda one: one.number)
def test_an_answer_that_hangs_is_stopped(
    exercise: Exercise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "SECONDS", 0.2)
    verdict = tried(exercise, "".join(HANGS.format(name=name) for name in exercise.names))
    assert verdict.state == NOT_YET


@pytest.mark.parametrize("exercise", ON_DATABASE, ids=lambda one: one.number)
def test_an_answer_that_drops_the_tables_is_refused(exercise: Exercise) -> None:
    assert tried(exercise, reference(exercise) + "# %%\n" + DROP).state != DONE


@pytest.mark.parametrize("exercise", ON_DATABASE, ids=lambda one: one.number)
def test_an_answer_that_fails_at_once_is_not_done(exercise: Exercise) -> None:
    assert tried(exercise, "raise RuntimeError('not today')").state != DONE


def trace(exercise: Exercise) -> Any:
    """Everything that a check could have changed: schema, rows, sequences, files."""
    place = opened(exercise.slug) if exercise.begin else None
    if place is None:
        return None
    engine = make_engine(place.url)
    with engine.connect() as connection:
        sequences = [tuple(row) for row in connection.execute(text(SEQUENCES))]
        tables = {
            name: sorted(map(repr, connection.execute(text(f'SELECT * FROM "{name}"'))))
            for kind, name in snapshot(engine).things
            if kind == "table"
        }
    engine.dispose()
    return snapshot(engine), sequences, tables, read_project(place.project)
