"""A process forked by the fork server, with the interface of `subprocess.Popen`."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
from typing import Any

FORK_TIMEOUT = 60  # seconds in which the fork server has to import and fork


class ForkUnavailable(RuntimeError):
    """No process was forked; the message says why. Start a default process instead."""


class Process:
    """A child of the fork server. It's killed when this object is garbage-collected.

    pid, returncode, poll(), wait(), send_signal(), kill() and terminate() work as in Popen.
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
            raise ForkUnavailable(f"the fork server doesn't respond: {error}") from None
        hello = self._next_message()
        if "pid" not in hello:
            raise ForkUnavailable(hello.get("refused", "the fork server has ended"))
        self.pid: int = hello["pid"]
        (self._pidfd,) = fds

    def receive(self) -> dict[str, Any]:
        """Wait for the process's next message, or for its end."""
        self.connection.settimeout(None)
        message = self._next_message()
        if "ready" not in message and self.returncode is None:
            # Without a message the fork server has ended, and its children with it.
            self._close(message.get("ended", -signal.SIGKILL))
        return message

    def poll(self) -> int | None:
        """Return the exit code, or None while the process is running."""
        while self.returncode is None and self.has_message():
            self.receive()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end of the process and return its exit code.

        Raises:
            subprocess.TimeoutExpired: It's still running after `timeout` seconds.

        """
        while self.returncode is None:
            if not self.has_message(timeout):
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.receive()
        return self.returncode

    async def wait_async(self) -> None:
        """Wait for the end of the process without blocking the event loop."""
        if self.poll() is not None:
            return
        ended, watched = asyncio.Event(), os.dup(self._pidfd)  # poll() may close the first
        loop = asyncio.get_running_loop()
        loop.add_reader(watched, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(watched)
            os.close(watched)
        self.wait()

    def send_signal(self, number: int) -> None:
        """Send a signal to this process, never to a later one with the same number."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def abandon(self) -> None:
        """Close the connection: the fork server then kills the process and its session."""
        if self.returncode is None:
            self._close(-signal.SIGKILL)

    def has_message(self, timeout: float | None = 0) -> bool:
        """Wait up to `timeout` seconds; return whether a message, or the end, has arrived."""
        watch = select.poll()  # select() fails if the process has more than 1024 open files
        watch.register(self.connection, select.POLLIN)
        milliseconds = None if timeout is None else 1000 * timeout
        return b"\n" in self._read or bool(watch.poll(milliseconds))

    def _next_message(self) -> dict[str, Any]:
        """Return the next message, or {} once the connection is closed."""
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
