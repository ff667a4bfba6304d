"""`tutorial verify --learner`: judge the exercises in the learner's copies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coursekit.cli.console import out

if TYPE_CHECKING:
    from coursekit.exercises.verdict import Verdict
    from coursekit.settings import Settings


@dataclass(frozen=True)
class Failure:
    """A lesson that couldn't be graded, or only in part.

    Attributes:
        lesson: Its slug.
        reason: Why.

    """

    lesson: str
    reason: str
    state = "error"

    @property
    def summary(self) -> str:
        """One line: the lesson, and why."""
        from coursekit.course.catalog import number_of

        return f"Lesson {number_of(self.lesson)}: not graded. {self.reason}"

    def __repr__(self) -> str:
        return self.summary

    def to_dict(self) -> dict[str, Any]:
        """Return it with the keys of a verdict."""
        nothing: dict[str, Any] = dict.fromkeys(("exercise", "number", "title"))
        empty: dict[str, Any] = {"points": 0, "max_points": 0, "items": []}
        state, reasons = {"state": self.state}, {"reasons": [self.reason], "seed": ""}
        return {"lesson": self.lesson, **nothing, **state, **empty, **reasons}


def judge_copies(keys: Iterable[str], *, as_json: bool = False) -> int:
    """Print a verdict for each exercise of these lessons; return 0 if all are done, else 1.

    Args:
        keys: The lessons' slugs.
        as_json: Print each verdict as one line of JSON.

    """
    done = True
    for verdict in _verdicts(keys):
        good = verdict.state == "done"
        if as_json:
            print(json.dumps(verdict.to_dict()), flush=True)
        else:
            out.print(verdict.summary if good else repr(verdict))
        done = done and good
    return 0 if done else 1


def _verdicts(keys: Iterable[str]) -> Iterator[Verdict | Failure]:
    """Yield the verdicts on each lesson that has exercises; a failure doesn't stop the others."""
    from coursekit.exercises.manifest import exercises_of
    from coursekit.instructor.isolated_run import isolated_run
    from coursekit.settings import read_settings
    from tutorial_lib.errors import Problem

    settings = read_settings()
    with isolated_run():
        for key in filter(exercises_of, keys):
            try:
                yield from _verdicts_on(key, settings)
            except (Problem, RuntimeError, OSError) as error:
                yield Failure(key, " ".join(str(error).split()))


def _verdicts_on(key: str, settings: Settings) -> Iterator[Verdict]:
    from coursekit.exercises.copies import copy_of
    from coursekit.instructor.grading import grade
    from coursekit.instructor.isolated_run import use_workspace
    from coursekit.instructor.submitted import read_submission

    notebook = read_submission(copy_of(settings, key))
    use_workspace(f"learner-{key}")
    yield from grade(notebook, key)
