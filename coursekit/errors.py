"""The course's errors: each is a Problem, so it renders as what is wrong, why, and what to do."""

from __future__ import annotations

from tutorial_lib.errors import Problem


class ServerError(Problem):
    """PostgreSQL can't be started or doesn't respond."""


class LessonError(Problem):
    """A lesson can't be started, or its project or database isn't as expected."""


class CommandError(Problem):
    """A command in a cell, such as `%pytest`, can't be run or failed."""


class AlembicError(CommandError):
    """The `alembic` command in a cell failed."""


class CommandTimeout(CommandError):
    """A command didn't end in time, and was stopped."""


class NotebookError(Problem):
    """A lesson's notebook failed a gate, or failed to run."""


class ExerciseError(Problem):
    """An exercise isn't done yet, or doesn't exist."""


class ProgressError(Problem):
    """A learner's progress can't be read or saved."""
