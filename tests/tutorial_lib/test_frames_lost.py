"""A server that ends a session during a read or a write: one kind of error, and no value shown."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from support import drivers
from support.waiting import until
from tutorial_lib import frames
from tutorial_lib.frames.drivers.quiet import quiet

SECRET = "S3cr3t"
SLOW = """
CREATE TABLE slow (id int, name text);
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
CREATE TRIGGER waits BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION wait();
CREATE TABLE long AS SELECT repeat('x', 500) AS filling FROM generate_series(1, 40000);
"""
ENDED = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event = 'PgSleep'"
)

driver = drivers.each_driver


@pytest.fixture(scope="module")
def engine(shared: Engine) -> Engine:
    """A database in which a write waits, and a read takes a while."""
    with shared.begin() as connection:
        connection.execute(text(SLOW))
    return shared


@contextmanager
def ending(engine: Engine) -> Iterator[None]:
    """End the session that sleeps in this database."""
    other = create_engine(engine.url, isolation_level="AUTOCOMMIT")

    def end() -> None:
        with other.connect() as connection:
            until(lambda: connection.execute(ENDED).all())

    thread = threading.Thread(target=end)
    thread.start()
    yield
    thread.join()
    other.dispose()


@pytest.mark.parametrize("conflict", [None, "nothing"])
def test_a_write_that_the_server_ends_shows_no_value(
    engine: Engine, conflict: Any, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    caplog.set_level("DEBUG")
    vars(sys).pop("last_value", None)
    df = pd.DataFrame({"id": range(200), "name": [SECRET] * 200})
    with ending(engine), pytest.raises(OperationalError) as raised:
        frames.write(df, "slow", engine, on_conflict=conflict)
    assert capfd.readouterr() == ("", "")
    assert SECRET not in str(raised.value)
    assert SECRET not in caplog.text
    assert not hasattr(sys, "last_value")


def test_a_read_that_the_server_ends_prints_nothing(
    engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    with ending(engine), pytest.raises(OperationalError):
        frames.read("SELECT pg_sleep(600)", engine)
    assert capfd.readouterr() == ("", "")


def test_a_read_that_is_cut_between_two_chunks_raises_one_kind_of_error(engine: Engine) -> None:
    other = create_engine(engine.url, isolation_level="AUTOCOMMIT")
    for _ in range(3):
        chunks = frames.read("SELECT pg_backend_pid() AS pid, * FROM long", engine, chunks=10)
        pid = {"pid": int(next(chunks)["pid"].iloc[0])}
        with other.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), pid)
            gone = text("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = :pid)")
            until(lambda: connection.scalar(gone, pid))  # noqa: B023
        with pytest.raises(OperationalError):
            list(chunks)
    other.dispose()


def test_other_threads_print_their_errors_during_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[object] = []
    monkeypatch.setattr(sys, "excepthook", lambda *error: printed.append(error))
    before, error = sys.excepthook, (ValueError, ValueError("mine"), None)

    def in_a_thread(call: Callable[[], object]) -> None:
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()

    with quiet():
        with quiet():
            sys.excepthook(*error)
        in_a_thread(lambda: sys.excepthook(*error))
    assert printed == [error]
    assert sys.excepthook is before
