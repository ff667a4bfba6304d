"""The verdict that counts: a learner's notebook, run from top to bottom and judged from outside.

The notebook runs in its own kernel, workspace and server; the checks run here. Whatever a notebook
changes in its process doesn't reach the checks, which read the database and the files themselves.
Only the results of a learner's functions come from that kernel, through a probe, and a notebook
could replace the probe's half there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from coursekit.ansi import strip_ansi
from coursekit.course.lesson import Lesson
from coursekit.course.opening import attach
from coursekit.errors import LessonError
from coursekit.exercises.begin import lesson_spec
from coursekit.exercises.cells import grade_id, source_of
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.items import CheckItem, shorten
from coursekit.exercises.manifest import exercises_of
from coursekit.exercises.verdict import DONE, NOT_YET, Verdict, judge
from coursekit.instructor.remote import CELL_TIMEOUT, Kernel, KernelGone, RemoteSubmission
from coursekit.settings import read_settings

CHECK = re.compile(r"check-(\d\d-\d)")
ANSWER = re.compile(r"answer-(\d\d-\d)(-[a-z])?")


def grade(notebook: dict[str, Any], lesson: str) -> Iterator[Verdict]:
    """Yield the verdicts on a lesson's exercises, in the order of their checks in the notebook.

    Call it inside `isolated_run()`. Exercises whose check was deleted are judged at the end.
    """
    folder = read_settings().workspace / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    pending = {exercise.slug: exercise for exercise in exercises_of(lesson)}
    with Kernel(folder) as kernel:
        errors: dict[str, str] = {}
        for cell in (cell for cell in notebook["cells"] if cell["cell_type"] == "code"):
            check = CHECK.fullmatch(grade_id(cell))
            if check and check[1] in pending:
                yield _verdict(pending.pop(check[1]), kernel, errors)
            elif not check:
                _run(kernel, cell, errors)
        for exercise in pending.values():
            yield _verdict(exercise, kernel, errors)


def _run(kernel: Kernel, cell: dict[str, Any], errors: dict[str, str]) -> None:
    """Run a cell. If it's an answer and fails, add its error to `errors` by exercise."""
    answer = ANSWER.fullmatch(grade_id(cell))
    try:
        reply = kernel.run(source_of(cell), CELL_TIMEOUT)
        failed = reply.get("status") != "ok"
        error = f"{reply.get('ename', 'no reply')}: {reply.get('evalue', '')}" if failed else ""
    except (TimeoutError, KernelGone) as problem:
        error = str(problem)
    if answer and error:
        errors[answer[1]] = shorten(strip_ansi(error))


def _verdict(exercise: Exercise, kernel: Kernel, errors: dict[str, str]) -> Verdict:
    """Judge an exercise; an answer's cell that failed is its first item, unless all is done."""
    verdict = judge(
        exercise, RemoteSubmission(exercise.slug, exercise.initial_state, _lesson(exercise), kernel)
    )
    error = errors.get(exercise.slug)
    if error is None or verdict.state == DONE:
        return verdict
    item = CheckItem(
        "the cell runs to its end", False, "no error", error, "the cell of your answer"
    )
    return replace(verdict, state=NOT_YET, items=(item, *verdict.items))


def _lesson(exercise: Exercise) -> Lesson | None:
    """Return the exercise's database and project, or None if the notebook hasn't started it."""
    try:
        return attach(lesson_spec(exercise)) if exercise.initial_state else None
    except LessonError:
        return None
