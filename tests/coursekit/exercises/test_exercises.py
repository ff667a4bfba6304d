"""The manifest and the notebooks agree."""

from __future__ import annotations

import pytest

from answers import RIGHT, WRONG
from coursekit.course.catalog import lesson_path, lessons, number_of
from coursekit.course.cell_names import grade_id
from coursekit.course.notebooks import load
from coursekit.exercises.cells import (
    TODO,
    answer_cells,
    clear_solutions,
    source_of,
    write_nbgrader_metadata,
)
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.manifest import all_exercises, exercises_of

WITH_EXERCISES = [slug for slug in lessons() if slug != "start-here"]
each_exercise = pytest.mark.parametrize("exercise", all_exercises(), ids=lambda one: one.number)


@pytest.mark.parametrize("lesson", WITH_EXERCISES)
def test_every_lesson_has_three_exercises_in_order(lesson: str) -> None:
    numbers = [exercise.number for exercise in exercises_of(lesson)]
    assert numbers == [f"{number_of(lesson)}.{place}" for place in range(1, len(numbers) + 1)]
    assert len(numbers) >= 3


@each_exercise
def test_an_exercise_has_hints_answers_and_wrong_answers(exercise: Exercise) -> None:
    assert 2 <= len(exercise.hints) <= 4
    assert exercise.why
    assert exercise.points >= 1
    assert len(RIGHT[exercise.slug]) >= 1  # plus the one in the notebook
    assert len(WRONG[exercise.slug]) >= 5
    assert len({wrong.name for wrong in WRONG[exercise.slug]}) == len(WRONG[exercise.slug])


@pytest.mark.parametrize("lesson", WITH_EXERCISES)
def test_the_cells_of_a_notebook_are_those_of_the_manifest(lesson: str) -> None:
    found = [grade_id(cell) for cell in load(lesson_path(lesson))["cells"]]
    for kind in ("exercise", "check"):
        wanted = [f"{kind}-{exercise.slug}" for exercise in exercises_of(lesson)]
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
    if exercise.initial_state:
        assert cells[f"begin-{exercise.slug}"] == f'exercise = begin("{exercise.number}")'


@each_exercise
def test_each_cell_for_an_answer_has_a_todo(exercise: Exercise) -> None:
    cells = answer_cells(load(lesson_path(exercise.lesson)), exercise)
    assert cells
    assert all(TODO in clear_solutions(source_of(cell)) for cell in cells)


@pytest.mark.parametrize("lesson", WITH_EXERCISES)
def test_the_cells_carry_the_metadata_of_nbgrader(lesson: str) -> None:
    stored = load(lesson_path(lesson))
    fresh = load(lesson_path(lesson))
    write_nbgrader_metadata(fresh, lesson)
    assert fresh == stored
    graded = [cell["metadata"].get("nbgrader", {}) for cell in stored["cells"]]
    points = [metadata["points"] for metadata in graded if metadata.get("grade")]
    assert points == [exercise.points for exercise in exercises_of(lesson)]
