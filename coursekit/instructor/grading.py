"""The verdict that counts: a learner's notebook, run from top to bottom and judged from outside.

The notebook runs in its own kernel, workspace and server; the checks run here. Whatever a notebook
changes in its process doesn't reach the checks, which read the database and the files themselves.
Only the results of a learner's functions come from that kernel, through a probe, and a notebook
could replace the probe's half there.
"""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from coursekit import limits
from coursekit.ansi import strip_ansi
from coursekit.course.catalog import lesson_path
from coursekit.course.cell_names import grade_id, slug_in, slug_named
from coursekit.course.lesson import Lesson
from coursekit.course.notebooks import dump
from coursekit.course.opening import attach
from coursekit.errors import ExerciseError, LessonError
from coursekit.exercises.begin import SEED_VARIABLE, lesson_spec
from coursekit.exercises.cells import source_of
from coursekit.exercises.eager_imports import import_checks
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.failed_cells import failed_item
from coursekit.exercises.items import CheckItem, shorten
from coursekit.exercises.manifest import exercises_of
from coursekit.exercises.verdict import NOT_YET, Verdict, judge
from coursekit.instructor.remote import Kernel, KernelGone, RemoteSubmission
from coursekit.settings import read_settings, short_hash

OWN = ("check", "answer")  # the cells that an exercise is judged after


def grade(notebook: dict[str, Any], lesson: str, seed: str = "") -> Iterator[Verdict]:
    """Yield the verdicts on a lesson's exercises, in the order of their last cells.

    Call it inside `isolated_run()`. An exercise is judged after the last of its check and answer
    cells; if its check was deleted, at the end of the notebook.

    Args:
        notebook: The learner's notebook, as `read_submission` returns it.
        lesson: The lesson's slug.
        seed: The seed of the test data. Pass one from a verdict to repeat that run. By default,
            each run has its own. A learner who knows the seed beforehand knows the data.

    """
    import_checks(lesson)
    exercises = exercises_of(lesson)
    # The kernel reads there what the numbers in a copy of an earlier edition mean.
    path = read_settings().workspace / "notebooks" / lesson_path(lesson).name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump(notebook), encoding="utf-8")
    seed = seed or secrets.token_hex(8)
    with Kernel(path, {SEED_VARIABLE: _begin_seed(seed)}) as kernel:
        yield from _Grading(notebook, exercises, kernel, seed).verdicts()


def _begin_seed(seed: str) -> str:
    """Return what `begin` draws rows from: the notebook can read it, but not the checks' seed."""
    return short_hash(f"begin {seed}")


class _Grading:
    """One run of a notebook: what failed so far, and why it ended early if it did."""

    def __init__(
        self, notebook: dict[str, Any], exercises: tuple[Exercise, ...], kernel: Kernel, seed: str
    ) -> None:
        self._seed = seed
        self._exercises = {exercise.slug: exercise for exercise in exercises}
        self._kernel = kernel
        self._cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        self._checks = Counter(slug_in(cell, "check") for cell in self._cells)
        self._other_types = {
            grade_id(cell) for cell in notebook["cells"] if cell["cell_type"] != "code"
        }
        self._failed: dict[str, dict[str, CheckItem]] = defaultdict(dict)  # by exercise and cell
        self._stopped_at = ""  # the cell after which nothing runs, and why

    def verdicts(self) -> Iterator[Verdict]:
        """Run the cells and judge each exercise after its last cell."""
        last = {slug_in(cell, *OWN): place for place, cell in enumerate(self._cells)}
        due = {last[slug]: slug for slug in self._checks if slug in self._exercises}
        for place, cell in enumerate(self._cells):
            if not slug_in(cell, "check"):
                self._run(cell, place + 1)
            if place in due:
                yield self._verdict(due[place])
        for slug in self._exercises:
            if slug not in due.values():
                yield self._verdict(slug)

    def _run(self, cell: dict[str, Any], number: int) -> None:
        """Run a cell, and note its error if it's an answer."""
        if self._stopped_at:
            return
        name, error = grade_id(cell), ""
        try:
            reply = self._kernel.run(source_of(cell), limits.CELL_TIMEOUT)
            # A check in the same cell may say that the answer isn't right: we'll see for ourselves.
            if reply.get("status") == "error" and reply.get("ename") != ExerciseError.__name__:
                error = f"{reply.get('ename')}: {reply.get('evalue')}"
        except TimeoutError as problem:
            error = str(problem)
        except KernelGone as problem:
            error = str(problem)
            self._stopped_at = f"code cell {number}: {error}"
        if slug := slug_in(cell, "answer"):
            self._failed[slug].pop(name, None)  # a copy of the cell counts, if it's the last
            if error:
                self._failed[slug][name] = failed_item(source_of(cell), strip_ansi(error))

    def _verdict(self, slug: str) -> Verdict:
        """Judge an exercise, unless one of its cells failed or the notebook didn't get so far."""
        exercise = self._exercises[slug]
        items = [*self._failed[slug].values()]
        if not items and self._stopped_at:
            items = [_not_reached(self._stopped_at)]
        if items:
            verdict = Verdict(exercise, NOT_YET, tuple(items))
        else:
            start, lesson = exercise.initial_state, _lesson(exercise, _begin_seed(self._seed))
            submission = RemoteSubmission(slug, start, lesson, self._kernel, self._seed)
            verdict = judge(exercise, submission)
        return replace(verdict, remarks=tuple(self._remarks(slug)))

    def _remarks(self, slug: str) -> Iterator[str]:
        """Yield a remark on every change to an exercise's cells that affects grading."""
        if (count := self._checks[slug]) > 1:
            yield f"This exercise has {count} check cells; only the last one counts."
        if not self._checks[slug]:
            yield "Its check cell is missing, so it was graded at the end of the notebook."
        for name in sorted(self._other_types):
            if slug_named(name, *OWN) == slug:
                yield f"The cell {name} is not a code cell, so it did not run."


def _not_reached(stopped_at: str) -> CheckItem:
    where = "the cell named here: no cell after it has run"
    what = "the notebook runs up to this exercise"
    return CheckItem(what, False, "every cell ends", shorten(strip_ansi(stopped_at)), where)


def _lesson(exercise: Exercise, seed: str) -> Lesson | None:
    """Return the exercise's database and project, or None if the notebook hasn't started it.

    The rows are those of our own seed, whatever the notebook has written into its project.
    """
    try:
        found = attach(lesson_spec(exercise)) if exercise.initial_state else None
        return found and replace(found, seed=seed)
    except LessonError:
        return None
