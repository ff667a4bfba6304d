"""The verdict that counts: a learner's notebook, run from top to bottom, judged from outside.

The notebook runs in a kernel of its own, in a workspace of its own, on a server of its own;
the checks run here. A notebook may change what it likes where it runs: the checks are not
there, and look at the database and the files themselves. What a learner's function gives,
however, is asked in that kernel by a probe, and there somebody can replace the probe, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from coursekit.course.lesson import Lesson
from coursekit.course.opening import attach
from coursekit.errors import LessonError
from coursekit.exercises.cells import grade_id, source_of
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.items import CheckItem, shorten
from coursekit.exercises.manifest import exercises_of
from coursekit.exercises.notebook_api import lesson_spec
from coursekit.exercises.verdict import DONE, NOT_YET, Verdict, judge
from coursekit.instructor.remote import CELL_SECONDS, Kernel, KernelGone, RemoteSubmission
from coursekit.settings import read_settings

COLOUR = re.compile(r"\x1b\[[\d;]*m")
CHECK = re.compile(r"check-(\d\d-\d)")
ANSWER = re.compile(r"answer-(\d\d-\d)(-[a-z])?")


def grade(notebook: dict[str, Any], lesson: str) -> Iterator[Verdict]:
    """The verdicts on the exercises of a lesson, in the order of their checks in a notebook.

    Call it inside `reference_run()`. An exercise whose check was deleted is judged at the end.
    """
    folder = read_settings().workspace / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    open_ones = {exercise.slug: exercise for exercise in exercises_of(lesson)}
    with Kernel(folder) as kernel:
        errors: dict[str, str] = {}
        for cell in (cell for cell in notebook["cells"] if cell["cell_type"] == "code"):
            check = CHECK.fullmatch(grade_id(cell))
            if check and check[1] in open_ones:
                yield _verdict(open_ones.pop(check[1]), kernel, errors)
            elif not check:
                _run(kernel, cell, errors)
        for exercise in open_ones.values():
            yield _verdict(exercise, kernel, errors)


def _run(kernel: Kernel, cell: dict[str, Any], errors: dict[str, str]) -> None:
    """Run a cell; note how an answer's cell failed, and when the kernel is gone."""
    answer = ANSWER.fullmatch(grade_id(cell))
    try:
        reply = kernel.run(source_of(cell), CELL_SECONDS)
        error = f"{reply['ename']}: {reply['evalue']}" if reply["status"] == "error" else ""
    except (TimeoutError, KernelGone) as problem:
        error = str(problem)
    if answer and error:
        errors[answer[1]] = shorten(COLOUR.sub("", error))


def _verdict(exercise: Exercise, kernel: Kernel, errors: dict[str, str]) -> Verdict:
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
    """Where the notebook has begun the exercise; None when it has not."""
    try:
        return attach(lesson_spec(exercise)) if exercise.initial_state else None
    except LessonError:
        return None
