"""Find exercises by number or slug. Each lesson's package defines its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib import import_module
from itertools import chain
from pathlib import Path

from coursekit.course.catalog import lessons, number_of, slug_of
from coursekit.course.this_notebook import meaning_of
from coursekit.errors import ExerciseError
from coursekit.exercises.exercise import Exercise

LESSONS = "coursekit.lessons"  # content is found by name: the engine imports none of it
FOLDER = Path(__file__).parents[1] / "lessons"


@cache
def exercises_of(lesson: str) -> tuple[Exercise, ...]:
    """Return the exercises of a lesson, named by its slug; () for a lesson without any."""
    package = lesson.replace("-", "_")
    if not (FOLDER / package / "__init__.py").is_file():
        return ()
    found: tuple[Exercise, ...] = import_module(f"{LESSONS}.{package}").EXERCISES
    return tuple(
        replace(one, lesson=lesson, position=position) for position, one in enumerate(found, 1)
    )


def all_exercises() -> tuple[Exercise, ...]:
    """Return the exercises of all lessons, in order."""
    return tuple(_each())


def find(number: str) -> Exercise:
    """Return the exercise with this number, `06.1`, or this slug.

    Raises:
        ExerciseError: There's no such exercise. The message lists the numbers.

    """
    near, wanted = _of_number(str(number)[:2]), meaning_of(str(number)) or number
    for exercise in chain(near, _each()):
        if wanted in (exercise.number, exercise.slug):
            return exercise
    raise _unknown(number, near)


def _each() -> Iterator[Exercise]:
    """Yield the exercises of all lessons. A lesson's content is imported when it's reached."""
    for lesson in lessons():
        yield from exercises_of(lesson)


def _of_number(number: str) -> tuple[Exercise, ...]:
    """Return the exercises of the lesson that has a number now."""
    slugs = {path.name[:2]: slug_of(path) for path in lessons().values()}
    return exercises_of(slugs[number]) if number in slugs else ()


def _unknown(number: str, near: tuple[Exercise, ...]) -> ExerciseError:
    known = [exercise.number for exercise in near or all_exercises()]
    listed = ", ".join(known) if near else f"{known[0]} to {known[-1]}"
    of_lesson = (
        f"Lesson {number_of(near[0].lesson)} has the exercises" if near else "The exercises are"
    )
    return ExerciseError(
        f"There is no exercise {number!r}.",
        f"{of_lesson} {listed}.",
        f'Write its number in quotation marks, for instance "{known[0]}".',
    )
