"""The owner's side: start a warm process, and ask it for others."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from coursekit.kernel.process import ForkUnavailable, Process
from coursekit.kernel.request import READY

SOCKET = "FORK_SERVER_SOCKET"  # where the warm process listens, for this process and its children
MODULES = "FORK_SERVER_MODULES"  # what it imports, with commas between
WAIT = "FORK_SERVER_WAIT"  # set, it is waited for while it imports; a usual process is sooner there
# Without the working directory: a file there could hide a module of Python's.
MAIN = (
    "import sys; sys.flags.safe_path or sys.path.pop(0); "
    "from coursekit.kernel.zygote import main; main()"
)
STOP_TIMEOUT = 0.5  # seconds that it may take to end
_own: dict[str, subprocess.Popen[bytes]] = {}  # by the path of the socket
_starting = threading.Lock()  # kernels may be asked for in several threads


def start() -> None:
    """Start a warm process, unless there is one. It ends with this process, however that ends.

    It imports what the environment names in FORK_SERVER_MODULES. Where processes cannot be
    forked, nothing happens, and `fork` says why.
    """
    with _starting:
        if sys.platform == "linux" and not os.environ.get(SOCKET):
            folder = Path(tempfile.mkdtemp(prefix="warm-"))
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(folder / "socket"))
                listener.listen(64)
                _own[str(folder / "socket")] = _process(listener, folder / "log")
            os.environ[SOCKET] = str(folder / "socket")


def _process(listener: socket.socket, log: Path) -> subprocess.Popen[bytes]:
    modules = [name for name in os.environ.get(MODULES, "").split(",") if name]
    number = listener.fileno()
    with log.open("w") as file:
        return subprocess.Popen(
            [sys.executable, "-c", MAIN, str(number), str(os.getpid()), *modules],
            stdin=subprocess.PIPE,  # closed, by us or by our death, it ends the process
            stdout=subprocess.DEVNULL,
            stderr=file,
            pass_fds=[number],
            env={k: v for k, v in os.environ.items() if k != "PYTHONIOENCODING"},
            start_new_session=True,  # Ctrl-C in the terminal is for the owner
        )


def stop() -> None:
    """End the warm process of this process, and all that were forked from it."""
    path = os.environ.get(SOCKET, "")
    process = _own.pop(path, None)
    if process and process.stdin:
        del os.environ[SOCKET]
        process.stdin.close()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:  # it still imports, and has forked nothing yet
            process.kill()
            process.wait()
        shutil.rmtree(Path(path).parent, ignore_errors=True)  # it was killed, perhaps


def fork(
    function: str,
    argv: list[str],
    *,
    streams: list[int],
    environ: Mapping[str, str],
    folder: Path,
    speaks: bool = False,
) -> Process:
    """A process that calls `function`, "package.module:name", and ends with what it returns.

    argv     its sys.argv
    streams  descriptors of its stdin, stdout and stderr
    speaks   the function gets the connection, to say more on it

    Raises NotWarm when there is no warm process, or a child of it would not be the same as
    a fresh process with this environment.
    """
    path = os.environ.get(SOCKET)
    if not path:
        there = sys.platform == "linux"
        raise ForkUnavailable("there is no warm process" if there else "forking is for Linux")
    if not os.environ.get(WAIT) and not Path(path).with_name(READY).exists():
        raise ForkUnavailable("the warm process still imports, or has ended")
    request = {
        "function": function,
        "argv": argv,
        "environ": dict(environ),
        "folder": str(folder),
        "umask": _umask(),
        "speaks": speaks,
    }
    with ExitStack() as failing:  # an interrupt may come anywhere; then nobody is left waiting
        connection = failing.enter_context(socket.socket(socket.AF_UNIX))
        try:
            connection.connect(path)
            socket.send_fds(connection, [b"\n"], streams)
            connection.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            why = _last_line(path) or error
            raise ForkUnavailable(f"the warm process cannot be reached: {why}") from None
        process = Process(connection, argv)
        failing.pop_all()
        return process


def _last_line(path: str) -> str:
    """What a warm process that could not start has said at last."""
    try:
        return Path(path).with_name("log").read_text(errors="replace").splitlines()[-1]
    except (OSError, IndexError):
        return ""


def _umask() -> int:
    """Which rights new files do not get; os.umask() can only tell by changing it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("Umask:")[2].split()[0], 8)


def run(
    function: str,
    argv: list[str],
    *,
    environ: Mapping[str, str],
    folder: Path,
    stdout: int | None = None,
) -> tuple[int, str]:
    """Run a function in a process of its own: the exit code, and what it printed.

    Both streams are one, as with `stderr=subprocess.STDOUT`, unless the descriptor `stdout`
    takes one of them. Raises NotWarm as `fork` does.
    """
    out, into = os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    process = None
    with os.fdopen(out, encoding="utf-8", errors="replace") as printed:
        try:
            try:
                streams = [nothing, into if stdout is None else stdout, into]
                process = fork(function, argv, streams=streams, environ=environ, folder=folder)
            finally:
                os.close(nothing)
                os.close(into)
            text = printed.read()
            return process.wait(), text
        except BaseException:  # an interrupt, most of all; subprocess.run does the same
            if process:
                process.abandon()
            raise
