"""The course's errors: each is a Problem, so it renders as what is wrong, why, and what to do."""

from __future__ import annotations

from tutorial_lib.errors import Problem


class ServerError(Problem):
    """PostgreSQL can't be started or doesn't respond."""


class LessonError(Problem):
    """A lesson can't be started, or its project or database isn't as expected."""


class ShownError(Problem):
    """An error whose explanation the cell's output may show already.

    Args:
        what: What is wrong, as one sentence.
        why: Why it is wrong.
        do: What to do next.
        shown: The output above shows it all, so the red box below leaves out `why` and `do`.

    """

    def __init__(self, what: str, why: str = "", do: str = "", *, shown: bool = False) -> None:
        self.shown = shown
        super().__init__(what, why, do)

    def _render_traceback_(self) -> list[str]:
        if not self.shown:
            return super()._render_traceback_()
        return [f"{type(self).__name__}: {self.what}", "The output above says why."]


class CommandError(ShownError):
    """A command in a cell, such as `%pytest`, can't be run or failed."""


class AlembicError(CommandError):
    """The `alembic` command in a cell failed."""


class CommandTimeout(CommandError):
    """A command didn't end in time, and was stopped."""


class NotebookError(Problem):
    """A lesson's notebook failed a gate, or failed to run."""


class ExerciseError(ShownError):
    """An exercise isn't done yet, or doesn't exist."""


class ProgressError(Problem):
    """A learner's progress can't be read or saved."""
