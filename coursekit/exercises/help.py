"""Help with an exercise: its hints and its solution."""

from __future__ import annotations

from coursekit.errors import ExerciseError
from coursekit.exercises.cells import solution_of
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.manifest import find
from coursekit.exercises.output import show, side_note
from coursekit.exercises.records import note_hint, note_solution, record_of
from coursekit.settings import read_settings
from tutorial_lib.display import Note


def hint(number: str, which: int | None = None) -> None:
    """Show the next hint of an exercise.

    Args:
        number: The exercise, `"06.1"`; or its slug.
        which: Show this hint instead, counted from 1.

    Raises:
        ExerciseError: The exercise or the hint doesn't exist.

    """
    exercise = find(number)
    workspace, count = read_settings().workspace, len(exercise.hints)
    following = which is None
    if which is None:
        which = min(record_of(workspace, exercise.slug).hints + 1, count)
    elif which not in range(1, count + 1):
        raise _no_such_hint(exercise, which)
    last = which == count
    after = f'This is the last one. For an answer: solution("{exercise.number}").' if last else ""
    show(Note(f"Hint {which} of {count}", exercise.hints[which - 1], after=after))
    if following:
        with side_note():
            note_hint(workspace, exercise.slug)


def solution(number: str, *, anyway: bool = False) -> None:
    """Show a solution of an exercise, and why it works.

    Args:
        number: The exercise, `"06.1"`; or its slug.
        anyway: Show it even before your first attempt.

    Raises:
        ExerciseError: The exercise doesn't exist, or wasn't tried yet.

    """
    exercise = find(number)
    workspace, number = read_settings().workspace, exercise.number
    if not (anyway or record_of(workspace, exercise.slug).checks):
        raise ExerciseError(
            f"{exercise.heading} was not tried yet.",
            "You learn more from an attempt that fails than from reading a solution.",
            f'Try it and run check("{number}"), or see it now: solution("{number}", anyway=True).',
        )
    show(Note(f"A solution of exercise {number}", exercise.why, solution_of(exercise)))
    with side_note():
        note_solution(workspace, exercise.slug)


def _no_such_hint(exercise: Exercise, which: int) -> ExerciseError:
    return ExerciseError(
        f"{exercise.heading} has no hint {which!r}.",
        f"Its hints are 1 to {len(exercise.hints)}.",
        f'For the next one: hint("{exercise.number}").',
    )
