"""Run COPY and INSERT so that Ctrl-C ends them at once on the server, whatever the driver."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ..drivers import Driver, driver_of

T = TypeVar("T")
AHEAD = 2  # blocks that may wait to be sent, while the next one is encoded
TICK = 0.2  # seconds; Windows handles Ctrl-C only between two waits


class Ended(Exception):
    """The rows end because of an error; it makes the driver end the COPY with a failure."""


def copy_in(connection: Connection, sql: str, blocks: Iterable[bytes]) -> int:
    """Run COPY … FROM STDIN and return the number of rows that the server has stored.

    A thread sends the blocks while this one encodes the next.

    Raises:
        DBAPIError: As SQLAlchemy raises it for statements.

    """
    waiting: queue.Queue[bytes | None] = queue.Queue(AHEAD)
    driver, failed = driver_of(connection), threading.Event()
    with _Job(driver, lambda: driver.copy_in(sql.encode(), _received(waiting, failed))) as job:
        try:
            for block in blocks:
                job.put(waiting, block)
            job.put(waiting, None)
        except BaseException:
            failed.set()
            with suppress(queue.Full):
                waiting.put_nowait(None)  # wakes the thread
            raise
    return _result(connection, sql, job)


def _received(waiting: queue.Queue[bytes | None], failed: threading.Event) -> Iterator[bytes]:
    block: bytes | None = b""
    while block is not None:
        yield block
        block = b""
        with suppress(queue.Empty):
            block = waiting.get(timeout=TICK)
        if failed.is_set():  # checked first: the end of the rows would be a success
            raise Ended


def interruptible(connection: Connection, action: Callable[[], T]) -> T:
    """Run statements in a thread, and cancel them if this one is interrupted."""
    with _Job(driver_of(connection), action) as job:
        pass
    if job.error:
        raise job.error
    return job.found  # type: ignore[no-any-return]


class _Job:
    """What a thread does with the connection; leaving the block waits for it, or cancels it."""

    def __init__(self, driver: Driver, action: Callable[[], Any]) -> None:
        self.driver, self.action = driver, action
        self.found: Any = None
        self.error: BaseException | None = None
        # Thread.is_alive() is no help: Ctrl-C during join() makes Python 3.11 return False.
        self.ended = threading.Event()

    def _run(self) -> None:
        try:
            self.found = self.action()
        except BaseException as error:  # raised by the thread that waits
            self.error = error
        finally:
            self.ended.set()

    def __enter__(self) -> _Job:
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            try:
                self._wait()
            except BaseException:
                self._end()
                raise
        else:
            self._end()

    def _wait(self) -> None:
        while not self.ended.wait(TICK):
            pass

    def _end(self) -> None:
        """Cancel what runs, until the connection is free."""
        while not self.ended.is_set():
            with suppress(KeyboardInterrupt, Exception):
                if not self.ended.wait(TICK):  # a COPY ends by itself when its rows fail
                    self.driver.cancel()

    def put(self, waiting: queue.Queue[Any], block: Any) -> None:
        """Queue a block, unless the thread has ended with an error."""
        while not self.ended.is_set():
            with suppress(queue.Full):
                waiting.put(block, timeout=TICK)
                return


def _result(connection: Connection, sql: str, job: _Job) -> int:
    if job.error is None:
        return int(job.found)
    error, dialect = job.error, connection.dialect
    driver_errors = dialect.loaded_dbapi.Error
    if not isinstance(error, driver_errors):
        raise error
    lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
    made = DBAPIError.instance(
        sql, None, error, driver_errors, True, connection_invalidated=lost, dialect=dialect
    )
    if lost:
        connection.invalidate()
    raise made
