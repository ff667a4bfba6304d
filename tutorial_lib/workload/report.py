"""The report of a workload: each call, percentiles for each worker, and the errors."""

from __future__ import annotations

import html
import math
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field, fields
from typing import TYPE_CHECKING

from ..display import table
from ..errors import WorkloadError

if TYPE_CHECKING:
    import pandas as pd

DRIVERS_CLASS = re.compile(r"^\w+: (?:\([\w.]+\) )?")  # OperationalError: (psycopg.errors.X)
HEAD = ("worker", "calls", "errors", "per second", "p50", "p95", "p99", "max")


@dataclass(frozen=True)
class Call:
    """One call of a worker.

    Attributes:
        worker: Its name.
        started: When it was due, in seconds since the workload started. Without a rate, that's
            when it started.
        seconds: The time from then to its end, including the wait for a connection and the commit.
        error: Name and first line of its exception; empty if it succeeded.
        sqlstate: The server's code for the error; empty if it didn't come from the server.
        delay: The part of `seconds` before it started, while no thread was free.

    """

    worker: str
    started: float
    seconds: float
    error: str = ""
    sqlstate: str = ""
    delay: float = 0.0


@dataclass(frozen=True)
class WorkerSummary:
    """A worker's calls.

    Attributes:
        worker: Its name.
        calls: The number of its calls.
        errors: How many of them failed.
        per_second: Successful calls per second.
        p50: Half of the calls took at most this long, in seconds; failed ones count, too.
        p95: 95 % of them took at most this long.
        p99: 99 % of them took at most this long.
        longest: The longest call.

    """

    worker: str
    calls: int
    errors: int
    per_second: float
    p50: float
    p95: float
    p99: float
    longest: float


@dataclass(frozen=True)
class ErrorSummary:
    """The errors of one kind that occurred in a worker's calls.

    Attributes:
        worker: Its name.
        kind: The exception's class.
        sqlstate: The server's code; empty if the error didn't come from the server.
        count: How many calls failed with it.
        example: The first line of the first such error's message.

    """

    worker: str
    kind: str
    sqlstate: str
    count: int
    example: str


@dataclass
class WorkloadReport:
    """The calls of all workers; it grows while they run.

    A method that's asked for a worker that isn't one raises WorkloadError: a misspelled name would
    otherwise make every assertion about it pass.
    """

    calls: list[Call] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic, repr=False)
    ended: float | None = field(default=None, repr=False)
    workers: Sequence[str] = field(default=(), repr=False)

    @property
    def errors(self) -> list[str]:
        """Each distinct error as `worker: error`, in the order they first occurred."""
        return list(dict.fromkeys(f"{c.worker}: {c.error}" for c in list(self.calls) if c.error))

    @property
    def seconds(self) -> float:
        """How long the workload ran, or has been running."""
        return (time.monotonic() if self.ended is None else self.ended) - self.began

    def longest(self, worker: str) -> float:
        """Return how many seconds a worker's longest call took, or 0 if it made no calls."""
        return max(self._durations(worker), default=0.0)

    def count(self, worker: str) -> int:
        """Return the number of a worker's successful calls."""
        return sum(not call.error for call in self._calls(worker))

    def percentile(self, worker: str, percent: float) -> float:
        """Return the time within which this share of a worker's calls ended, failed ones included.

        Args:
            worker: Its name.
            percent: From 0 to 100, such as 95 for the 95th percentile.

        Returns:
            The seconds of an actual call: nothing is interpolated. 0 if the worker made no calls.

        Raises:
            WorkloadError: `percent` isn't between 0 and 100.

        """
        number = isinstance(percent, int | float) and not isinstance(percent, bool)
        if not number or not 0 <= percent <= 100:
            raise WorkloadError(f"A percentile is from 0 to 100, not {percent!r}.")
        durations = sorted(self._durations(worker))
        place = max(0, math.ceil(percent / 100 * len(durations)) - 1)
        return durations[place] if durations else 0.0

    def summary(self) -> list[WorkerSummary]:
        """Return each worker's numbers, sorted by name."""
        return [self._summary(worker) for worker in sorted({c.worker for c in list(self.calls)})]

    def _summary(self, worker: str) -> WorkerSummary:
        calls = [call for call in list(self.calls) if call.worker == worker]
        failed = sum(bool(call.error) for call in calls)
        p50, p95, p99 = (self.percentile(worker, percent) for percent in (50, 95, 99))
        rate = (len(calls) - failed) / self.seconds if self.seconds else 0.0
        longest = max(call.seconds for call in calls)
        return WorkerSummary(worker, len(calls), failed, rate, p50, p95, p99, longest)

    def error_summary(self) -> list[ErrorSummary]:
        """Return how many times each kind of error occurred, by worker, most frequent first."""
        failed = [call for call in list(self.calls) if call.error]
        kinds = Counter((c.worker, _kind(c), c.sqlstate) for c in failed)
        examples = {(c.worker, _kind(c), c.sqlstate): c.error for c in reversed(failed)}
        found = [
            ErrorSummary(*kind, count, DRIVERS_CLASS.sub("", examples[kind]))
            for kind, count in kinds.items()
        ]
        return sorted(found, key=lambda each: (each.worker, -each.count, each.kind, each.sqlstate))

    def frame(self) -> pd.DataFrame:
        """Return a DataFrame with one row per call, ordered by start."""
        import pandas as pd

        rows = sorted(self.calls, key=lambda call: call.started)
        return pd.DataFrame(map(astuple, rows), columns=[each.name for each in fields(Call)])

    def _durations(self, worker: str) -> list[float]:
        return [call.seconds for call in self._calls(worker)]

    def _calls(self, worker: str) -> list[Call]:
        calls = list(self.calls)
        known = sorted({*self.workers, *(call.worker for call in calls)})
        if worker not in known:
            why = f"The workers are {', '.join(known)}." if known else ""
            raise WorkloadError(f"There's no worker {worker!r}.", why)
        return [call for call in calls if call.worker == worker]

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for each in self.summary():
            times = (each.p50, each.p95, each.p99, each.longest)
            counts = f"{each.calls:,}", f"{each.errors:,}", f"{each.per_second:,.1f}"
            yield (each.worker, *counts, *map(_time, times))

    def _failures(self) -> Iterator[str]:
        for each in self.error_summary():
            calls = f"{each.count:,} call{'' if each.count == 1 else 's'}"
            kind = f"{each.kind} {each.sqlstate}".rstrip()
            yield f"{each.worker}: {kind}, {calls}: {each.example}"

    def __repr__(self) -> str:
        rows = list(self._rows())
        if not rows:
            return "No calls yet."
        return "\n".join([*_aligned([HEAD, *rows]), *self._failures()])

    def _repr_html_(self) -> str:
        rows = [[html.escape(cell) for cell in row] for row in self._rows()]
        if not rows:
            return "<p>No calls yet.</p>"
        failures = "".join(f"<li>{html.escape(each)}</li>" for each in self._failures())
        return table(rows, HEAD) + (failures and f"<ul>{failures}</ul>")


def _kind(call: Call) -> str:
    return call.error.partition(": ")[0]


def _time(seconds: float) -> str:
    return f"{seconds:,.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield each row as a line: the first column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True)]
        yield "  ".join([f"{first:<{widths[0]}}", *cells])
