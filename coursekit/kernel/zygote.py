"""The warm process: it imports, then forks a child for each request, and watches them.

`warm.start` runs it, with a descriptor, the owner's pid, and modules. A request is one line
of JSON on a connection of its own, the child's standard streams beside it. Back come a line
from the child, and one that tells how it has ended.
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

from coursekit.kernel.request import DEFAULTS, READY, apply_request, at_start, prepare_streams

Task = Callable[[], object]

STREAMS = 3  # stdin, stdout, stderr
REQUEST_TIMEOUT = 5  # seconds that a request may take to arrive
POLL_INTERVAL = 1.0  # seconds between two looks at whether the owner lives
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux
# What a notebook's kernel imports by itself when it starts.
KERNEL = (
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "pdb", "psutil"),
    *("faulthandler", "sqlite3", "tornado.platform.asyncio"),
    *("IPython.core.completerlib", "IPython.core.oinspect", "IPython.core.pylabtools"),
    *("IPython.core.logger", "IPython.core.debugger", "IPython.extensions.storemagic"),
)


class Zygote:
    """A single thread that accepts requests and tells how the children ended."""

    def __init__(self, listener: socket.socket, environ: dict[str, str], owner: int) -> None:
        self.listener, self.environ, self.owner = listener, environ, owner
        self.libc, self.pid, self.sources = ctypes.CDLL(None), os.getpid(), sources()
        self.children: dict[int, tuple[int, socket.socket]] = {}  # pidfd, connection
        self.events = selectors.DefaultSelector()
        self.events.register(listener, selectors.EVENT_READ, self.accept)
        self.events.register(0, selectors.EVENT_READ, self.end)  # it closes with the owner

    def serve(self) -> Task:
        """Serve until the owner ends. In a child, return what it is to do."""
        while True:
            if os.getppid() != self.owner:
                self.end()
            for key, _ in self.events.select(POLL_INTERVAL):
                task: Task | None = key.data()
                if task:
                    return task

    def accept(self) -> Task | None:
        """Take a request and fork for it. In the child, return its task."""
        try:
            connection, _ = self.listener.accept()
        except OSError:  # too many files are open; whoever asks has to wait
            return None
        streams: list[int] = []
        try:
            request = self.receive(connection, streams)
            pid = self.fork(connection) if request else None
            if pid == 0:
                return self.become(request, streams, connection)
        finally:
            for each in streams:
                os.close(each)
        if pid:
            self.watch(pid, connection)
        else:
            connection.close()
        return None

    def fork(self, connection: socket.socket) -> int | None:
        """Fork, or refuse where the system allows no more processes."""
        for flush in (sys.stdout.flush, sys.stderr.flush, partial(self.libc.fflush, None)):
            flush()  # or each child would write it, too
        try:
            return os.fork()
        except OSError as error:
            with suppress(OSError):
                send(connection, refused=f"no process can be forked: {error.strerror}")
            return None

    def receive(self, connection: socket.socket, streams: list[int]) -> dict[str, Any]:
        """The request, its streams into the list; empty when it was refused, or broken off."""
        connection.settimeout(REQUEST_TIMEOUT)
        try:
            streams += socket.recv_fds(connection, 1, STREAMS)[1]
            with connection.makefile() as file:
                request: dict[str, Any] = json.loads(file.readline())
            why = self.refusal(request)
            if why:
                send(connection, refused=why)
        except (OSError, ValueError):  # whoever asked has gone
            return {}
        return {} if why else request

    def watch(self, pid: int, connection: socket.socket) -> None:
        """Be told when a child has ended, or whoever asked for it."""
        pidfd = os.pidfd_open(pid)
        self.children[pid] = pidfd, connection
        self.events.register(pidfd, selectors.EVENT_READ, partial(self.ended, pid))
        self.events.register(connection, selectors.EVENT_READ, partial(self.forsaken, pid))

    def refusal(self, request: dict[str, Any]) -> str:
        """Why a child would be another one than a fresh process; empty when it would not."""
        threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
        if threads > 1:
            return f"the warm process has {threads} threads"
        different = at_start(request["environ"]).items() ^ at_start(self.environ).items()
        names = [name for name, _ in different]
        names += [file for file, then in self.sources.items() if written(file) != then]
        return f"{min(names)} is not what it was" if names else ""

    def become(
        self, request: dict[str, Any], streams: list[int], connection: socket.socket
    ) -> Task:
        """In the child: be the process that was asked for, and say so."""
        self.libc.prctl(DIE_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != self.pid:  # it has gone before
            os._exit(1)
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        self.close()
        apply_request(request)
        pidfd = os.pidfd_open(os.getpid())
        socket.send_fds(connection, [encoded(pid=os.getpid())], [pidfd])
        os.close(pidfd)
        module, _, name = request["function"].partition(":")
        task: Callable[..., object] = getattr(import_module(module), name)
        if request["speaks"]:  # it has more to say, and closes the connection
            return partial(task, connection)
        connection.close()
        return task

    def ended(self, pid: int) -> None:
        """Tell how a child has ended."""
        pidfd, connection = self.children.pop(pid)
        self.events.unregister(pidfd)
        with suppress(KeyError):
            self.events.unregister(connection)
        os.close(pidfd)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with suppress(OSError):
            send(connection, ended=code)
        connection.close()

    def forsaken(self, pid: int) -> None:
        """Whoever asked for a child has gone: end it, and what it has started."""
        if pid not in self.children:  # it has ended at the same moment
            return
        with suppress(KeyError):
            self.events.unregister(self.children[pid][1])
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)

    def close(self) -> None:
        """Close what is the warm process's own."""
        self.events.close()
        self.listener.close()
        for pidfd, connection in self.children.values():
            os.close(pidfd)
            connection.close()

    def end(self) -> None:
        """The owner has gone: so do all that were started for it."""
        for pid in self.children:
            self.forsaken(pid)
        shutil.rmtree(Path(self.listener.getsockname()).parent, ignore_errors=True)
        os._exit(0)


def sources() -> dict[str, int]:
    """The files of what is loaded, except Python's own, and when they were written."""
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if file and name.partition(".")[0] not in sys.stdlib_module_names:
            found[file] = written(file)
    return found


def written(file: str) -> int:
    """When a file was written, in nanoseconds; 0 when there is none."""
    try:
        return os.stat(file).st_mtime_ns  # noqa: PTH116  Path.stat takes twice as long
    except OSError:
        return 0


def encoded(**message: object) -> bytes:
    """Return a message as it is sent."""
    return json.dumps(message).encode() + b"\n"


def send(connection: socket.socket, **message: object) -> None:
    """Send a message."""
    connection.sendall(encoded(**message))


def load(modules: list[str]) -> None:
    """Import what children will use, and leave no thread behind."""
    os.environ.update(DEFAULTS | os.environ)
    # ipykernel takes it for its parent when it is imported, and ends when that one has gone.
    os.environ["JPY_PARENT_PID"] = str(os.getpid())
    for module in (*KERNEL, *modules):
        with suppress(Exception, SystemExit):  # a child that needs it will say so
            import_module(module)
    # OpenBLAS stops its threads at a fork, and starts them when it needs them again.
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    gc.collect()
    gc.freeze()  # what is never looked at again is never copied either


def leave(end: object) -> NoReturn:
    """End a child as sys.exit does, except that nothing is taken apart that is gone anyway.

    Taking apart what was imported takes longer than many a task.
    """
    code = end if isinstance(end, int) else 0 if end is None else 1
    if not isinstance(end, int | None):
        print(end, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are no daemons
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code & 0xFF)


def main() -> None:
    """Serve as the warm process; in a child, do its task."""
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
    leave(end)
