"""Keep psycopg2 from printing a server's message, which may contain the values of a row.

When the server ends a session during a COPY, psycopg2 raises one error while another is set. It
prints the first one by sys.excepthook, in the thread that runs the COPY.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

_LAST = "last_exc", "last_type", "last_value", "last_traceback"  # where Python keeps it
_lock = threading.Lock()
_silent: list[int] = []  # the threads that run a COPY
_before: list[Callable[..., object]] = []  # the hook that was replaced


@contextmanager
def quiet() -> Iterator[None]:
    """Print no error that this thread can't raise; what the block raises is raised as usual."""
    own = threading.get_ident()
    with _lock:
        if not _silent:
            _before[:] = [sys.excepthook]
            sys.excepthook = _hook
        _silent.append(own)
    try:
        yield
    finally:
        with _lock:
            _silent.remove(own)
            if not _silent and sys.excepthook is _hook:
                sys.excepthook = _before[0]


def _hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if threading.get_ident() not in _silent:
        _before[0](kind, error, trace)
        return
    for name in _LAST:
        with suppress(AttributeError):
            delattr(sys, name)
