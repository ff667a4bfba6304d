"""Begin an exercise: create its database and its project."""

from __future__ import annotations

import os
import secrets

from coursekit.course import cell_runs
from coursekit.course.lesson import Lesson, LessonSpec
from coursekit.course.opening import open_lesson
from coursekit.errors import ExerciseError
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.manifest import find

# The seed of the rows that `begin` draws; grading sets it, so its checks know the rows.
SEED_VARIABLE = "TUTORIAL_BEGIN_SEED"


def begin(number: str, *, resume: bool = False) -> Lesson:
    """Begin an exercise with its own database and its own project folder.

    The working directory becomes the project folder. If an earlier project holds work of
    yours, it moves to `workspace/kept/`.

    Args:
        number: The exercise, `"06.1"`; or its slug.
        resume: Continue with the existing database and project instead.

    Raises:
        ExerciseError: The exercise doesn't exist, or needs no database.
        LessonError: The database or the folder can't be created, or there's nothing to resume.

    """
    lesson = open_lesson(lesson_spec(find(number)), resume=resume)
    cell_runs.mark()
    return lesson


def lesson_spec(exercise: Exercise) -> LessonSpec:
    """Return the database and project that an exercise starts with.

    Raises:
        ExerciseError: The exercise needs no database.

    """
    start = exercise.initial_state
    if start is None:
        raise ExerciseError(
            f"{exercise.heading} needs no database.",
            "There is nothing to begin.",
            f'Write your answer, then run check("{exercise.number}").',
        )
    seed = os.environ.get(SEED_VARIABLE) or secrets.token_hex(8)
    ids = (exercise.slug, exercise.number, exercise.lesson)
    return LessonSpec(*ids, start.lesson, start.all_files, start.statements(seed), seed)
