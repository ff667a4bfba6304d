"""The call itself: check it, open a session, walk, and say what is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError

from ..arguments import checked, count, flag, seconds
from ..connections import Bind
from ..errors import BackfillError
from ..sqlstates import LOCK_NOT_AVAILABLE, sqlstate_of
from .arguments import condition, new_values
from .bars import Report, reporting
from .catalog import relation_of, table_named
from .keys import batch_key
from .leftovers import rows_left
from .pace import Pace
from .progress import BackfillProgress, many
from .reasons import holders_of_table, reason_of
from .replicas import Replicas
from .session import changed_settings, opened
from .statements import Statements
from .walk import Walk

LONGEST = 2_147_483.0  # seconds: PostgreSQL holds its timeouts as 32-bit milliseconds


@checked(BackfillError)
def run(
    bind: Bind | None,
    target: sa.TableClause | type[Any] | str,
    *,
    set: Mapping[Any, Any],
    where: sa.ColumnElement[bool] | sa.TextClause | str,
    key: str | Sequence[str] | None = None,
    size: int = 5_000,
    lock_timeout: float = 1.0,
    attempts: int = 10,
    pause: float = 0.0,
    progress: Callable[[BackfillProgress], object] | bool | None = None,
    strict: bool = True,
    target_time: float | None = None,
    max_lag: float | None = None,
) -> BackfillProgress:
    """Update the matching rows of a table in batches, and commit each batch.

    Rows that other sessions insert meanwhile are updated too if they match. A row that another
    session has locked is left out of its batch, and is tried again at the end.

    Args:
        bind: An engine, a connection in autocommit mode, a session without a transaction, a
            sessionmaker or a database URL; in a revision, `op.get_bind()` within an
            `autocommit_block()`.
        target: A table, a mapped class, or a name: `orders` or `schema.name`.
        set: New values by column: SQL as a SQLAlchemy expression or `text("...")`, a string as
            `literal("...")`, other values as they are.
        where: The rows that still need the change, as a string of SQL or an expression. A
            changed row must no longer match, so that a later call can resume.
        key: The columns that order the batches, unique and NOT NULL; by default the primary key.
        size: Rows per batch; with `target_time`, of the first batch.
        lock_timeout: How many seconds a statement waits for each lock before it gives up.
        attempts: How many times a statement, or a locked row, is tried.
        pause: Seconds between two batches, in which replicas and other sessions catch up.
        progress: Called after each batch, for example `print`; True for a progress bar.
        strict: Whether rows that still match at the end raise an error.
        target_time: Seconds that a batch should take. After each full batch, the size is adapted:
            at most doubled or halved, and kept between 10 and 100,000 rows.
        max_lag: Wait after each batch while a connected replica is more than this many seconds
            behind; None not to wait.

    Returns:
        The final progress. Its `left` is the number of rows that still match: 0 if strict.

    Raises:
        BackfillError: It can't start, it stopped, or rows are left. What it committed stays
            committed; nothing was written if the call itself is wrong.

    """
    strict = flag("strict", strict, BackfillError)
    size = count("size", size, BackfillError, least=1)
    attempts = count("attempts", attempts, BackfillError, least=1)
    lock_timeout = seconds("lock_timeout", lock_timeout, BackfillError, least=0.001, most=LONGEST)
    pause = seconds("pause", pause, BackfillError, most=LONGEST)
    if target_time is not None:
        target_time = seconds("target_time", target_time, BackfillError, least=0.001)
    if max_lag is not None:
        max_lag = seconds("max_lag", max_lag, BackfillError)
    name = f"backfill {getattr(target, '__tablename__', target)}"
    with reporting(progress) as report, opened(bind, lock_timeout, name, attempts) as session:
        statements = _statements(session.connection, target, set, where, key)
        seen = BackfillProgress(statements.relation.name, pid=session.pid)
        walk = Walk(session, statements, Pace(size, target_time), seen)
        replicas = None if max_lag is None else Replicas(session.connection, max_lag)
        exact = changed_settings(session.connection, statements.key.settings)
        with exact, _explained(walk):
            done = walk.run(_between(report, replicas, pause))
            report(done)
            if strict and done.left:
                raise rows_left(walk, done)
        return done


def _statements(
    connection: sa.Connection, target: object, values: object, where: object, key: object
) -> Statements:
    """Return the statements for a call, or an error if the table isn't as it says."""
    table = _table(connection, target)
    relation = relation_of(connection, table)
    chosen = new_values(relation, table, values)
    return Statements(relation, table, batch_key(relation, table, key), chosen, condition(where))


def _table(connection: sa.Connection, target: object) -> sa.TableClause:
    if isinstance(target, str):
        return table_named(connection, target)
    table = getattr(target, "__table__", target)
    if isinstance(table, sa.TableClause):
        return table
    do = 'Pass its name, such as "orders", a Table, sa.table(...) or a mapped class.'
    raise BackfillError("backfill.run needs a table.", f"Got {type(target).__name__}.", do)


def _between(report: Report, replicas: Replicas | None, pause: float) -> Report:
    """Return what happens between two batches: a report, then a pause for the others."""
    if replicas:
        replicas.wait()  # before the first batch: it refuses what it can't watch

    def between(seen: BackfillProgress) -> None:
        report(seen)
        if pause:
            time.sleep(pause)
        if replicas:
            replicas.wait()

    return between


@contextmanager
def _explained(walk: Walk) -> Iterator[None]:
    """Say how far the backfill came, whatever stops it."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(
            f"{_stopped(walk)} {_reached(walk)}; the batch that was running may be committed, "
            f"too. {RESUME}"
        )
        raise
    except SQLAlchemyError as error:
        code = sqlstate_of(error)
        unsent = not isinstance(error, DBAPIError) or (
            isinstance(error, ProgrammingError) and not code  # of the driver
        )
        wrong = not walk.seen.rows and (unsent or code[:2] == "42")
        do = "Nothing was written. Correct the call." if wrong else RESUME
        why = f"{_reached(walk)}: {_why(walk, error, code)}."
        raise BackfillError(_stopped(walk), why, do) from error


RESUME = "What was committed stays. Run it again to continue from there."


def _stopped(walk: Walk) -> str:
    return f"The backfill of {walk.seen.table} stopped after {many(walk.seen.rows, 'row')}."


def _reached(walk: Walk) -> str:
    last = walk.statements.key.describe(walk.seen.last)
    return f"It had reached {last or 'its first row'}"


def _why(walk: Walk, error: SQLAlchemyError, code: str) -> str:
    reason = reason_of(error)
    if code != LOCK_NOT_AVAILABLE:
        return reason
    try:
        holders = holders_of_table(walk.session, walk.statements)
    except DBAPIError:
        return reason
    return f"{reason}; {holders}" if holders else reason
