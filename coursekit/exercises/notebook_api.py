"""What a learner calls: begin, check, hint, solution."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from coursekit.course.lesson import Lesson, LessonSpec
from coursekit.course.opening import open_lesson, opened
from coursekit.course.starting_state import starting_state
from coursekit.errors import ExerciseError
from coursekit.exercises.cells import solution_of
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.local import LocalSubmission
from coursekit.exercises.manifest import find
from coursekit.exercises.progress import Progress, progress_of
from coursekit.exercises.records import note_check, note_hint, note_solution, tried
from coursekit.exercises.verdict import DONE, NOT_STARTED, Verdict, judge
from coursekit.settings import read_settings
from tutorial_lib.display import Note


def begin(number: str, *, resume: bool = False) -> Lesson:
    """Begin an exercise: its own database and project, as the page says it begins.

    A project with work in it moves to `workspace/kept/`. With `resume` both stay as they
    are. Raises what `start` raises, and ExerciseError for an exercise without a database.
    """
    return open_lesson(lesson_spec(find(number)), resume=resume)


def lesson_spec(exercise: Exercise) -> LessonSpec:
    """The database and project with which an exercise begins."""
    start = exercise.initial_state
    if start is None:
        raise ExerciseError(
            f"{exercise.heading} needs no database.",
            "There is nothing to begin.",
            f'Write your answer, then run check("{exercise.number}").',
        )
    files = {**starting_state(start.lesson).files, **start.files}
    return LessonSpec(exercise.slug, start.lesson, files, start.sql)


def check(number: str) -> None:
    """Look at what you did in an exercise, and say what holds and what does not yet.

    Nothing is changed by it. Raises ExerciseError, with the same in short, unless the
    exercise is done.
    """
    exercise = find(number)
    verdict = verdict_on(exercise, sys._getframe(1).f_globals)
    if verdict.state != NOT_STARTED:
        note_check(read_settings().workspace, exercise.number, verdict.state == DONE)
    _show(verdict)
    if verdict.state != DONE:
        raise verdict.error()


def verdict_on(exercise: Exercise, names: dict[str, Any]) -> Verdict:
    """The verdict on an answer in this process, whose names are given."""
    lesson = opened(exercise.slug)
    verdict = judge(exercise, LocalSubmission(exercise.slug, exercise.initial_state, lesson, names))
    return verdict if verdict.state == DONE else replace(verdict, note=_note(exercise, lesson))


def _note(exercise: Exercise, lesson: Lesson | None) -> str:
    """What stands in the way of an answer, beside the answer itself; mostly nothing.

    A restarted kernel has begun nothing. And whoever comes back from a later exercise still
    stands in the folder of that one, where `%alembic` and files go.
    """
    again = f'exercise = begin("{exercise.number}", resume=True)'
    if exercise.initial_state and lesson is None:
        return (
            f'Run the cell with begin("{exercise.number}") first, then your answer, then this '
            f"one. To go on with what you made before a restart: {again}."
        )
    if lesson and not exercise.names and Path.cwd() != lesson.project:
        return (
            "You are in the folder of another exercise, or of the lesson, and what you run "
            f"happens there. To come back: {again}. Then run your answer again."
        )
    return ""


def hint(number: str, which: int | None = None) -> None:
    """Show the next hint of an exercise; `which`, from 1, shows that one again.

    Raises ExerciseError for a hint that there is not.
    """
    exercise = find(number)
    count = len(exercise.hints)
    if which is not None and which not in range(1, count + 1):
        raise ExerciseError(
            f"{exercise.heading} has no hint {which!r}.",
            f"Its hints are 1 to {count}.",
            f'For the next one: hint("{number}").',
        )
    if which is None:
        which = min(note_hint(read_settings().workspace, number), count)
    last = which == count
    after = f'It is the last one. To see an answer: solution("{number}").' if last else ""
    _show(Note(f"Hint {which} of {count}", exercise.hints[which - 1], after=after))


def solution(number: str, *, anyway: bool = False) -> None:
    """Show an answer that works, and why. It is offered after an attempt, or with `anyway`."""
    exercise = find(number)
    workspace = read_settings().workspace
    if not (anyway or tried(workspace, number)):
        raise ExerciseError(
            f"{exercise.heading} was not tried yet.",
            "One learns more from an answer that does not work yet than from reading one.",
            f'Try it, and run check("{number}"); or ask for it: solution("{number}", anyway=True).',
        )
    note_solution(workspace, number)
    _show(Note(f"A solution of exercise {number}", exercise.why, solution_of(exercise)))


def progress() -> Progress:
    """The map of the course, with what you have done, tried, and not begun."""
    return progress_of(read_settings().workspace)


def _show(thing: Any) -> None:
    """In a notebook, an output with text and HTML; elsewhere, the text."""
    if "IPython" in sys.modules:
        from IPython.display import display

        display(thing)  # type: ignore[no-untyped-call]
    else:
        print(repr(thing))
