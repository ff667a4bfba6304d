"""The owner's side of the fork server: start it, and let it fork processes."""

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

from coursekit.kernel.output import collect
from coursekit.kernel.process import ForkUnavailable, Process
from coursekit.kernel.request import READY

# Environment variables, for this process and its children.
SOCKET = "FORK_SERVER_SOCKET"  # the path of the socket on which the fork server listens
MODULES = "FORK_SERVER_MODULES"  # the modules that it imports, separated by commas
# If set, wait for the fork server's imports to finish. If not, start a default process meanwhile.
WAIT = "FORK_SERVER_WAIT"
# Without the working directory on sys.path: a file there could hide one of Python's modules.
MAIN = (
    "import sys; sys.flags.safe_path or sys.path.pop(0); "
    "from coursekit.kernel.zygote import main; main()"
)
FOLDER_PREFIX = "fork-server-"
STOP_TIMEOUT = 0.5  # seconds before it's killed
_fork_servers: dict[str, subprocess.Popen[bytes]] = {}  # this process's, by the socket's path
_start_lock = threading.Lock()  # several threads may start kernels


def start() -> None:
    """Start a fork server unless there is one. It ends with this process, even if that's killed.

    It imports the modules in the environment variable FORK_SERVER_MODULES. On systems where it
    can't run, this does nothing, and `fork` raises ForkUnavailable.
    """
    with _start_lock:
        if sys.platform == "linux" and not os.environ.get(SOCKET):
            folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(folder / "socket"))
                listener.listen(64)
                _fork_servers[str(folder / "socket")] = _launch(listener, folder / "log")
            os.environ[SOCKET] = str(folder / "socket")


def _launch(listener: socket.socket, log: Path) -> subprocess.Popen[bytes]:
    modules = [name for name in os.environ.get(MODULES, "").split(",") if name]
    number = listener.fileno()
    with log.open("w") as file:
        return subprocess.Popen(
            [sys.executable, "-c", MAIN, str(number), str(os.getpid()), *modules],
            stdin=subprocess.PIPE,  # when it closes, by us or by our end, the fork server ends
            stdout=subprocess.DEVNULL,
            stderr=file,
            pass_fds=[number],
            env={k: v for k, v in os.environ.items() if k != "PYTHONIOENCODING"},
            start_new_session=True,  # Ctrl-C in the terminal is only for the owner
        )


def stop() -> None:
    """Stop this process's fork server and every process forked from it."""
    path = os.environ.get(SOCKET, "")
    process = _fork_servers.pop(path, None)
    if process and process.stdin:
        del os.environ[SOCKET]
        process.stdin.close()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:  # still importing, so it has forked nothing
            process.kill()
            process.wait()
        shutil.rmtree(Path(path).parent, ignore_errors=True)  # in case it was killed


def fork(
    function: str,
    argv: list[str],
    *,
    streams: list[int],
    environ: Mapping[str, str],
    folder: Path,
    keep_connection: bool = False,
) -> Process:
    """Fork a process that calls a function and exits with the code it returns.

    Args:
        function: The function, as "package.module:name".
        argv: The process's sys.argv.
        streams: The descriptors of its stdin, stdout and stderr.
        environ: Its environment.
        folder: Its working directory.
        keep_connection: Pass the connection to the function, for more messages.

    Raises:
        ForkUnavailable: There is no fork server, or its child would differ from a new process
            with this environment.

    """
    path = os.environ.get(SOCKET)
    if not path:
        possible = sys.platform == "linux"
        raise ForkUnavailable("there is no fork server" if possible else "forking is for Linux")
    if not os.environ.get(WAIT) and not Path(path).with_name(READY).exists():
        raise ForkUnavailable("the fork server is still importing, or has ended")
    request = {
        "function": function,
        "argv": argv,
        "environ": dict(environ),
        "folder": str(folder),
        "umask": _umask(),
        "keep_connection": keep_connection,
    }
    with ExitStack() as failing:  # an interrupt can come at any time; then the connection closes
        connection = failing.enter_context(socket.socket(socket.AF_UNIX))
        try:
            connection.connect(path)
            socket.send_fds(connection, [b"\n"], streams)
            connection.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            why = _last_log_line(path) or error
            raise ForkUnavailable(f"the fork server can't be reached: {why}") from None
        process = Process(connection, argv)
        failing.pop_all()
        return process


def _last_log_line(path: str) -> str:
    """Return the last line of the fork server's log, or "" if there is none."""
    try:
        return Path(path).with_name("log").read_text(errors="replace").splitlines()[-1]
    except (OSError, IndexError):
        return ""


def _umask() -> int:
    """Return the umask without changing it, which os.umask() can't do."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("Umask:")[2].split()[0], 8)


def run(
    function: str,
    argv: list[str],
    *,
    environ: Mapping[str, str],
    folder: Path,
    stdout: int | None = None,
    timeout: float | None = None,
) -> tuple[int, str]:
    """Fork a process that calls a function, and wait for its end.

    Args:
        function: The function, as "package.module:name".
        argv: The process's sys.argv.
        environ: Its environment.
        folder: Its working directory.
        stdout: A descriptor for its stdout. By default stdout and stderr are one stream.
        timeout: Seconds it may take before it's killed with everything in its session.

    Returns:
        The exit code and the output.

    Raises:
        ForkUnavailable: For the same reasons as in `fork`.
        subprocess.TimeoutExpired: It didn't end in time.

    """
    reading, writing = os.pipe()
    null = os.open(os.devnull, os.O_RDONLY)
    with ExitStack() as failing:
        output = failing.enter_context(os.fdopen(reading, "rb"))
        try:
            streams = [null, writing if stdout is None else stdout, writing]
            process = fork(function, argv, streams=streams, environ=environ, folder=folder)
        finally:
            os.close(null)
            os.close(writing)
        failing.pop_all()
    return collect(process, output, timeout, process.abandon)
