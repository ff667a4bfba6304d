"""A backfill in batches: change many rows of a table that is in use.

    backfill.run(
        engine, "orders",
        set={"tax": text("round(amount / 6, 2)")}, where=text("tax IS NULL"),
        progress=print,
    )

Each batch is a transaction of its own. So nobody waits longer than one batch takes, what is
done stays done, and the same call once more goes on where the last one stopped.

This module knows nothing of lessons; with errors.py it can be lifted into an application.
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

PASSES = 3  # through the table: a row may be committed late, behind the place where we are
RETRIED = {"55P03", "40P01", "40001"}  # no lock in time, deadlock, serialization failure
OF_A_ROW = {"22", "23", "P0"}  # classes of errors for which one row is to blame
FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0  # seconds between two attempts; each wait doubles
Condition = sa.ColumnElement[bool] | sa.TextClause
Key = tuple[Any, ...]


@dataclass(frozen=True)
class BackfillProgress:
    """How far a backfill has come.

    rows     changed and committed, by this call
    batches  in how many transactions
    last     the key of the last row of the last batch
    share    where that is in the table, 0 to 1; None unless the key is one number
    left     rows that still match, counted at the end; None until then
    retries  how often a statement met a lock and was tried again
    session  number of the database session, as pg_stat_activity shows it
    """

    table: str
    rows: int = 0
    batches: int = 0
    last: Key = ()
    share: float | None = None
    left: int | None = None
    retries: int = 0
    session: int = 0

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
    pause: float = 0.0,
    lock_timeout: str = "1s",
    attempts: int = 10,
    progress: Callable[[BackfillProgress], object] | None = None,
) -> BackfillProgress:
    """Change the rows of a table that match, in batches, each committed by itself.

    bind          an engine; or, in a revision, op.get_bind() inside of
                  `with op.get_context().autocommit_block():`
    target        a table, its name, or `schema.name`
    set           column to value; SQL is an expression of SQLAlchemy, or text("...")
    where         which rows still need it. It must not match a row that was changed: so a
                  second call can go on, and two calls can run at once
    key           the columns by which to walk, with an index; without it, the primary key
    size          rows in a batch
    pause         seconds between two batches, for others to catch up
    lock_timeout  how long a batch waits for a lock, before it lets go; `attempts` times at most
    progress      called after each batch, for instance `print`

    Rows that others insert meanwhile are changed as well, when they match; `left` of the
    result tells what is there in the end. Raises BackfillError; what was committed stays.
    """
    if size < 1 or attempts < 1:
        raise ValueError("size and attempts must be at least 1")
    with _connected(bind, lock_timeout, f"backfill {target}") as connection:
        table = _table(connection, target)
        columns = _key(connection, table, key)
        session = connection.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()
        seen = BackfillProgress(table.fullname, session=session)
        condition = Grouping(where)  # SQLAlchemy sets no brackets around a text with OR
        job = _Job(connection, table, columns, set, condition, size, attempts, seen)
        return job.run(pause, progress or (lambda _: None))


@dataclass
class _Job:
    """One call of `run`, and how far it has come."""

    connection: sa.Connection
    table: sa.TableClause
    key: list[sa.ColumnClause[Any]]
    values: Mapping[str, Any]
    where: Grouping[bool]
    size: int
    attempts: int
    seen: BackfillProgress

    def run(self, pause: float, tell: Callable[[BackfillProgress], object]) -> BackfillProgress:
        """Walk through the table, and once more for rows that came late."""
        matching = sa.select(sa.func.count()).select_from(self.table).where(self.where)
        try:
            for _ in range(PASSES):
                before = self.seen.rows
                for seen in self._walk():
                    tell(seen)
                    time.sleep(pause)
                left = self._execute(matching).scalar_one()
                if not 0 < left < self.seen.rows - before:  # few are left: they came late
                    break
            self.seen = replace(self.seen, left=left)
        except DBAPIError as error:
            raise self._stopped(error, self.seen.last, "It had come to") from error
        return self.seen

    def _walk(self) -> Iterator[BackfillProgress]:
        """Change batch after batch, from the first key to the one that is the last one now."""
        change = sa.update(self.table).values(self.values).where(self.where)
        (first, top), last, size = self._ends(), (), self.size
        while top and (bound := self._bound(last, top, size)):
            try:
                changed = self._execute(change.where(*self._between(last, bound))).rowcount
            except DBAPIError as error:
                if _code(error)[:2] not in OF_A_ROW:
                    raise
                if size == 1:
                    raise self._stopped(error, bound, "It cannot change the row with") from error
                size = max(1, size // 2)  # what stands before the bad row is still to be done
                continue
            last = bound
            rows, batches = self.seen.rows + changed, self.seen.batches + 1
            share = _share(first, last, top)
            self.seen = replace(self.seen, rows=rows, batches=batches, last=last, share=share)
            yield self.seen

    def _ends(self) -> tuple[Key, Key]:
        """The first and the last key of the table; two empty ones when it has no rows."""
        keys = sa.select(*self.key).limit(1)
        first = self._execute(keys.order_by(*self.key)).first()
        last = self._execute(keys.order_by(*(one.desc() for one in self.key))).first()
        return tuple(first or ()), tuple(last or ())

    def _bound(self, last: Key, top: Key, size: int) -> Key:
        """The key of the last row of the next batch; nothing when no row matches any more.

        It is read first, without a lock: so it holds also when others change these rows.
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
        """Run a statement; when it meets a lock, let go, wait, and try again."""
        for attempt in range(1, self.attempts):
            try:
                return self.connection.execute(statement)
            except DBAPIError as error:
                if _code(error) not in RETRIED:
                    raise
            self.seen = replace(self.seen, retries=self.seen.retries + 1)
            time.sleep(min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT))
        return self.connection.execute(statement)

    def _stopped(self, error: DBAPIError, place: Key, how: str) -> BackfillError:
        names = (one.name for one in self.key)
        where = ", ".join(f"{name} {value}" for name, value in zip(names, place, strict=False))
        said = str(error.orig).strip().partition("\n")[0]
        if error.connection_invalidated:
            said = "the connection to the server was lost"
        return BackfillError(
            f"The backfill of {self.seen.table} stopped after {_many(self.seen.rows, 'row')}.",
            f"{how} {where or 'its first row'}: {said}.",
            "What was committed stays. Run it again, and it goes on from there.",
        )


@contextmanager
def _connected(
    bind: sa.Engine | sa.Connection | None, lock_timeout: str, name: str
) -> Iterator[sa.Connection]:
    """A connection that commits each statement, with a patience and a name of its own."""
    if bind is None:
        raise BackfillError(
            "There is no connection.",
            "With --sql, Alembic connects to nothing, and batches depend on what is there.",
            "In the revision: if not op.get_context().as_sql: backfill.run(...).",
        )
    settings = {"lock_timeout": lock_timeout, "application_name": name}
    if isinstance(bind, sa.Engine):
        opened = bind.connect().execution_options(isolation_level="AUTOCOMMIT")
        with opened as connection, _set(connection, settings):
            yield connection
        return
    driver = bind.connection.dbapi_connection
    if driver is None or not bind.dialect.detect_autocommit_setting(driver):
        raise BackfillError(
            "This connection is in a transaction.",
            "No batch could be committed before the end of it.",
            "In a revision: with op.get_context().autocommit_block(): "
            "backfill.run(op.get_bind(), ...). Elsewhere: give it the engine.",
        )
    with _set(bind, settings):
        yield bind


@contextmanager
def _set(connection: sa.Connection, wanted: dict[str, str]) -> Iterator[None]:
    """Change settings of a session, and put them back."""
    query = sa.text("SELECT current_setting(:name), set_config(:name, :value, false)")

    def change(to: Mapping[str, str]) -> dict[str, str]:
        pairs = ({"name": name, "value": value} for name, value in to.items())
        return {pair["name"]: connection.execute(query, pair).one()[0] for pair in pairs}

    before = change(wanted)
    try:
        yield
    finally:
        if not connection.invalidated:
            with suppress(DBAPIError):  # it may be lost, and nobody has noticed yet
                change(before)


def _table(connection: sa.Connection, target: sa.TableClause | str) -> sa.TableClause:
    """The table that is meant, with its columns."""
    if not isinstance(target, str):
        return target
    schema, _, name = target.rpartition(".")
    try:
        found = sa.inspect(connection).get_columns(name, schema or None)
    except NoSuchTableError:
        raise BackfillError(
            f"There is no table {target}.",
            f"It was looked for in the database {connection.engine.url.database}.",
            "Write its name as the database has it, or schema.name.",
        ) from None
    columns: list[Any] = [sa.column(one["name"], one["type"]) for one in found]
    return sa.table(name, *columns, schema=schema or None)


def _key(
    connection: sa.Connection, table: sa.TableClause, key: str | Sequence[str] | None
) -> list[sa.ColumnClause[Any]]:
    """The columns by which to walk."""
    if key is None:
        primary = sa.inspect(connection).get_pk_constraint(table.name, table.schema)
        key = primary["constrained_columns"]
    names = [key] if isinstance(key, str) else list(key)
    unknown = [name for name in names if name not in table.c]
    if names and not unknown:
        return [table.c[name] for name in names]
    raise BackfillError(
        f"There is no key by which to walk through {table.fullname}.",
        f"It has no column {unknown[0]}." if unknown else "It has no primary key.",
        'Name columns that are never NULL and have an index: key="id".',
    )


def _share(first: Key, last: Key, top: Key) -> float | None:
    if len(last) > 1 or not isinstance(last[0], int):
        return None
    return 1.0 if first == top else float((last[0] - first[0]) / (top[0] - first[0]))


def _code(error: DBAPIError) -> str:
    """PostgreSQL's code of an error, from psycopg2 or psycopg."""
    return str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or "")


def _many(number: int, word: str, ending: str = "s") -> str:
    return f"{number:,} {word}{'' if number == 1 else ending}"
