"""The one error of the kit: a problem that its reader can mend."""

from __future__ import annotations


class TutorialError(Exception):
    """Say what is wrong, why, and what to do next, in one short paragraph.

    In a notebook it renders as that paragraph alone, without a stack trace, and is
    stored as an error like any other, so that no runner takes it for a success.
    The command line prints the same paragraph and exits with 1.

    Never put a password into one of the three sentences.
    """

    def __init__(self, what: str, why: str = "", do: str = "") -> None:
        self.what, self.why, self.do = what, why, do
        super().__init__(" ".join(part for part in (what, why, do) if part))

    def _render_traceback_(self) -> list[str]:
        """Give IPython the lines of the red box: the three sentences, and no stack."""
        first, *more = (part for part in (self.what, self.why, self.do) if part)
        return [f"{type(self).__name__}: {first}", *more]


class SettingsError(TutorialError):
    """The environment or `.env` names a server in a way that cannot be used."""


class ServerError(TutorialError):
    """PostgreSQL cannot be started or does not answer."""


class LessonError(TutorialError):
    """A lesson cannot be started, or its project or database is not as expected."""


class CommandError(TutorialError):
    """A command of a cell, such as `%pytest`, cannot be run, or ended with a failure."""


class AlembicError(CommandError):
    """The `alembic` command of a cell ended with a failure."""


class LockError(TutorialError):
    """A change of the schema did not get its lock."""


class TurnError(TutorialError):
    """Somebody else is at work, and did not end in time."""


class NotebookError(TutorialError):
    """A notebook of the course is not fit to be published, or did not run."""


class ExerciseError(TutorialError):
    """An exercise is not done yet, or there is none of that number."""


class FrameError(TutorialError):
    """A table or a query cannot be read into a dataframe."""


class BackfillError(TutorialError):
    """A backfill stopped, or cannot begin; what it committed stays."""
