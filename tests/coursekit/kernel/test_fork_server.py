"""The fork server: what it forks and refuses, and that it leaves nothing behind at its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from coursekit.kernel import fork_server
from coursekit.settings import ROOT
from support.kernels import TIMEOUT, alive, script, shell, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with functions to run, and a small fork server that can import them."""
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "tasks.py").write_text(TASKS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", found_in(folder))
        patch.delenv(fork_server.SOCKET, raising=False)
        patch.delenv(fork_server.MODULES, raising=False)
        fork_server.start()
        yield folder
        fork_server.stop()


def found_in(folder: Path) -> str:
    """Return PYTHONPATH with one more folder."""
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


TASKS = r"""
import os, signal, subprocess, sys, threading, time
def say(): print("one"); print("two", file=sys.stderr); print("three")
def half(): sys.stdout.write("1"); sys.stderr.write("2"); sys.stdout.write("3"); os.system("echo 4")
def much(): print("x" * 10_000_000)
def value(): return 5
def text(): return "why"
def exits(): sys.exit(eval(sys.argv[1]))
def fails(): raise ValueError("no")
def killed(): os.kill(os.getpid(), 9)
def interrupted(): raise KeyboardInterrupt
def environment(): print(len(os.environ["LONG"]), os.fsencode(os.environ["ODD"]))

def descriptors():
    here = {int(n): f"/proc/self/fd/{n}" for n in os.listdir("/proc/self/fd")}
    files = {n: os.readlink(path) for n, path in here.items() if os.path.lexists(path)}
    print(sorted(n for n, file in files.items() if "/libffi.so" not in file))  # of some systems
def backend(): import matplotlib; print(matplotlib.rcParams["backend"])
def mask(): print(f"{os.umask(0):o}")
def own(): print(os.getpid() == os.getsid(0) == os.getpgid(0))
def sleep():
    child = subprocess.Popen(["sleep", "3600"])
    print(os.getpid(), child.pid, flush=True)
    open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
    time.sleep(3600)
def late():
    threading.Timer(0.3, print, ["late"]).start()
    import atexit; atexit.register(print, "exit")
"""


def run(name: str, folder: Path, *argv: str, **environ: str) -> tuple[int, str]:
    """Run one of the tasks in a forked process."""
    return fork_server.run(
        f"tasks:{name}", [name, *argv], environ=os.environ | environ, folder=folder
    )


@pytest.mark.parametrize(
    ("value", "code"),
    [
        *(("None", 0), ("0", 0), ("3", 3), ("True", 1), ("256 + 7", 7), ("-1", 255)),
        *(("'why'", 1), ("[1]", 1), ("2.5", 1), ("''", 1)),
    ],
)
def test_exit_codes_are_the_same_as_pythons(tasks: Path, value: str, code: int) -> None:
    default = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.exit({value})"], stderr=-1, text=True, check=False
    )
    assert run("exits", tasks, value) == (default.returncode, default.stderr)
    assert default.returncode == code


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("value", 5, ""),
        ("text", 1, "why\n"),
        ("killed", -9, ""),
        ("fails", 1, "ValueError: no\n"),
        ("interrupted", -2, "KeyboardInterrupt\n"),
        ("late", 0, "late\nexit\n"),
        ("own", 0, "True\n"),
        ("descriptors", 0, "[0, 1, 2]\n"),
    ],
)
def test_a_task_ends_as_a_process_does(tasks: Path, name: str, code: int, text: str) -> None:
    assert run(name, tasks)[0] == code
    assert run(name, tasks)[1].endswith(text)


def test_both_streams_arrive_in_order(tasks: Path) -> None:
    assert run("say", tasks, PYTHONUNBUFFERED="1") == (0, "one\ntwo\nthree\n")
    assert run("half", tasks, PYTHONUNBUFFERED="1") == (0, "1234\n")


def test_ten_megabytes_arrive(tasks: Path) -> None:
    assert run("much", tasks) == (0, "x" * 10_000_000 + "\n")


def test_large_and_odd_variables_arrive(tasks: Path) -> None:
    code, output = run("environment", tasks, LONG="x" * 100_000, ODD="ä\udce4")
    assert (code, output) == (0, "100000 b'\\xc3\\xa4\\xe4'\n")


def test_the_umask_is_the_requesters(tasks: Path) -> None:
    before = os.umask(0o077)
    try:
        assert run("mask", tasks) == (0, "77\n")
    finally:
        os.umask(before)


def test_fifty_tasks_leave_nothing_behind(tasks: Path) -> None:
    me, it = psutil.Process(), fork_server_process()
    run("say", tasks)
    mine, its = me.num_fds(), it.num_fds()
    for _ in range(50):
        assert run("value", tasks)[0] == 5
    until(lambda: me.num_fds() <= mine and it.num_fds() <= its)
    assert [child for child in it.children() if child.status() == "zombie"] == []


def test_eight_tasks_at_once_do_not_mix(tasks: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        printed = list(pool.map(lambda n: run("exits", tasks, repr(f"{n}")), range(8)))
    assert printed == [(1, f"{n}\n") for n in range(8)]


def fork_server_process() -> psutil.Process:
    """Return this test run's fork server."""
    path = os.environ[fork_server.SOCKET]
    return next(
        psutil.Process(p.pid) for where, p in fork_server._fork_servers.items() if where == path
    )


REQUEST = """
import os, sys
from pathlib import Path
from coursekit.kernel import fork_server
fork_server.start()
try: fork_server.run("tasks:sleep", ["sleep", {pids!r}], environ=os.environ, folder=Path.cwd())
except KeyboardInterrupt: print("interrupted", flush=True); sys.stdin.read()
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_task_ends_with_its_requester(tasks: Path, tmp_path: Path, end: signal.Signals) -> None:
    pids = tmp_path / "pids"
    environ = shell(PYTHONPATH=found_in(tasks))
    with script(REQUEST.format(pids=str(pids)), env=environ) as requester:
        until(lambda: pids.exists() and pids.read_text())
        requester.send_signal(end)
        for pid in map(int, pids.read_text().split()):
            until(lambda pid=pid: not alive(pid))
        if end == signal.SIGINT:
            assert requester.stdout.readline() == "interrupted\n"


BACKEND = """
import os
from pathlib import Path
from coursekit.kernel import fork_server
fork_server.start()
print(fork_server.run("tasks:backend", ["x"], environ=os.environ, folder=Path.cwd()))
fork_server.stop()
"""


@pytest.mark.parametrize("backend", ["agg", "pdf"])
def test_the_owners_matplotlib_backend_applies(tasks: Path, backend: str) -> None:
    environ = {"FORK_SERVER_MODULES": "matplotlib", "MPLBACKEND": backend}
    with script(BACKEND, env=shell(PYTHONPATH=found_in(tasks), **environ)) as owner:
        assert owner.stdout.read() == f"(0, '{backend}\\n')\n"


# How an owner ends that has a kernel, or only a fork server that is still importing.
ENDS = {
    "ends": "",
    "fails": "raise ValueError",
    "exits": "os._exit(3)",
    "terminated": "os.kill(os.getpid(), 15)",
    "killed": "os.kill(os.getpid(), 9)",
    "killed beside a child": "os.fork() or time.sleep(3600); os.kill(os.getpid(), 9)",
}
OWNER = """
import json, os, sys, time
from coursekit.kernel import fork_server
from coursekit.kernel.client import start_new_kernel
fork_server.start()
pids = [each.pid for each in fork_server._fork_servers.values()]
if {kernel}:
    manager, client = start_new_kernel()
    pids.append(manager.provisioner.pid)
    client.execute_interactive("import subprocess; print(subprocess.Popen(['sleep', '3600']).pid)",
        output_hook=lambda m: pids.append(int(m["content"].get("text", 0))))
print(json.dumps([os.environ["FORK_SERVER_SOCKET"], [pid for pid in pids if pid]]), flush=True)
{end}
"""


@pytest.mark.parametrize("kernel", [pytest.param(True, marks=pytest.mark.slow), False])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_nothing_outlives_its_owner(end: str, kernel: bool) -> None:
    with script(OWNER.format(kernel=kernel, end=end), stderr=subprocess.DEVNULL) as owner:
        path, pids = json.loads(owner.stdout.readline())
        assert len(pids) == (3 if kernel else 1)
        owner.wait(TIMEOUT)
        for pid in pids:
            until(lambda pid=pid: not alive(pid))
        until(lambda: not Path(path).parent.exists())


@pytest.mark.slow
def test_an_owner_can_stop_and_start_it_again() -> None:
    code = (
        "import os; from coursekit.kernel import fork_server; from pathlib import Path\n"
        "for _ in range(3):\n"
        "    fork_server.start(); folder = Path(os.environ['FORK_SERVER_SOCKET']).parent\n"
        "    fork_server.stop()\n"
        "    print(folder.exists(), 'FORK_SERVER_SOCKET' in os.environ)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=shell(), capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("False False\n" * 3, "")


# The fork server ends: before the kernel is started, or while it is running.
GONE = """
import os, sys
from coursekit.settings import ROOT
from support.kernels import alive, until
from coursekit.kernel import fork_server
from coursekit.kernel.client import start_new_kernel
fork_server.start()
def kind(): return type(manager.provisioner.process).__name__
def kill(): [process] = fork_server._fork_servers.values(); process.kill(); process.wait()
if "before" in sys.argv: kill()
manager, client = start_new_kernel()
print(kind(), flush=True)
if "while" in sys.argv:
    pid = manager.provisioner.pid
    kill()
    until(lambda: not manager.is_alive()); until(lambda: not alive(pid))
    manager.restart_kernel(now=True)
    print(kind())
client.stop_channels(); manager.shutdown_kernel(now=True); fork_server.stop()
print("FORK_SERVER_SOCKET" in os.environ)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("when", "printed"),
    [
        pytest.param("before", "Popen\nFalse\n", marks=pytest.mark.slow),
        ("while", "Process\nPopen\nFalse\n"),
    ],
)
def test_without_a_fork_server_the_default_kernel_starts(
    tmp_path: Path, when: str, printed: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", GONE, when],
        env=shell(TMPDIR=str(tmp_path), PYTHONPATH=found_in(ROOT / "tests")),
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == (printed, "")
    assert list(tmp_path.glob(f"{fork_server.FOLDER_PREFIX}*")) == []


def test_a_task_that_does_not_end_is_killed_with_its_session(tasks: Path, tmp_path: Path) -> None:
    pids, argv = tmp_path / "pids", ["sleep", str(tmp_path / "pids")]
    with pytest.raises(subprocess.TimeoutExpired) as late:
        fork_server.run("tasks:sleep", argv, environ=os.environ, folder=tasks, timeout=2)
    for pid in pids.read_text().split() if pids.exists() else ():
        assert pid in str(late.value.output)
        until(lambda pid=int(pid): not alive(pid))  # type: ignore[misc]


def test_an_interrupt_before_the_reply_leaves_no_connection_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened = []

    class Interrupted:
        def __init__(self, connection: object, _: object) -> None:
            opened.append(connection)
            raise KeyboardInterrupt

    monkeypatch.setattr(fork_server, "Process", Interrupted)
    with pytest.raises(KeyboardInterrupt) as interrupt:
        fork_server.run("time:tzset", ["x"], environ=os.environ, folder=tmp_path)
    assert interrupt.value.__traceback__  # it is held, as an except block holds it
    assert [connection.fileno() for connection in opened] == [-1]
