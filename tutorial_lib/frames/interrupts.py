"""Let Ctrl-C cancel a statement, whatever the driver does while it waits for the server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, NoReturn, TypeVar

from .drivers import Driver
from .workers import start

Found = TypeVar("Found")


def interruptible(driver: Driver, call: Callable[[], Found]) -> Found:
    """Return what a call returns; Ctrl-C cancels its statement and leaves the connection free.

    Python handles signals in its main thread, between two of its instructions. psycopg2 has
    none while it waits, for a lock for example, and SQLAlchemy gives up a connection whose
    statement was interrupted. Therefore, another thread waits.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    ended: SimpleQueue[Callable[[], Found]] = SimpleQueue()
    start(lambda: _run(call, ended))
    try:
        result = waited(ended)
    except BaseException:
        cancel_until(driver, lambda: waited(ended))
        raise
    return result()


def _run(call: Callable[[], Found], ended: SimpleQueue[Callable[[], Found]]) -> None:
    try:
        found = call()
    except BaseException as error:
        ended.put(_raiser(error))
    else:
        ended.put(lambda: found)


def _raiser(error: BaseException) -> Callable[[], Any]:
    def fail() -> NoReturn:
        raise error

    return fail


def waited(items: SimpleQueue[Found]) -> Found:
    """Return the next item; the waits are short, because Windows handles Ctrl-C between two."""
    while True:
        with suppress(Empty):
            return items.get(timeout=0.2)


def cancel_until(driver: Driver, wait: Callable[[], object]) -> None:
    """Cancel what the connection runs, and wait for its end, whatever else is pressed."""
    with suppress(Exception):  # a lost connection can't be cancelled, and it ends by itself
        driver.cancel()
    while True:
        with suppress(KeyboardInterrupt):
            wait()
            return
