"""Find exercises by number. Each lesson's package defines its own."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from coursekit.errors import ExerciseError
from coursekit.exercises.exercise import Exercise

LESSONS = "coursekit.lessons"  # content is found by name: the engine imports none of it
FOLDER = Path(__file__).parents[1] / "lessons"


@cache
def exercises_of(lesson: str) -> tuple[Exercise, ...]:
    """Return the exercises of a lesson, `06`, in order; () for a lesson without any."""
    if not (FOLDER / f"lesson_{lesson}").is_dir():
        return ()
    found: tuple[Exercise, ...] = import_module(f"{LESSONS}.lesson_{lesson}").EXERCISES
    return found


def all_exercises() -> tuple[Exercise, ...]:
    """Return the exercises of all lessons, in order."""
    folders = sorted(FOLDER.glob("lesson_[0-9][0-9]"))
    return tuple(one for folder in folders for one in exercises_of(folder.name[-2:]))


def find(number: str) -> Exercise:
    """Return the exercise with this number, `06.1`.

    Raises:
        ExerciseError: There's no such exercise. The message lists the numbers.

    """
    text = str(number)
    near = exercises_of(text[:2])
    for exercise in near:
        if exercise.number == text:
            return exercise
    known = [exercise.number for exercise in near or all_exercises()]
    listed = ", ".join(known) if near else f"{known[0]} to {known[-1]}"
    raise ExerciseError(
        f"There is no exercise {number!r}.",
        f"{f'Those of lesson {text[:2]}' if near else 'They'} are {listed}.",
        f'Write its number in quotation marks, for instance "{known[0]}".',
    )
