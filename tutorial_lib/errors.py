"""The library's errors: one base class, and one subclass for each kind of failure."""

from __future__ import annotations


class Problem(Exception):
    """An error its reader can fix: what is wrong, why, and what to do next.

    In a notebook it renders as these sentences alone, without a stack trace, and is stored
    as an error like any other, so no runner mistakes it for a success. Never put a
    password into one of them.

    Args:
        what: What is wrong, as one sentence.
        why: Why it is wrong, or what was found instead.
        do: What to do next.

    """

    def __init__(self, what: str, why: str = "", do: str = "") -> None:
        self.what, self.why, self.do = what, why, do
        super().__init__(" ".join(part for part in (what, why, do) if part))

    def _render_traceback_(self) -> list[str]:
        """Return the lines of IPython's red box: the sentences, and no stack."""
        first, *more = (part for part in (self.what, self.why, self.do) if part)
        return [f"{type(self).__name__}: {first}", *more]


class SettingsError(Problem):
    """A setting is missing, incomplete or invalid."""


class ExplorerError(Problem):
    """The explorer was asked for something the database doesn't have."""


class FrameError(Problem):
    """A query can't be read into a DataFrame, or a DataFrame can't be written to a table."""


class WriteError(FrameError):
    """A row of a DataFrame can't be written; the message never contains its values.

    Args:
        what: What is wrong, as one sentence.
        why: Why it is wrong, or what was found instead.
        do: What to do next.
        row: The row's position, counted from 0 as in `df.iloc`; None if it's unknown.
        column: The table's column, if the error is about one.
        constraint: The constraint or unique index that's violated.
        sqlstate: PostgreSQL's code of the error, or "" if the row wasn't sent.

    """

    def __init__(
        self,
        what: str,
        why: str = "",
        do: str = "",
        *,
        row: int | None = None,
        column: str | None = None,
        constraint: str | None = None,
        sqlstate: str = "",
    ) -> None:
        self.row, self.column = row, column
        self.constraint, self.sqlstate = constraint, sqlstate
        super().__init__(what, why, do)


class BackfillError(Problem):
    """A backfill can't start, or stopped early; what it committed stays committed."""


class LockError(Problem):
    """A schema change didn't get its lock, or was asked for with arguments that can't work."""


class WorkloadError(Problem):
    """A workload can't start as it's called."""


class AdvisoryLockError(Problem):
    """An advisory lock can't be used like this; base class of the two below."""


class AdvisoryLockNotAcquired(AdvisoryLockError):
    """Another session held the advisory lock until the timeout."""


class AdvisoryLockLost(AdvisoryLockError):
    """The session that held the advisory lock ended before the block did."""
