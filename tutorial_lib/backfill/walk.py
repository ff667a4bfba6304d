"""The loop: batch after batch through the table, then what was locked, then what came late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import DBAPIError

from ..errors import BackfillError
from ..sqlstates import LOCK_NOT_AVAILABLE, sqlstate_of
from .keys import TextKey
from .pace import Pace
from .progress import BackfillProgress, many, share_of
from .reasons import reason_of
from .session import Session
from .statements import Statements

PASSES = 3  # over the table: another session may commit a row behind our current key
ROW_ERRORS = {"22", "23", "P0"}  # SQLSTATE classes of errors that a single row causes
Range = tuple[TextKey, TextKey]  # the keys after the first and up to the second


@dataclass(frozen=True)
class Batch:
    """The next batch: the rows with keys after one and up to another, when it was looked for."""

    after: TextKey
    until: TextKey
    rows: int


@dataclass
class Walk:
    """One call of `run` and how far it has got.

    Attributes:
        session: Where the statements run.
        statements: What they are.
        pace: How large the next batch is.
        seen: The progress.
        locked: Where rows were left out because another session had locked them.
        unchanged: Rows of the last pass that were selected, and that their update didn't change.

    """

    session: Session
    statements: Statements
    pace: Pace
    seen: BackfillProgress
    locked: list[Range] = field(default_factory=list)
    unchanged: int = 0

    def run(self, after_batch: Callable[[BackfillProgress], object]) -> BackfillProgress:
        """Update what matches and count what is left."""
        for _ in range(PASSES):
            before, self.unchanged = self.seen.rows, 0
            for seen in self._pass():
                after_batch(seen)
            left = self.session.read(self.statements.count()).scalar_one()
            changed = self.seen.rows - before
            late = left < changed or not (changed or self.unchanged or before)
            if not left or self.locked or not late:
                break
        return replace(self.seen, left=left, retries=self.session.retries)

    def _pass(self) -> Iterator[BackfillProgress]:
        """Walk through the table, then again and again through what is locked."""
        ends = [self.session.read(self.statements.end(last=last)).first() for last in (False, True)]
        if ends[0] is None or ends[1] is None:
            return
        first, top = tuple(ends[0]), tuple(ends[1])
        for batch, changed in self._batches((), top):
            share = share_of(*map(self.statements.key.read, (first, batch.until, top)))
            yield self._done(batch, changed, share)
        for attempt in range(1, self.session.attempts):
            ranges, self.locked = self.locked, []
            if not ranges:
                return
            self.session.wait(attempt)
            for after, until in ranges:
                for batch, changed in self._batches(after, until):
                    if changed:
                        yield self._done(batch, changed, self.seen.share)

    def _done(self, batch: Batch, changed: int, share: float | None) -> BackfillProgress:
        self.seen = replace(
            self.seen,
            rows=self.seen.rows + changed,
            batches=self.seen.batches + 1,
            last=self.statements.key.read(batch.until),
            share=share,
            retries=self.session.retries,
        )
        return self.seen

    def _batches(self, after: TextKey, until: TextKey) -> Iterator[tuple[Batch, int]]:
        """Update the batches of a range; yield each, and how many rows it has changed."""
        while batch := self._next(after, until):
            try:
                changed = self._update(batch)
            except DBAPIError as error:
                self._smaller(error, batch)
                continue
            yield batch, changed
            self.pace.updated(batch.rows)
            after = batch.until

    def _next(self, after: TextKey, until: TextKey) -> Batch | None:
        """Return the next batch, or None if no row matches."""
        size = self.pace.size
        found = self.session.read(self.statements.batch(after, until, size)).first()
        if found is None:
            return None
        rows, until = found[0], tuple(found[1:])
        if until == after:
            raise BackfillError(
                f"The backfill can't get past {self.statements.key.describe(until)}.",
                "The type's text isn't exactly its value, so the same row would come again.",
                "Choose another key; what was committed stays.",
            )
        if rows <= size:
            return Batch(after, until, rows)
        before = self.statements.batch_before(after, until, size)
        if found := self.session.read(before).first():
            return Batch(after, tuple(found[1:]), found[0])
        raise BackfillError(
            f"{many(rows, 'row')} of {self.seen.table} share the key "
            f"{self.statements.key.describe(until)}, and a batch has {many(size, 'row')}.",
            "A batch ends between two keys, so this one would be larger than size.",
            "Name more columns in key=, so that fewer rows share one; or give a larger size.",
        )

    def _update(self, batch: Batch) -> int:
        """Update a batch; without the rows that are locked if one of them stays locked."""
        try:
            with self.pace.measured():
                changed = self._try(batch)
        except DBAPIError as error:
            if sqlstate_of(error) != LOCK_NOT_AVAILABLE:
                raise
            self.session.retries += 1
            return self._update_unlocked(batch)
        self.unchanged += max(0, batch.rows - changed)
        return changed

    def _try(self, batch: Batch) -> int:
        statement = self.statements.update(batch.after, batch.until)
        return self.session.execute(statement, but=LOCK_NOT_AVAILABLE).rowcount

    def _update_unlocked(self, batch: Batch) -> int:
        with self.pace.measured():
            statement = self.statements.update_unlocked(batch.after, batch.until)
            changed = self.session.execute(statement).rowcount
        if changed < batch.rows:
            self.locked.append((batch.after, batch.until))
        return changed

    def _smaller(self, error: DBAPIError, batch: Batch) -> None:
        """Make the next batches smaller if that can help; raise the error otherwise."""
        of_a_row = sqlstate_of(error)[:2] in ROW_ERRORS
        if not (of_a_row or self.session.timed_out(error, self.pace.seconds)):
            raise error
        if batch.rows > 1:
            self.pace.failed(batch.rows)
            return
        key = self.statements.key.describe(batch.until)
        raise BackfillError(
            f"The backfill of {self.seen.table} stopped after {many(self.seen.rows, 'row')}.",
            f"It can't update the row with {key}: {reason_of(error)}.",
            "What was committed stays. Run it again to continue from there.",
        ) from error
