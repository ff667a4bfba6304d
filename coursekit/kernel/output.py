"""Read what a process prints, within a time limit and without keeping all of it."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from io import BufferedReader
from typing import Protocol

from coursekit import limits

CHUNK = 2**16


class Waitable(Protocol):
    """A process, as `subprocess.Popen` or `coursekit.kernel.process` has it."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit code."""


class _Reader(threading.Thread):
    """Reads a stream to its end; keeps its first and its last part."""

    def __init__(self, stream: BufferedReader) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._room = limits.OUTPUT_LIMIT // 2
        self._head, self._tail = bytearray(), deque[bytes]()
        self._kept = self._dropped = 0  # bytes of the tail, and between the head and the tail

    def run(self) -> None:
        with self._stream:
            while chunk := self._stream.read1(CHUNK):
                self._keep(chunk)

    def _keep(self, chunk: bytes) -> None:
        fits = max(self._room - len(self._head), 0)
        self._head += chunk[:fits]
        if rest := chunk[fits:]:
            self._tail.append(rest)
            self._kept += len(rest)
        while self._tail and self._kept - len(self._tail[0]) > self._room:
            self._kept -= len(self._tail[0])
            self._dropped += len(self._tail.popleft())

    @property
    def text(self) -> str:
        """What was read so far."""
        gap = f"\n[... {self._dropped:,} bytes left out ...]\n" if self._dropped else ""
        parts = bytes(self._head), gap.encode(), *self._tail
        text = b"".join(parts).decode(errors="replace")
        return text.replace("\r\n", "\n").replace("\r", "\n")


def collect(
    process: Waitable, stream: BufferedReader, timeout: float | None, kill: Callable[[], object]
) -> tuple[int, str]:
    """Read a process's output and wait for its end.

    Args:
        process: The process.
        stream: Its output; it's closed at its end.
        timeout: Seconds that both may take; None for no limit.
        kill: Ends the process. It's called on a timeout or an interrupt.

    Returns:
        The exit code and the output. If the output is very long, its middle is left out.

    Raises:
        subprocess.TimeoutExpired: It timed out; the error's `output` is what was printed so far.

    """
    reader = _Reader(stream)
    end = None if timeout is None else time.monotonic() + timeout
    try:
        reader.start()  # an interrupt can come before it returns
        reader.join(timeout)
        if reader.is_alive():
            raise subprocess.TimeoutExpired("", timeout or 0)
        return process.wait(None if end is None else max(end - time.monotonic(), 1)), reader.text
    except BaseException as error:  # mostly KeyboardInterrupt; subprocess.run does the same
        kill()
        if isinstance(error, subprocess.TimeoutExpired):
            raise subprocess.TimeoutExpired(error.cmd, timeout or 0, reader.text) from None
        raise
