"""Check an exercise in the learner's own process."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coursekit.course import cell_runs
from coursekit.course.open_lessons import opened
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.items import CheckItem
from coursekit.exercises.local import LocalSubmission
from coursekit.exercises.manifest import find
from coursekit.exercises.output import show, side_note
from coursekit.exercises.verdict import DONE, NOT_STARTED, NOT_YET, Verdict, judge
from coursekit.settings import read_settings

if TYPE_CHECKING:
    from coursekit.course.lesson import Lesson


def check(number: str) -> None:
    """Check your work on an exercise, and show what holds and what doesn't yet.

    A check changes nothing, neither in your database nor in your files.

    Args:
        number: The exercise, `"06.1"`; or its slug.

    Raises:
        ExerciseError: The exercise isn't done yet, or doesn't exist.

    """
    exercise = find(number)
    verdict = verdict_on(exercise, sys._getframe(1).f_globals)
    cell_runs.mark()
    show(verdict)
    if verdict.state != NOT_STARTED:
        from coursekit.exercises.records import note_check  # most first checks need no records

        with side_note():
            note_check(read_settings().workspace, exercise.slug, verdict.state == DONE)
    if verdict.state != DONE:
        raise verdict.error()


def verdict_on(exercise: Exercise, names: dict[str, Any]) -> Verdict:
    """Return the verdict on a submission in this process.

    Args:
        exercise: What was submitted.
        names: The notebook's names, as `globals()` returns them.

    """
    if cell_runs.any_failed():
        from coursekit.exercises.failed_cells import failed_cells

        if failed := failed_cells(exercise):
            return Verdict(exercise, NOT_YET, failed)
    lesson = opened(exercise.slug)
    verdict = judge(exercise, LocalSubmission(exercise.slug, exercise.initial_state, lesson, names))
    if verdict.state == NOT_STARTED and (item := _misnamed(exercise)):
        return Verdict(exercise, NOT_YET, (item,))
    return verdict if verdict.state == DONE else replace(verdict, note=_note(exercise, lesson))


def _misnamed(exercise: Exercise) -> CheckItem | None:
    from coursekit.exercises.misnamed import misnamed  # most checks find what they look for

    return misnamed(exercise)


def _note(exercise: Exercise, lesson: Lesson | None) -> str:
    """Return what keeps the check from finding the submission; mostly "".

    After a restart the kernel has no exercise open. After a later exercise, the working
    directory is still that one's project, where `%alembic` and new files go.
    """
    again = f'exercise = begin("{exercise.number}", resume=True)'
    if exercise.initial_state and lesson is None:
        return (
            f'Run the cell with begin("{exercise.number}") first, then your answer, then this '
            f"one. To continue what you had before a restart: {again}."
        )
    if lesson and not exercise.names and Path.cwd() != lesson.project:
        return (
            "You're in the folder of another exercise or of the lesson, and your commands run "
            f"there. To come back: {again}. Then run your answer again."
        )
    return ""
