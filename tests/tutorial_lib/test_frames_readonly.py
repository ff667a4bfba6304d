"""A read joins the caller's transaction or has its own, and leaves nothing open."""

from __future__ import annotations

import _thread
import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    scoped_session,
    sessionmaker,
)

from support import drivers
from support.assert_frames import assert_same
from support.databases import ADVISORY_LOCKS
from tutorial_lib import frames
from tutorial_lib.connections.readonly import ALONE
from tutorial_lib.db import make_engine
from tutorial_lib.errors import FrameError
from tutorial_lib.frames import copy_reader

MANY = 10_000  # rows; they fill more of the small blocks than may wait


class Base(DeclarativeBase):
    """A base for this file's models."""


class Thing(Base):
    """A row that this file's sessions add."""

    __tablename__ = "added"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


driver = drivers.each_driver


@pytest.fixture(scope="module")
def filled(shared: Engine) -> Engine:
    """A database with a long table, and a mapped empty one."""
    Base.metadata.create_all(shared)
    # Autovacuum would lock the table while these tests look for locks.
    kept = "WITH (autovacuum_enabled = false)"
    with shared.begin() as connection:
        rows = f"SELECT n, repeat('x', 200) AS filling FROM generate_series(1, {MANY}) AS n"
        connection.execute(text(f"CREATE TABLE things {kept} AS {rows}"))
    return shared


@pytest.fixture(scope="module")
def other(filled: Engine) -> Iterator[Connection]:
    """Another session's connection, in autocommit."""
    engine = make_engine(filled.url, lock_timeout=0.1, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture(autouse=True)
def nothing_stays(
    filled: Engine, other: Connection, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Every test ends as it started: no transaction, lock or connection is left open."""
    monkeypatch.setattr(copy_reader, "BLOCK", 1 << 15)
    yield
    assert filled.pool.checkedout() == 0
    assert_free(other)


def assert_free(other: Connection) -> None:
    """Assert that no lock on the table is held: a migration goes through."""
    locks = other.execute(
        text(
            "SELECT mode, state, query FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE relation = 'things'::regclass"
        )
    )
    assert locks.all() == []
    other.execute(text("ALTER TABLE things ADD COLUMN migrated int"))
    other.execute(text("ALTER TABLE things DROP COLUMN migrated"))


def at_work(other: Connection) -> list[str]:
    """Return the statements of this database's other sessions that are in a transaction."""
    query = (
        "SELECT query FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'"
    )
    return list(other.execute(text(query)).scalars())


def soon_at_work(other: Connection) -> list[str]:
    """Return the same after a pause: the server notices a closed connection late."""
    deadline = time.monotonic() + 300
    while (found := at_work(other)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


# -- in whose transaction


@pytest.fixture(params=["session", "scoped session", "connection"])
def mine(request: pytest.FixtureRequest, filled: Engine) -> Iterator[Any]:
    """The caller's session or connection, in a transaction with an uncommitted row."""
    add = text("INSERT INTO added VALUES (1, 'Ann')")
    if request.param == "connection":
        with filled.connect() as connection:
            connection.execute(add)
            yield connection
    else:
        maker: Any = sessionmaker(filled, autoflush=False)
        session = maker() if request.param == "session" else scoped_session(maker)
        with closing(session):
            session.execute(add)
            yield session


def test_sees_what_is_not_committed(mine: Any, filled: Engine) -> None:
    assert frames.read("added", session=mine)["name"].tolist() == ["Ann"]
    assert frames.read("added", filled)["name"].tolist() == []


def test_sees_temporary_tables_and_settings(mine: Any) -> None:
    mine.execute(text("CREATE TEMP TABLE secret AS SELECT 1 AS n"))
    mine.execute(text("SET LOCAL search_path = pg_temp; SET LOCAL DateStyle = German"))
    assert frames.read("secret", mine)["n"].tolist() == [1]
    assert frames.read("SHOW search_path", mine).iloc[0, 0] == "pg_temp"


def test_leaves_the_transaction_as_it_was(mine: Any, filled: Engine, other: Connection) -> None:
    frames.read("things", mine)
    assert_free(other)  # although the transaction goes on
    mine.execute(text("INSERT INTO added VALUES (2, 'Ben')"))
    assert frames.read("added", mine)["name"].tolist() == ["Ann", "Ben"]
    mine.rollback()
    assert frames.read("added", mine)["name"].tolist() == []


@pytest.mark.parametrize(
    "query", ["SELECT 1 / 0", "SELECT n / (n - 9999) FROM things", "nowhere", "SELECT ', FROM"]
)
def test_an_error_does_not_break_the_transaction(
    mine: Any, query: str, filled: Engine, other: Connection
) -> None:
    with pytest.raises(Exception, match=r"division by zero|does not exist|unterminated"):
        frames.read(query, mine)
    assert frames.read("added", mine)["name"].tolist() == ["Ann"]
    assert_free(other)


def test_the_transaction_may_still_write_afterwards(mine: Any) -> None:
    frames.read("added", mine)
    mine.execute(text("INSERT INTO added VALUES (3, 'Dan')"))
    mine.commit()
    mine.execute(text("DELETE FROM added"))
    mine.commit()


def test_flushes_what_a_session_has_collected(filled: Engine) -> None:
    with Session(filled, autoflush=False) as session:
        session.add(Thing(id=1, name="Ann"))
        assert frames.read(Thing, session=session)["name"].tolist() == ["Ann"]
        session.rollback()


def test_a_session_that_has_not_begun_does_not_begin(filled: Engine, other: Connection) -> None:
    with Session(filled) as session:
        assert len(frames.read("things", session=session)) == MANY
        assert not session.in_transaction()
        assert_free(other)


def test_a_connection_that_has_not_begun_does_not_begin(filled: Engine, other: Connection) -> None:
    with filled.connect() as connection:
        assert len(frames.read("things", connection)) == MANY
        assert not connection.in_transaction()
        assert_free(other)


def test_a_transaction_that_has_sent_nothing_yet_goes_on(filled: Engine, other: Connection) -> None:
    with filled.connect() as connection, connection.begin():
        frames.read("things", connection)
        connection.execute(text("INSERT INTO added VALUES (1, 'Ann')"))
        assert len(frames.read("added", connection)) == 1
        assert_free(other)
        connection.rollback()
    assert len(frames.read("added", filled)) == 0


@pytest.mark.parametrize("started", [False, True])
def test_a_connection_that_commits_by_itself(filled: Engine, started: bool) -> None:
    with filled.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("BEGIN" if started else "SELECT 1"))
        connection.execute(text("INSERT INTO added VALUES (1, 'Ann')"))
        assert len(frames.read("things", connection)) == MANY
        assert len(frames.read("added", filled)) == (0 if started else 1)
        connection.execute(text("ROLLBACK" if started else "DELETE FROM added"))


def test_a_server_side_cursor_was_requested(filled: Engine) -> None:
    with filled.connect().execution_options(stream_results=True, yield_per=10) as connection:
        assert len(frames.read("things", connection)) == MANY


def test_a_failed_transaction_stays_failed(filled: Engine) -> None:
    with Session(filled) as session:
        with pytest.raises(DataError):
            session.execute(text("SELECT 1 / 0"))
        with pytest.raises(FrameError, match="transaction has failed"):
            frames.read("things", session=session)


def test_all_of_a_read_is_of_one_moment(filled: Engine) -> None:
    query = "SELECT current_setting('transaction_isolation') AS a, now() = now() AS b"
    with filled.connect() as connection:
        frame = frames.read(f"{query}, current_setting('transaction_read_only') AS c", connection)
    assert frame.iloc[0].tolist() == ["repeatable read", True, "on"]


# -- errors and interrupts


def test_an_error_in_the_middle_is_sqlalchemys(filled: Engine) -> None:
    with pytest.raises(DataError, match="division by zero") as caught:
        frames.read("SELECT 1 / (n - 9999) FROM things", filled)
    assert "[SQL: SELECT 1 / (n - 9999) FROM things]" in str(caught.value)


@contextmanager
def interrupted(after: float) -> Iterator[None]:
    """Press Ctrl-C after some seconds; the read must stop soon."""
    timer = threading.Timer(after, _thread.interrupt_main)
    timer.start()
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        timer.cancel()
    assert time.monotonic() - started < after + 50  # the query alone takes 60 s


@pytest.mark.parametrize("query", ["pg_sleep(60)", "pg_sleep(n / 20000.0) FROM things"])
def test_ctrl_c_stops_the_query_on_the_server(
    filled: Engine, query: str, other: Connection
) -> None:
    with interrupted(0.3):
        frames.read(f"SELECT {query}", filled)
    assert at_work(other) == []


@pytest.mark.parametrize(
    "query", ["things", "SELECT count(*) FROM things", "EXPLAIN ANALYZE SELECT pg_sleep(60)"]
)
def test_ctrl_c_while_a_read_waits(filled: Engine, query: str, other: Connection) -> None:
    """A migration holds the table's lock, or PostgreSQL explains what it runs."""
    with filled.connect() as migration, migration.begin():
        migration.execute(text("LOCK TABLE things"))
        with interrupted(0.3):
            frames.read(query, filled)
        assert [each for each in at_work(other) if "LOCK TABLE" not in each] == []
    assert len(frames.read("things", filled)) == MANY


def test_ctrl_c_while_a_session_waits(mine: Any, filled: Engine, other: Connection) -> None:
    with filled.connect() as migration, migration.begin():
        migration.execute(text("LOCK TABLE things"))
        with interrupted(0.3):
            frames.read("things", mine)
        assert frames.read("added", mine)["name"].tolist() == ["Ann"]


@pytest.mark.parametrize("to", ["pandas", "arrow"])
def test_a_timeout_in_the_middle(filled: Engine, other: Connection, to: Any) -> None:
    slow = "SELECT n, filling, pg_sleep(CASE n WHEN 9000 THEN 60 ELSE 0 END)::text FROM things"
    limited = make_engine(filled.url, connect_args={"options": "-c statement_timeout=500"})
    with pytest.raises(OperationalError, match="statement timeout"):
        frames.read(slow, limited, to=to)
    with pytest.raises(OperationalError, match="statement timeout"):
        list(frames.read(slow, limited, to=to, chunks=100))
    assert limited.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert soon_at_work(other) == []
    assert frames.read("SELECT 1 AS n", limited)["n"][0] == 1
    limited.dispose()


def test_a_backend_that_is_killed_in_the_middle(filled: Engine, other: Connection) -> None:
    kill = "pg_terminate_backend(CASE n WHEN 9000 THEN pg_backend_pid() END)"
    for source in (filled, Session(filled)):
        if isinstance(source, Session):
            source.execute(text("SELECT 1"))
        with pytest.raises(OperationalError):
            frames.read(f"SELECT n, filling, {kill} FROM things", source)
        if isinstance(source, Session):
            source.close()
        assert filled.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert soon_at_work(other) == []
    assert len(frames.read("things", filled)) == MANY


def test_ctrl_c_leaves_a_session_usable(mine: Any, filled: Engine, other: Connection) -> None:
    with interrupted(0.2):
        frames.read("SELECT pg_sleep(60) FROM things", mine)
    assert_free(other)
    assert frames.read("added", mine)["name"].tolist() == ["Ann"]


def test_an_error_while_columns_are_made_stops_the_query(
    filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("tutorial_lib.frames.columns.Column.add", fail)
    with pytest.raises(MemoryError):
        frames.read("things", filled)


def test_a_connection_that_is_cut_is_not_used_again(filled: Engine, other: Connection) -> None:
    chunks = frames.read("SELECT pg_backend_pid() AS pid FROM things", filled, chunks=10)
    pid = int(next(chunks)["pid"].iloc[0])
    other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    with pytest.raises(OperationalError):
        list(chunks)
    assert len(frames.read("added", filled)) == 0


def test_an_interrupt_between_two_statements_leaves_no_transaction(
    filled: Engine, other: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tutorial_lib.connections.readonly.ALONE", (ALONE[0], "SELECT 1"))
    frames.read("things", filled)  # its end doesn't roll back any more
    assert soon_at_work(other) == []
    monkeypatch.setattr("tutorial_lib.frames.dispatch._read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        frames.read("things", filled)
    assert soon_at_work(other) == []


@pytest.mark.parametrize("level", ["SERIALIZABLE", "REPEATABLE READ", "AUTOCOMMIT"])
def test_a_connection_keeps_its_own_isolation(filled: Engine, level: str) -> None:
    own = filled.execution_options(isolation_level=level)
    with own.connect() as connection:
        frames.read("added", connection)
        frames.read("added", own)
        found = connection.scalar(text("SHOW transaction_isolation"))
        assert found == ("read committed" if level == "AUTOCOMMIT" else level.lower())
        connection.rollback()


# -- in chunks


@pytest.mark.parametrize("size", [1, 3, 5, 10, 11])
@pytest.mark.parametrize("block", [1, copy_reader.BLOCK])
def test_chunks_are_those_of_pandas(
    filled: Engine, size: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_reader, "BLOCK", block)
    query = text("SELECT n, nullif(n, 7) AS m, '{}'::jsonb AS j FROM things WHERE n <= 10")
    theirs = pd.read_sql(query, filled, chunksize=size)
    for ours, expected in zip(frames.read(query, filled, chunks=size), theirs, strict=True):
        assert_same(ours, expected)


def test_nothing_comes_as_one_typed_chunk(filled: Engine) -> None:
    (frame,) = frames.read("SELECT n, filling FROM things WHERE false", filled, chunks=5)
    assert [str(kind) for kind in frame.dtypes] == ["int64", "str"]


def test_chunks_of_what_cannot_be_copied(filled: Engine) -> None:
    found = list(frames.read("EXPLAIN (COSTS off) SELECT n FROM things", filled, chunks=1))
    assert [len(frame) for frame in found] == [1]


def test_memory_stays_flat(filled: Engine) -> None:
    gc.collect()  # from other tests' DataFrames
    started, most, rows = pa.total_allocated_bytes(), 0, 0
    for frame in frames.read("things", filled, chunks=100, dtype_backend="pyarrow"):
        most = max(most, pa.total_allocated_bytes() - started)
        rows += len(frame)
    assert rows == MANY
    assert most < 8 * copy_reader.BLOCK < MANY * 200 / 4


def leave(filled: Engine, **options: Any) -> None:
    for frame in frames.read("things", filled, chunks=100, **options):
        assert len(frame) == 100
        break


def fail(filled: Engine) -> None:
    with suppress(ZeroDivisionError):
        for frame in frames.read("things", filled, chunks=100):
            assert len(frame) / 0


def lose(filled: Engine) -> None:
    chunks: Any = frames.read("things", filled, chunks=100)
    next(chunks)
    circle = [chunks]
    circle.append(circle)
    del chunks, circle
    gc.collect()


def close(filled: Engine) -> None:
    with closing(frames.read("things", filled, chunks=100)) as chunks:
        next(chunks)


def never(filled: Engine) -> None:
    frames.read("things", filled, chunks=100)


@pytest.mark.parametrize("way", [leave, fail, lose, close, never])
def test_a_loop_that_is_broken_off_frees_the_connection(
    filled: Engine, way: Callable[[Engine], None], other: Connection
) -> None:
    way(filled)
    gc.collect()
    assert filled.pool.checkedout() == 0
    assert at_work(other) == []


def test_ctrl_c_in_a_loop_frees_the_connection(filled: Engine) -> None:
    with interrupted(0.2):
        for _ in frames.read("things", filled, chunks=100):
            time.sleep(0.1)
    gc.collect()


def test_a_session_can_be_used_between_its_chunks(
    mine: Any, filled: Engine, other: Connection
) -> None:
    rows = 0
    for frame in frames.read("things", session=mine, chunks=3_000):
        rows += len(frame)
        mine.execute(text("INSERT INTO added VALUES (:n, 'x')"), {"n": rows})
        assert_free(other)
    assert rows == MANY
    assert len(frames.read("added", mine)) == 5
    mine.rollback()


def test_a_session_can_be_closed_between_its_chunks(filled: Engine) -> None:
    with Session(filled) as session:
        session.execute(text("SELECT 1"))
        chunks = frames.read("things", session=session, chunks=7_000)
        first = next(chunks)
    assert len(first) + sum(map(len, chunks)) == MANY


def test_several_threads_read_at_once(filled: Engine) -> None:
    found: list[int] = []

    def read() -> None:
        found.append(len(frames.read("SELECT n FROM things", filled)))

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [MANY] * 6


def test_other_threads_run_while_rows_are_awaited(filled: Engine, other: Connection) -> None:
    """The server sends a first part, then waits for a lock that another thread releases."""
    waiting = f"{ADVISORY_LOCKS} AND NOT granted"
    other.execute(text("SELECT pg_advisory_lock(9)"))

    def release() -> None:
        while not other.scalar(text(waiting)):
            time.sleep(0.01)
        other.execute(text("SELECT pg_advisory_unlock(9)"))

    thread = threading.Thread(target=release)
    thread.start()
    parts = "SELECT repeat('x', 100000) AS a UNION ALL SELECT pg_advisory_lock(9)::text"
    assert len(frames.read(parts, filled)) == 2
    thread.join()
