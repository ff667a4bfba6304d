"""How large the next batch is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SMALLEST, LARGEST = 10, 100_000  # rows; what target_time chooses from


@dataclass
class Pace:
    """The size of the next batch.

    With a target time, each full batch that was updated multiplies the size by target / seconds,
    at least by one half and at most by two. The size stays between 10 and 100,000 rows, unless
    it began outside of them.

    Attributes:
        size: Rows of the next batch.
        target_time: How many seconds a batch should take; None for a size that stays.
        seconds: How long the last update took.

    """

    size: int
    target_time: float | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._smallest, self._largest = min(SMALLEST, self.size), max(LARGEST, self.size)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure an update."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds = time.monotonic() - started

    def updated(self, rows: int) -> None:
        """Adapt the size to the time that the last update took, if its batch was full."""
        if self.target_time is None or rows < self.size:
            return
        factor = self.target_time / self.seconds if self.seconds else 2.0
        size = round(self.size * min(2.0, max(0.5, factor)))
        self.size = min(self._largest, max(self._smallest, size))

    def failed(self, rows: int) -> None:
        """Halve a batch whose update failed; the rows before the bad one can still be updated."""
        self.size = max(1, min(rows, self.size) // 2)
        self._smallest = min(self._smallest, self.size)
