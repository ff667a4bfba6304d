"""The verdict on a submission: not started, not yet, or done; as text and as HTML."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from coursekit.errors import ExerciseError
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.items import GONE, CheckItem, NotStarted, Unreadable, shorten
from coursekit.exercises.misnamed import with_misfit
from coursekit.exercises.submission import Submission
from tutorial_lib.errors import Problem

NOT_STARTED, NOT_YET, DONE = "not started", "not yet", "done"
# JupyterLab defines this color for each of its themes. Elsewhere no color is readable on both
# light and dark backgrounds, and the words are bold anyway.
OPEN = "color: var(--jp-warn-color0, inherit); white-space: nowrap"


@dataclass(frozen=True)
class Verdict:
    """The verdict of a check on a submission.

    Attributes:
        exercise: The exercise.
        state: NOT_STARTED, NOT_YET or DONE.
        items: What the check looked at.
        note: What to do first, if the check couldn't find the submission.
        remarks: What else an instructor should know, one sentence each.
        seed: The seed of the test data, for `submission.random`.

    """

    exercise: Exercise
    state: str
    items: tuple[CheckItem, ...] = ()
    note: str = ""
    remarks: tuple[str, ...] = ()
    seed: str = field(default="", compare=False)

    @property
    def points(self) -> int:
        """All of the exercise's points if it's done, else 0.

        nbgrader awards the same: a check cell either raises or doesn't. The items of a check
        aren't parts of a solution that deserve partial credit: many of them pass in an
        untouched project, and their number depends on how far the check gets.
        """
        return self.exercise.points if self.state == DONE else 0

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it isn't done, one sentence each, and the remarks."""
        failed = [f"{item.what}: {item.got}" for item in self.items if not item.good]
        if self.state == NOT_STARTED:
            failed = [self._nothing]
        return tuple(filter(None, (*failed, self.note, *self.remarks)))

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as plain data; docs/instructors.md explains each key."""
        return {
            "lesson": self.exercise.lesson,
            "exercise": self.exercise.slug,
            "number": self.exercise.number,
            "title": self.exercise.title,
            "state": self.state,
            "points": self.points,
            "max_points": self.exercise.points,
            "items": [asdict(item) for item in self.items],
            "reasons": list(self.reasons),
            "seed": self.seed,
        }

    @property
    def summary(self) -> str:
        """One line: the exercise, the state, and how many items hold."""
        good = sum(item.good for item in self.items)
        counted = f": {good} of {len(self.items)} hold" if self.state == NOT_YET else ""
        return f"{self.exercise.heading}: {self.state}{counted}."

    @property
    def advice(self) -> str:
        """What to do next."""
        number = self.exercise.number
        if self.note:
            return f'{self.note} For help: hint("{number}").'
        if self.state == DONE:
            return f'To compare with ours: solution("{number}").'
        if self.state == NOT_STARTED:
            failed = "If it has failed, its own output says why. " if self._leaves_traces else ""
            return (
                "Write your answer above, run its cell, then this one. "
                f'{failed}For help: hint("{number}").'
            )
        return f'For help: hint("{number}"). To see one that works: solution("{number}").'

    def __repr__(self) -> str:
        items = [line for item in self.items for line in _lines(item)]
        return "\n".join([self.summary, *items, *self.remarks, self.advice])

    def _repr_html_(self) -> str:
        from tutorial_lib.display import table  # only a notebook shows it

        items = table(map(_row, self.items), row_head=1) if self.items else ""
        summary, advice = html.escape(self.summary), html.escape(self.advice)
        remarks = "".join(f"<p>{html.escape(each)}</p>" for each in self.remarks)
        return f"<p><strong>{summary}</strong></p>{items}{remarks}<p>{advice}</p>"

    @property
    def _leaves_traces(self) -> bool:
        """Whether a submission shows in files or in the database, and defines no name."""
        return bool(self.exercise.initial_state and not self.exercise.names)

    @property
    def _nothing(self) -> str:
        if self._leaves_traces:
            return "Nothing has changed in its files or its database since it was begun."
        return "There is no answer."

    def error(self) -> ExerciseError:
        """Return the verdict as an error, so that no runner takes it for a success."""
        missing = next((item for item in self.items if not item.good), None)
        first = f"The first that does not: {missing.what}." if missing else self._nothing
        if self.note and not missing:
            first = "The check does not know where to look."
        return ExerciseError(self.summary, first, self.advice, shown=True)


def judge(exercise: Exercise, submission: Submission) -> Verdict:
    """Run an exercise's check. Whatever goes wrong in the check itself is no success."""
    try:
        with submission:
            if exercise.names:
                from coursekit.exercises.attempted import any_attempted

                if not submission.call(any_attempted, exercise.names).value:
                    raise NotStarted
            items = tuple(with_misfit(item, exercise) for item in exercise.check(submission))
    except NotStarted:
        return Verdict(exercise, NOT_STARTED, seed=submission.seed)
    except (SQLAlchemyError, Problem, OSError, Unreadable) as error:
        items = (_inaccessible(error),)
    except Exception as error:  # a submission may return what no check expects
        items = (_unexpected(error),)
    done = bool(items) and all(item.good for item in items)
    return Verdict(exercise, DONE if done else NOT_YET, items, seed=submission.seed)


def _inaccessible(error: Exception) -> CheckItem:
    """Report what the check couldn't read: a table that's missing, or locked."""
    lines = str(getattr(error, "orig", None) or error).splitlines()
    message = shorten(lines[0] if lines else type(error).__name__)
    where = error.where if isinstance(error, Unreadable) else GONE
    if "lock timeout" in message:
        where = "One of your sessions is open and holds a lock: leave its `with` or call close()."
    if "statement timeout" in message:
        where = "The check's query did not end: which of your views, functions or triggers waits?"
    return CheckItem("the check can read the database", False, "no error", message, where)


def _unexpected(error: Exception) -> CheckItem:
    what = "the check finishes without an error"
    where = (
        "what your code returns: does it have the type and the structure that the exercise asks "
        "for? If so, the bug is in the check: please report it."
    )
    got = shorten(f"{type(error).__name__}: {error}")
    return CheckItem(what, False, "no error", got, where)


def _lines(item: CheckItem) -> list[str]:
    if item.good:
        return [f"  [ok]      {item.what}"]
    details = (("expected", item.expected), ("got", item.got), ("look at", item.where))
    lines = [f"            {label + ':':<9} {text}" for label, text in details if text]
    return [f"  [not yet] {item.what}", *lines]


def _row(item: CheckItem) -> tuple[str, str, str]:
    state = "ok" if item.good else f'<strong style="{OPEN}">not yet</strong>'
    details = (("expected", item.expected), ("got", item.got), ("look at", item.where))
    lines = [f"{label}: {_value(label, text)}" for label, text in details if text and not item.good]
    return state, html.escape(item.what), "<br>".join(lines)


def _value(label: str, text: str) -> str:
    escaped = html.escape(text)
    return escaped if label == "look at" else f"<code>{escaped}</code>"
