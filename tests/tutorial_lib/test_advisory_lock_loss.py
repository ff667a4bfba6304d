"""An advisory lock says when it was lost, whom it waits for, and what it can't be used for."""

from __future__ import annotations

import logging
import math
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool, StaticPool

from support.drivers import both_drivers
from support.waiting import until
from tutorial_lib.advisory_lock import AdvisoryLock, acquire, advisory_lock, session
from tutorial_lib.errors import AdvisoryLockError, AdvisoryLockLost, AdvisoryLockNotAcquired

NOWHERE = create_engine("postgresql+psycopg2://nowhere.invalid/none")
End = Callable[[AdvisoryLock], None]
LOST = "The advisory lock 'job' was lost while its block ran: session"


@pytest.fixture
def end(shared: Engine) -> Iterator[End]:
    """Return a function that ends a lock's session, from an engine that no lock guards."""
    administrator = create_engine(shared.url, isolation_level="AUTOCOMMIT")

    def terminate(lock: AdvisoryLock) -> None:
        with administrator.connect() as connection:
            pid = {"pid": lock.session.pid}
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), pid)
            gone = text("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = :pid)")
            until(lambda: connection.scalar(gone, pid))

    yield terminate
    administrator.dispose()


# -- a lost lock


@both_drivers
def test_nested_locks_guard_the_same_work(shared: Engine, end: End) -> None:
    with advisory_lock(shared, "outer"), advisory_lock(shared, "inner"), shared.begin() as work:
        assert work.scalar(text("SELECT 1")) == 1

    def block() -> None:
        with advisory_lock(shared, "job") as lock, advisory_lock(shared, "inner"):
            end(lock)
            with shared.begin() as work:
                work.execute(text("SELECT 1"))

    expect_loss(block)


def expect_loss(block: Callable[[], object]) -> None:
    with pytest.raises(AdvisoryLockLost, match=LOST):
        block()


@both_drivers
def test_the_block_ends_with_the_loss(shared: Engine, end: End) -> None:
    def block() -> None:
        with advisory_lock(shared, "job") as lock:
            end(lock)
            take_turn(shared)  # another one has the lock meanwhile

    expect_loss(block)
    take_turn(shared)


def take_turn(engine: Engine) -> None:
    with advisory_lock(engine, "job", timeout=math.inf):
        pass


@both_drivers
@pytest.mark.parametrize("bind", [lambda engine: engine, Session], ids=["engine", "session"])
def test_nothing_is_committed_after_the_loss(
    shared: Engine, end: End, bind: Callable[[Engine], Any]
) -> None:
    def block() -> None:
        with advisory_lock(bind(shared), "job") as lock:
            with shared.begin() as connection:
                connection.execute(text("CREATE TABLE mine ()"))
                end(lock)
            pytest.fail("it has been committed")

    expect_loss(block)
    assert not inspect(shared).has_table("mine")


@both_drivers
def test_nothing_runs_in_autocommit_mode_after_the_loss(shared: Engine, end: End) -> None:
    def block() -> None:
        autocommit = shared.execution_options(isolation_level="AUTOCOMMIT")
        with advisory_lock(shared, "job") as lock, autocommit.connect() as connection:
            end(lock)
            connection.execute(text("CREATE TABLE mine ()"))

    expect_loss(block)
    assert not inspect(shared).has_table("mine")


@both_drivers
def test_a_ping_notices_the_loss_while_the_block_runs(
    shared: Engine,
    end: End,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(session, "PING_INTERVAL", 0.02)

    def block() -> None:
        with shared.connect() as connection, advisory_lock(shared, "job") as lock:
            connection.execute(text("SELECT 1"))
            end(lock)
            until(lambda: lock.lost)
            connection.execute(text("SELECT 1"))
            pytest.fail("it has gone on")

    expect_loss(block)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert caplog.text.count(LOST) == 1
    with shared.connect() as connection:
        connection.execute(text("SELECT 1"))


@both_drivers
def test_a_lock_can_be_checked(shared: Engine, end: End) -> None:
    def block() -> None:
        with advisory_lock(shared, "job") as lock:
            lock.check()
            assert not lock.lost
            end(lock)
            expect_loss(lock.check)
            assert lock.lost

    expect_loss(block)


def test_a_lock_that_was_released_is_not_a_lost_one(shared: Engine) -> None:
    with advisory_lock(shared, "job") as lock:
        held = f"<the advisory lock 'job', held by session {lock.session.pid}>"
        assert repr(lock) == held
    assert repr(lock) == held.replace("held", "released")
    with pytest.raises(AdvisoryLockError, match="has ended"):
        lock.check()


@both_drivers
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system doesn't fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a fork while threads run
def test_a_forked_child_leaves_the_lock_to_its_parent(shared: Engine) -> None:
    with advisory_lock(shared, "job") as lock:
        if not (child := os.fork()):
            work_and_exit(shared)
        assert os.waitpid(child, 0)[1] == 0
        lock.check()


def work_and_exit(engine: Engine) -> None:
    status = 1
    try:
        engine.dispose(close=False)
        with engine.begin() as connection:
            connection.execute(text("SELECT 1"))
        status = 0
    finally:
        os._exit(status)  # whatever happens: the rest of the tests is the parent's


@both_drivers
def test_an_error_of_the_block_stays_and_has_a_note(shared: Engine, end: End) -> None:
    def block() -> None:
        with advisory_lock(shared, "job") as lock:
            end(lock)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        block()
    assert caught.value.__notes__[0].startswith(f"AdvisoryLockLost: {LOST}")


def test_other_threads_go_on(shared: Engine, end: End) -> None:
    def work() -> None:
        with shared.begin() as connection:
            connection.execute(text("SELECT 1"))

    def block() -> None:
        with ThreadPoolExecutor() as background, advisory_lock(shared, "job") as lock:
            end(lock)
            background.submit(work).result()

    expect_loss(block)
    work()


# -- connections


@both_drivers
@pytest.mark.parametrize(
    "options",
    [{"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}, {"poolclass": StaticPool}],
)
def test_a_pool_of_one_connection_is_enough(shared: Engine, options: dict[str, Any]) -> None:
    small = create_engine(shared.url, **options)
    with small.connect() as only, advisory_lock(only, "job") as lock:
        assert only.scalar(text("SELECT pg_backend_pid()")) != lock.session.pid
    small.dispose()


@both_drivers
def test_a_check_that_is_cancelled_is_no_loss(
    shared: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with advisory_lock(shared, "job") as lock:
        with monkeypatch.context() as patch:
            cancelled = text("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(300)")
            patch.setattr(session, "PID", cancelled)
            lock.check()
        lock.check()


@both_drivers
def test_no_timeout_of_the_engine_ends_the_session(shared: Engine) -> None:
    options = "-c statement_timeout=5s -c idle_session_timeout=5s"
    hurried = create_engine(shared.url, connect_args={"options": options})
    with advisory_lock(hurried, "job") as lock:
        for name in ("statement_timeout", "idle_session_timeout"):
            assert lock._connection.scalar(text(f"SHOW {name}")) == "0"
    hurried.dispose()


@both_drivers
def test_the_session_has_keepalives_at_the_server(shared: Engine) -> None:
    with advisory_lock(shared, "job") as lock:
        names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "idle_session_timeout")
        shown = [lock._connection.scalar(text(f"SHOW {name}")) for name in names]
    assert shown in (["30", "10", "0"], ["0", "0", "0"])  # the last: over a Unix socket


# -- waiting


def test_a_long_wait_says_for_whom(
    shared: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(acquire, "NOTICE_AFTER", 0.0)
    with ThreadPoolExecutor() as background:
        with advisory_lock(shared, "job") as lock:
            waiting = background.submit(take_turn, shared)
            until(lambda: "waiting" in caplog.text)
        waiting.result()
    (first, second) = caplog.records
    assert first.levelno == logging.WARNING
    assert first.getMessage().startswith("waiting for the advisory lock 'job'. It's held by job, ")
    assert first.getMessage().endswith(
        f"(pid {lock.session.pid}), in another thread of this process."
    )
    assert second.getMessage().startswith("got the advisory lock 'job' after ")


@both_drivers
def test_a_nested_block_says_so_at_once(shared: Engine) -> None:
    with advisory_lock(shared, "job"):
        with (
            pytest.raises(AdvisoryLockNotAcquired, match=r"^This thread already holds"),
            advisory_lock(shared, "job", timeout=math.inf),
        ):
            pass
        with advisory_lock(shared, "another"):
            pass


def test_another_thread_takes_its_turn(shared: Engine) -> None:
    entered = threading.Event()
    with ThreadPoolExecutor() as background:
        with advisory_lock(shared, "job"):
            background.submit(take_turn, shared).add_done_callback(lambda _: entered.set())
        assert entered.wait(300)


# -- arguments


@pytest.mark.parametrize("name", ["", "  ", None, 7, b"job", "a\0b", "\ud800"])
def test_a_name_that_cannot_work_is_refused(name: Any) -> None:
    with pytest.raises(AdvisoryLockError, match="name"), advisory_lock(NOWHERE, name):
        pass


@pytest.mark.parametrize("timeout", [-1, math.nan, True, "60", None])
def test_a_timeout_that_cannot_work_is_refused(timeout: Any) -> None:
    with (
        pytest.raises(AdvisoryLockError, match=r"^timeout must be"),
        advisory_lock(NOWHERE, timeout=timeout),
    ):
        pass


@pytest.mark.parametrize("bind", [None, "alembic", create_engine("sqlite://")])
def test_a_bind_that_cannot_be_used_is_refused(bind: Any) -> None:
    with pytest.raises(AdvisoryLockError), advisory_lock(bind):
        pass


@both_drivers
@pytest.mark.parametrize("name", ["j'o\"b:%s%(x)s", "Prüfung → 表", "x" * 5000])
def test_any_other_name_works(shared: Engine, name: str) -> None:
    with (
        advisory_lock(shared, name, timeout=0),
        pytest.raises(AdvisoryLockNotAcquired),
        advisory_lock(shared, name, timeout=0),
    ):
        pass
