"""A process that was forked by the warm one, handled as `subprocess.Popen` handles its own."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
from typing import Any

FORK_TIMEOUT = 60  # seconds that the warm process may take to import and to fork


class ForkUnavailable(RuntimeError):
    """No process was forked; the message says why. A usual one does the same."""


class Process:
    """A child of the warm process. It is killed when this object and its connection go.

    pid, returncode, poll(), wait(), send_signal(), kill(), terminate() are Popen's.
    """

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, args: list[str]) -> None:
        self.connection, self.args = connection, args
        self.returncode: int | None = None
        self._read = b""
        connection.settimeout(FORK_TIMEOUT)
        try:
            self._read, fds, _, _ = socket.recv_fds(connection, 4096, 1)
        except OSError as error:
            raise ForkUnavailable(f"the warm process does not answer: {error}") from None
        hello = self._next()
        if "pid" not in hello:
            raise ForkUnavailable(hello.get("refused", f"the warm process has ended {hello}"))
        self.pid: int = hello["pid"]
        (self._pidfd,) = fds

    def listen(self) -> dict[str, Any]:
        """Wait for the next message from the process, or for its end."""
        self.connection.settimeout(None)
        message = self._next()
        if "ready" not in message and self.returncode is None:
            # Without a message the warm process is gone, and has taken this one with it.
            self._close(message.get("ended", -signal.SIGKILL))
        return message

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        while self.returncode is None and self.has_news():
            self.listen()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; the exit code. Raises subprocess.TimeoutExpired."""
        while self.returncode is None:
            if not self.has_news(timeout):
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.listen()
        return self.returncode

    async def ended(self) -> None:
        """Wait for the end without blocking the event loop."""
        if self.poll() is not None:
            return
        news, watched = asyncio.Event(), os.dup(self._pidfd)  # somebody may poll meanwhile
        loop = asyncio.get_running_loop()
        loop.add_reader(watched, news.set)
        try:
            await news.wait()
        finally:
            loop.remove_reader(watched)
            os.close(watched)
        self.wait()

    def send_signal(self, number: int) -> None:
        """Send a signal to this process, never to another that got its number."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def abandon(self) -> None:
        """Have the warm process kill it, and all that it has started in its session."""
        if self.returncode is None:
            self._close(-signal.SIGKILL)

    def has_news(self, timeout: float | None = 0) -> bool:
        """Whether there is something to listen to, within so many seconds."""
        watch = select.poll()  # select() would fail once a process has a thousand files open
        watch.register(self.connection, select.POLLIN)
        milliseconds = None if timeout is None else 1000 * timeout
        return b"\n" in self._read or bool(watch.poll(milliseconds))

    def _next(self) -> dict[str, Any]:
        """The next message; empty when there will be none any more."""
        while b"\n" not in self._read:
            try:
                more = self.connection.recv(4096)
            except ConnectionError:
                more = b""
            if not more:
                return {}
            self._read += more
        first, _, self._read = self._read.partition(b"\n")
        message: dict[str, Any] = json.loads(first)
        return message

    def _close(self, code: int) -> None:
        self.returncode = code
        self.connection.close()
        os.close(self._pidfd)

    def __del__(self) -> None:
        if hasattr(self, "_pidfd"):
            self.abandon()
