"""The fork server's process, a zygote: it imports, forks a child per request, and monitors them.

`fork_server.start` runs it with the listener's descriptor, the owner's pid and the modules' names.
A request is one line of JSON on its own connection, sent with the child's standard streams. The
replies on it are a line from the child with its pid, and a line with its exit code at the end.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from coursekit.kernel.request import (
    DEFAULTS,
    READY,
    apply_request,
    prepare_streams,
    startup_variables,
)

Task = Callable[[], object]

STREAM_COUNT = 3  # stdin, stdout, stderr
REQUEST_TIMEOUT = 5  # seconds in which a request has to arrive
POLL_INTERVAL = 1.0  # seconds between two checks that the owner is alive
PR_SET_PDEATHSIG = 1  # prctl(): the signal to get when the parent ends
# Modules that every kernel imports when it starts.
KERNEL_MODULES = (
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "pdb", "psutil"),
    *("faulthandler", "sqlite3", "tornado.platform.asyncio"),
    *("IPython.core.completerlib", "IPython.core.oinspect", "IPython.core.pylabtools"),
    *("IPython.core.logger", "IPython.core.debugger", "IPython.extensions.storemagic"),
)


class Zygote:
    """The fork server's loop, in one thread: accept requests, fork, report exit codes."""

    def __init__(self, listener: socket.socket, environ: dict[str, str], owner: int) -> None:
        self.listener, self.environ, self.owner = listener, environ, owner
        self.libc, self.pid, self.sources = ctypes.CDLL(None), os.getpid(), loaded_files()
        self.children: dict[int, tuple[int, socket.socket]] = {}  # pidfd, connection
        self.events = selectors.DefaultSelector()
        self.events.register(listener, selectors.EVENT_READ, self.accept)
        self.events.register(0, selectors.EVENT_READ, self.end)  # stdin closes when the owner ends

    def serve(self) -> Task:
        """Serve until the owner ends. In a forked child, return its task."""
        while True:
            if os.getppid() != self.owner:
                self.end()
            for key, _ in self.events.select(POLL_INTERVAL):
                task: Task | None = key.data()
                if task:
                    return task

    def accept(self) -> Task | None:
        """Receive a request and fork a child for it. In the child, return its task."""
        try:
            connection, _ = self.listener.accept()
        except OSError:  # too many open files; the request waits
            return None
        streams: list[int] = []
        try:
            request = self.receive(connection, streams)
            pid = self.fork(connection) if request else None
            if pid == 0:
                return self.prepare_child(request, streams, connection)
        finally:
            for each in streams:
                os.close(each)
        if pid:
            self.watch(pid, connection)
        else:
            connection.close()
        return None

    def fork(self, connection: socket.socket) -> int | None:
        """Fork, or refuse if the system allows no more processes."""
        for flush in (sys.stdout.flush, sys.stderr.flush, partial(self.libc.fflush, None)):
            flush()  # otherwise each child would write it again
        try:
            return os.fork()
        except OSError as error:
            with suppress(OSError):
                send(connection, refused=f"no process can be forked: {error.strerror}")
            return None

    def receive(self, connection: socket.socket, streams: list[int]) -> dict[str, Any]:
        """Receive a request and add its descriptors to `streams`; return {} if it's refused."""
        connection.settimeout(REQUEST_TIMEOUT)
        try:
            streams += socket.recv_fds(connection, 1, STREAM_COUNT)[1]
            with connection.makefile() as file:
                request: dict[str, Any] = json.loads(file.readline())
            why = self.refusal(request)
            if why:
                send(connection, refused=why)
        except (OSError, ValueError):  # the requester has ended
            return {}
        return {} if why else request

    def watch(self, pid: int, connection: socket.socket) -> None:
        """Monitor a child and its connection, for the end of the child or of its requester."""
        pidfd = os.pidfd_open(pid)
        self.children[pid] = pidfd, connection
        self.events.register(pidfd, selectors.EVENT_READ, partial(self.report_end, pid))
        self.events.register(connection, selectors.EVENT_READ, partial(self.kill_session, pid))

    def refusal(self, request: dict[str, Any]) -> str:
        """Return why a child would differ from a new process, or "" if it wouldn't."""
        threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
        if threads > 1:
            return f"the fork server has {threads} threads"
        different = (
            startup_variables(request["environ"]).items() ^ startup_variables(self.environ).items()
        )
        names = [name for name, _ in different]
        names += [file for file, then in self.sources.items() if modified(file) != then]
        return f"{min(names)} has changed" if names else ""

    def prepare_child(
        self, request: dict[str, Any], streams: list[int], connection: socket.socket
    ) -> Task:
        """In the child: apply the request, send the pid, and return the task."""
        self.libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self.pid:  # it ended before the call
            os._exit(1)
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        self.close()
        apply_request(request)
        pidfd = os.pidfd_open(os.getpid())
        socket.send_fds(connection, [encode(pid=os.getpid())], [pidfd])
        os.close(pidfd)
        module, _, name = request["function"].partition(":")
        task: Callable[..., object] = getattr(import_module(module), name)
        if request["keep_connection"]:  # the task sends more, then closes it
            return partial(task, connection)
        connection.close()
        return task

    def report_end(self, pid: int) -> None:
        """Send a child's exit code to its requester."""
        pidfd, connection = self.children.pop(pid)
        self.events.unregister(pidfd)
        with suppress(KeyError):
            self.events.unregister(connection)
        os.close(pidfd)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with suppress(OSError):
            send(connection, ended=code)
        connection.close()

    def kill_session(self, pid: int) -> None:
        """Kill a child and its session, because its requester has ended."""
        if pid not in self.children:  # it has just ended
            return
        with suppress(KeyError):
            self.events.unregister(self.children[pid][1])
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)

    def close(self) -> None:
        """Close the fork server's descriptors."""
        self.events.close()
        self.listener.close()
        for pidfd, connection in self.children.values():
            os.close(pidfd)
            connection.close()

    def end(self) -> None:
        """Kill all children and exit, because the owner has ended."""
        for pid in self.children:
            self.kill_session(pid)
        shutil.rmtree(Path(self.listener.getsockname()).parent, ignore_errors=True)
        os._exit(0)


def loaded_files() -> dict[str, int]:
    """Return the files of all loaded modules, except Python's own, with modification times."""
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if file and name.partition(".")[0] not in sys.stdlib_module_names:
            found[file] = modified(file)
    return found


def modified(file: str) -> int:
    """Return a file's modification time in nanoseconds, or 0 if it doesn't exist."""
    try:
        return os.stat(file).st_mtime_ns  # noqa: PTH116  Path.stat takes twice as long
    except OSError:
        return 0


def encode(**message: object) -> bytes:
    """Return a message as one line of JSON."""
    return json.dumps(message).encode() + b"\n"


def send(connection: socket.socket, **message: object) -> None:
    """Send a message."""
    connection.sendall(encode(**message))


def load(modules: list[str]) -> None:
    """Import the modules that children will use, and leave no thread running."""
    os.environ.update(DEFAULTS | os.environ)
    # On import ipykernel reads its parent's pid from here, and ends when that process ends.
    os.environ["JPY_PARENT_PID"] = str(os.getpid())
    for module in (*KERNEL_MODULES, *modules):
        with suppress(Exception, SystemExit):  # a child that needs it will report the error
            import_module(module)
    # OpenBLAS stops its threads at a fork, and starts them again when it needs them.
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    gc.collect()
    gc.freeze()  # the garbage collector leaves these pages alone, so children share them


def exit_child(end: object) -> NoReturn:
    """End a child as sys.exit does, but without tearing down the interpreter.

    With many modules imported, the teardown takes longer than many a task.
    """
    code = end if isinstance(end, int) else 0 if end is None else 1
    if not isinstance(end, int | None):
        print(end, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined]  # waits for non-daemon threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code & 0xFF)


def main() -> None:
    """Run the fork server; in a child, run its task."""
    number, owner, *modules = sys.argv[1:]
    environ = dict(os.environ)
    prepare_streams()
    listener = socket.socket(fileno=int(number))
    load(modules)
    zygote = Zygote(listener, environ, int(owner))
    Path(listener.getsockname()).with_name(READY).touch()
    task = zygote.serve()
    try:
        end = task()
    except SystemExit as error:
        end = error.code
    exit_child(end)
