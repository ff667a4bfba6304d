"""The time that a check allows for the learner's code and commands."""

from __future__ import annotations

import time
from collections.abc import Callable

from coursekit import limits
from coursekit.exercises.items import ProbeResult

NOT_RUN = "it was not run, because an earlier call or command did not end in time"


class TimeBudget:
    """The time that one check may take, all its calls and commands together.

    After a call or command that didn't end in time, no more are run: they would probably take as
    long, and their results would add nothing.
    """

    def __init__(self) -> None:
        self._end = time.monotonic() + limits.CHECK_TIMEOUT

    def run(self, timeout: float, run: Callable[[float], ProbeResult]) -> ProbeResult:
        """Run something that takes its time limit in seconds, unless the time is used up."""
        left = self._end - time.monotonic()
        if left <= 0:
            return ProbeResult(error=NOT_RUN, ended=False)
        result = run(min(timeout, left))
        if not result.ended:
            self._end = 0.0
        return result


def late(seconds: float) -> ProbeResult:
    """Return the result of a call that was given up after `seconds`."""
    unit = "second" if seconds == 1 else "seconds"
    return ProbeResult(error=f"it did not end within {seconds:g} {unit}", ended=False)
