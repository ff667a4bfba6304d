"""Backfill a column in batches, while the table is in use.

    tax = {"tax": text("round(amount / 6, 2)")}
    backfill.run(engine, "orders", set=tax, where=text("tax IS NULL"), progress=print)

Each batch is its own transaction. No other session therefore waits longer than one batch
takes, finished batches stay committed, and the same call continues where the last one stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, NoSuchTableError
from sqlalchemy.sql.elements import Grouping

from .errors import BackfillError
from .sqlstates import RETRYABLE, sqlstate_of

PASSES = 3  # over the table: another session may commit a row behind our current key
ROW_ERRORS = {"22", "23", "P0"}  # SQLSTATE classes of errors that a single row causes
FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0  # seconds between two attempts; each wait doubles
Condition = sa.ColumnElement[bool] | sa.TextClause
Key = tuple[Any, ...]


@dataclass(frozen=True)
class BackfillProgress:
    """How far a backfill has got.

    Attributes:
        table: The table's name.
        rows: Rows changed and committed by this call.
        batches: The number of transactions they took.
        last: The key of the last row of the last batch.
        share: Where that row is in the table, from 0 to 1; None unless the key is one number.
        left: Rows that still match, counted at the end; None until then.
        retries: How many times a statement was retried because of a lock.
        pid: The backfill's session, as in pg_stat_activity.

    """

    table: str
    rows: int = 0
    batches: int = 0
    last: Key = ()
    share: float | None = None
    left: int | None = None
    retries: int = 0
    pid: int = 0

    def __repr__(self) -> str:
        done = f"{self.table}: {_many(self.rows, 'row')} in {_many(self.batches, 'batch', 'es')}"
        if self.left is not None:
            return f"{done}, {self.left:,} left"
        return done if self.share is None else f"{done}, at {self.share:.0%}"


def run(
    bind: sa.Engine | sa.Connection | None,
    target: sa.TableClause | str,
    *,
    set: Mapping[str, Any],
    where: Condition,
    key: str | Sequence[str] | None = None,
    size: int = 5_000,
    lock_timeout: float = 1.0,
    attempts: int = 10,
    pause: float = 0.0,
    progress: Callable[[BackfillProgress], object] | None = None,
) -> BackfillProgress:
    """Update the matching rows of a table in batches, and commit each batch.

    Rows that other sessions insert meanwhile are updated too if they match.

    Args:
        bind: An engine; in a revision, `op.get_bind()` within an `autocommit_block()`.
        target: A table, its name, or `schema.name`.
        set: New values by column. Write SQL as a SQLAlchemy expression or `text("...")`.
        where: The rows that still need the change, never one that has it: calls can then resume.
        key: The indexed columns that order the batches; by default the primary key.
        size: Rows per batch.
        lock_timeout: How many seconds a batch waits for a lock before it's retried.
        attempts: How many times a statement is tried before the backfill stops.
        pause: Seconds between two batches, in which replicas and other sessions catch up.
        progress: Called after each batch, for example `print`.

    Returns:
        The final progress. `left` is the number of rows that match in the end.

    Raises:
        BackfillError: It can't start, or it stopped. What it committed stays committed.
        ValueError: `size` or `attempts` is less than 1.

    """
    if size < 1 or attempts < 1:
        raise ValueError("size and attempts must be at least 1")
    with _connected(bind, lock_timeout, f"backfill {target}") as connection:
        table = _table(connection, target)
        columns = _key(connection, table, key)
        pid = connection.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()
        seen = BackfillProgress(table.fullname, pid=pid)
        job = _Job(connection, table, columns, set, Grouping(where), size, attempts, seen)
        return job.run(pause, progress or (lambda _: None))


@dataclass
class _Job:
    """One call of `run` and its progress."""

    connection: sa.Connection
    table: sa.TableClause
    key: list[sa.ColumnClause[Any]]
    values: Mapping[str, Any]
    where: Grouping[bool]  # SQLAlchemy adds no parentheses around text() with OR
    size: int
    attempts: int
    seen: BackfillProgress

    def run(self, pause: float, report: Callable[[BackfillProgress], object]) -> BackfillProgress:
        """Walk through the table, and again while few rows are left: they were committed late."""
        matching = sa.select(sa.func.count()).select_from(self.table).where(self.where)
        try:
            for _ in range(PASSES):
                before = self.seen.rows
                for seen in self._walk():
                    report(seen)
                    time.sleep(pause)
                left = self._execute(matching).scalar_one()
                if not 0 < left < self.seen.rows - before:
                    break
            self.seen = replace(self.seen, left=left)
        except DBAPIError as error:
            raise self._stopped(error, self.seen.last, "It had reached") from error
        return self.seen

    def _walk(self) -> Iterator[BackfillProgress]:
        """Update batch after batch, from the first key to the one that is currently the last."""
        change = sa.update(self.table).values(self.values).where(self.where)
        (first, top), last, size = self._ends(), (), self.size
        while top and (bound := self._bound(last, top, size)):
            try:
                changed = self._execute(change.where(*self._between(last, bound))).rowcount
            except DBAPIError as error:
                if sqlstate_of(error)[:2] not in ROW_ERRORS:
                    raise
                if size == 1:
                    raise self._stopped(error, bound, "It can't update the row with") from error
                size = max(1, size // 2)  # the rows before the bad one can still be updated
                continue
            last = bound
            rows, batches = self.seen.rows + changed, self.seen.batches + 1
            share = _share(first, last, top)
            self.seen = replace(self.seen, rows=rows, batches=batches, last=last, share=share)
            yield self.seen

    def _ends(self) -> tuple[Key, Key]:
        """Return the first and the last key of the table, or two empty tuples if it's empty."""
        keys = sa.select(*self.key).limit(1)
        first = self._execute(keys.order_by(*self.key)).first()
        last = self._execute(keys.order_by(*(one.desc() for one in self.key))).first()
        return tuple(first or ()), tuple(last or ())

    def _bound(self, last: Key, top: Key, size: int) -> Key:
        """Return the key of the next batch's last row, or an empty tuple if no row matches.

        It's read in a separate query that takes no row locks, and the update repeats the
        condition. The batch is therefore correct even if other sessions change these rows.
        """
        rows = sa.select(*self.key).where(self.where, *self._between(last, top))
        batch = rows.order_by(*self.key).limit(size).subquery()
        ends = sa.select(batch).order_by(*(one.desc() for one in batch.c)).limit(1)
        return tuple(self._execute(ends).first() or ())

    def _between(self, last: Key, bound: Key) -> Iterator[sa.ColumnElement[bool]]:
        key = sa.tuple_(*self.key)
        if last:
            yield key > sa.tuple_(*map(sa.literal, last))
        yield key <= sa.tuple_(*map(sa.literal, bound))

    def _execute(self, statement: sa.Executable) -> sa.CursorResult[Any]:
        """Run a statement; retry it after a pause if it didn't get a lock."""
        for attempt in range(1, self.attempts):
            try:
                return self.connection.execute(statement)
            except DBAPIError as error:
                if sqlstate_of(error) not in RETRYABLE:
                    raise
            self.seen = replace(self.seen, retries=self.seen.retries + 1)
            time.sleep(min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT))
        return self.connection.execute(statement)

    def _stopped(self, error: DBAPIError, key: Key, how: str) -> BackfillError:
        names = (one.name for one in self.key)
        where = ", ".join(f"{name} {value}" for name, value in zip(names, key, strict=False))
        reason = str(error.orig).strip().partition("\n")[0]
        if error.connection_invalidated:
            reason = "the connection to the server was lost"
        return BackfillError(
            f"The backfill of {self.seen.table} stopped after {_many(self.seen.rows, 'row')}.",
            f"{how} {where or 'its first row'}: {reason}.",
            "What was committed stays. Run it again to continue from there.",
        )


@contextmanager
def _connected(
    bind: sa.Engine | sa.Connection | None, lock_timeout: float, name: str
) -> Iterator[sa.Connection]:
    """Yield an autocommitting connection with this lock_timeout and application_name."""
    if bind is None:
        raise BackfillError(
            "There is no connection.",
            "In offline mode (--sql), Alembic doesn't connect, and batches depend on the rows.",
            "In the revision, write: if not op.get_context().as_sql: backfill.run(...).",
        )
    settings = {"lock_timeout": f"{lock_timeout * 1000:.0f}ms", "application_name": name}
    if isinstance(bind, sa.Engine):
        opened = bind.connect().execution_options(isolation_level="AUTOCOMMIT")
        with opened as connection, _set(connection, settings):
            yield connection
        return
    driver = bind.connection.dbapi_connection
    if driver is None or not bind.dialect.detect_autocommit_setting(driver):
        raise BackfillError(
            "This connection is in a transaction.",
            "No batch could be committed before the transaction ends.",
            "In a revision, write: with op.get_context().autocommit_block(): "
            "backfill.run(op.get_bind(), ...). Elsewhere, pass the engine.",
        )
    with _set(bind, settings):
        yield bind


@contextmanager
def _set(connection: sa.Connection, wanted: dict[str, str]) -> Iterator[None]:
    """Change a session's settings for the block and restore them afterwards."""
    query = sa.text("SELECT current_setting(:name), set_config(:name, :value, false)")

    def change(to: Mapping[str, str]) -> dict[str, str]:
        pairs = ({"name": name, "value": value} for name, value in to.items())
        return {pair["name"]: connection.execute(query, pair).one()[0] for pair in pairs}

    before = change(wanted)
    try:
        yield
    finally:
        if not connection.invalidated:
            with suppress(DBAPIError):  # the connection may have been lost meanwhile
                change(before)


def _table(connection: sa.Connection, target: sa.TableClause | str) -> sa.TableClause:
    """Return the table with its columns, read from the database if only its name is given."""
    if not isinstance(target, str):
        return target
    schema, _, name = target.rpartition(".")
    try:
        found = sa.inspect(connection).get_columns(name, schema or None)
    except NoSuchTableError:
        raise BackfillError(
            f"There is no table {target} in the database {connection.engine.url.database}.",
            "Names are case-sensitive, and a table outside the search_path needs its schema.",
            "Check the spelling, or write schema.name.",
        ) from None
    columns: list[Any] = [sa.column(one["name"], one["type"]) for one in found]
    return sa.table(name, *columns, schema=schema or None)


def _key(
    connection: sa.Connection, table: sa.TableClause, key: str | Sequence[str] | None
) -> list[sa.ColumnClause[Any]]:
    """Return the columns that order the batches."""
    if key is None:
        primary = sa.inspect(connection).get_pk_constraint(table.name, table.schema)
        key = primary["constrained_columns"]
    names = [key] if isinstance(key, str) else list(key)
    unknown = [name for name in names if name not in table.c]
    if names and not unknown:
        return [table.c[name] for name in names]
    raise BackfillError(
        f"There is no key to order the batches of {table.fullname} by.",
        f"It has no column {unknown[0]}." if unknown else "It has no primary key.",
        'Name columns that are never NULL and have an index: key="id".',
    )


def _share(first: Key, last: Key, top: Key) -> float | None:
    if len(last) > 1 or not isinstance(last[0], int):
        return None
    return 1.0 if first == top else float((last[0] - first[0]) / (top[0] - first[0]))


def _many(number: int, word: str, ending: str = "s") -> str:
    return f"{number:,} {word}{'' if number == 1 else ending}"
