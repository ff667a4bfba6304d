"""Kernels of both kinds are interrupted, restarted and shut down in the same way."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from jupyter_client import LocalPortCache
from jupyter_client.ioloop import AsyncIOLoopKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from traitlets.config import Config

from coursekit.kernel import fork_server
from coursekit.kernel.client import start_new_kernel, wait_for_ready
from coursekit.kernel.process import Process
from support.kernels import KINDS, TIMEOUT, Kernel, alive, kernels_are, shell, until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no forked kernels")

LOOPS = {
    "a loop": "print('started', flush=True)\nwhile True: pass",
    "a pause": "import time; print('started', flush=True); time.sleep(3600)",
    "a program": (
        "import subprocess; child = subprocess.Popen(['sleep', '3600'])\n"
        "print('started', flush=True); child.wait()"
    ),
}
DEATHS = {"os._exit(3)": 3, "os.kill(os.getpid(), 9)": -9}
SLOW_DEATHS = {
    "ctypes.string_at(0)": -11,
    "os.abort()": -6,
    "os.kill(os.getpid(), 15)": -15,
    "exit": 0,
    "os._exit(256 + 7)": 7,
}


@pytest.fixture(scope="module", params=KINDS)
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    """One kernel of each kind, for all tests that don't change its state."""
    with Kernel(request.param) as kernel:
        assert kernel.kind == request.param
        yield kernel


@pytest.fixture(params=[pytest.param("default", marks=pytest.mark.slow), "forked"])
def fresh(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    """A new kernel of each kind."""
    with Kernel(request.param) as kernel:
        assert kernel.kind == request.param
        yield kernel


@pytest.mark.parametrize("code", LOOPS.values(), ids=LOOPS)
def test_an_interrupt_ends_the_cell_only(kernel: Kernel, code: str) -> None:
    assert kernel.interrupt(code) == "KeyboardInterrupt"
    assert kernel.run("print('alive')") == "alive\n"


def test_an_interrupt_reaches_a_cells_child_processes(kernel: Kernel) -> None:
    assert kernel.interrupt(LOOPS["a program"]) == "KeyboardInterrupt"
    # Interrupted at the wrong moment, subprocess loses the exit code and returns 0.
    assert kernel.run("print(child.wait(600))") in ("-2\n", "0\n")


def test_an_interrupt_ends_input(kernel: Kernel) -> None:
    assert kernel.interrupt("input('Name? ')", allow_stdin=True) == "KeyboardInterrupt"
    assert kernel.run("print('alive')") == "alive\n"


def test_interrupts_of_an_idle_kernel_do_no_harm(kernel: Kernel) -> None:
    for _ in range(3):
        kernel.manager.interrupt_kernel()
    assert kernel.run("print('alive')") == "alive\n"


@pytest.mark.slow
@pytest.mark.parametrize("now", [False, True])
def test_a_restart_keeps_the_ports_and_nothing_else(kernel: Kernel, now: bool) -> None:
    before = kernel.manager.get_connection_info()
    pid, kind = kernel.value("__import__('os').getpid()"), kernel.kind
    kernel.run("x = 1; import os, gzip; os.chdir('/'); os.environ['LEFT'] = 'behind'")
    with kernels_are(kind):
        kernel.manager.restart_kernel(now=now)
    wait_for_ready(kernel.client)
    assert (kernel.kind, kernel.manager.get_connection_info()) == (kind, before)
    assert "NameError" in kernel.run("x")
    assert kernel.value("__import__('os').getpid()") != pid
    assert kernel.value("__import__('os').environ.get('LEFT')") is None
    assert kernel.value("__import__('os').getcwd()") == str(Path.cwd())
    assert not alive(pid)


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [*DEATHS.items()]
    + [pytest.param(*each, marks=pytest.mark.slow) for each in SLOW_DEATHS.items()],
)
def test_the_exit_code_is_reported(fresh: Kernel, code: str, exit_code: int) -> None:
    assert fresh.die(code if code == "exit" else f"import os, ctypes; {code}") == exit_code
    assert not fresh.manager.is_alive()
    assert asyncio.run(fresh.manager.provisioner.wait()) == exit_code


def test_an_exception_in_a_cell_does_not_end_the_kernel(kernel: Kernel) -> None:
    assert "SystemExit" in kernel.run("import sys; sys.exit(3)")
    assert kernel.run("print('alive')") == "alive\n"


def test_a_killed_kernel_is_noticed(fresh: Kernel) -> None:
    fresh.manager.provisioner.process.kill()
    until(lambda: fresh.poll() == -9)


def test_a_kernel_that_has_died_can_be_shut_down(fresh: Kernel) -> None:
    fresh.die("import os; os._exit(1)")
    fresh.manager.shutdown_kernel(now=True)
    assert not fresh.manager.has_kernel


def test_a_kernel_that_has_died_can_be_restarted(fresh: Kernel) -> None:
    kind = fresh.kind
    fresh.die("import os; os._exit(1)")
    fresh.manager.restart_kernel(now=True)
    wait_for_ready(fresh.client)
    assert (fresh.run("print(1)"), fresh.kind) == ("1\n", kind)


def test_one_task_can_poll_while_another_waits(fresh: Kernel) -> None:
    async def both() -> tuple[Any, list[Any]]:
        provisioner = fresh.manager.provisioner
        waiting = asyncio.create_task(provisioner.wait())
        seen = [await provisioner.poll()]
        os.kill(provisioner.pid, signal.SIGKILL)
        while seen[-1] is None:
            await asyncio.sleep(0.01)
            seen.append(await provisioner.poll())
        return await asyncio.wait_for(waiting, TIMEOUT), seen

    code, seen = asyncio.run(both())
    assert (code, seen[0]) == (-9, None)
    assert seen[-1] in (-9, 0)  # once wait() has returned, Jupyter forgets the process: 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_restarter_starts_a_kernel_of_the_same_kind_again(kind: str) -> None:
    async def live() -> tuple[Any, Any]:
        quick = Config({"KernelRestarter": {"time_to_dead": 0.1}})
        manager: Any = AsyncIOLoopKernelManager(config=quick)
        await manager.start_kernel()
        first, before = manager.provisioner.pid, type(manager.provisioner.process)
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + TIMEOUT
        while manager.provisioner.pid == first or not await manager.is_alive():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        while not manager.ready.done():  # jupyter_client fails when it is shut down earlier
            await asyncio.sleep(0.05)
        after = type(manager.provisioner.process)
        await manager.shutdown_kernel(now=True)
        return before, after

    with kernels_are(kind):
        before, after = asyncio.run(live())
    assert before is after is (Process if kind == "forked" else subprocess.Popen)


def test_a_killed_kernels_child_processes_end_with_it(fresh: Kernel) -> None:
    fresh.run("import subprocess; child = subprocess.Popen(['sleep', '3600'])")
    child = fresh.value("child.pid")
    fresh.manager.shutdown_kernel(now=True)
    until(lambda: not alive(child))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_nbclient_raises_when_a_kernel_dies(kind: str) -> None:
    cell = nbformat.v4.new_code_cell("import os; os._exit(3)")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    with kernels_are(kind), pytest.raises(DeadKernelError):
        NotebookClient(notebook, timeout=TIMEOUT).execute()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_nbclient_runs_notebooks_one_after_another(kind: str) -> None:
    for number in range(2):
        cell = nbformat.v4.new_code_cell(f"{number} + 1")
        notebook = nbformat.v4.new_notebook(cells=[cell])
        with kernels_are(kind):
            done = NotebookClient(notebook).execute()
        assert done.cells[0].outputs[0]["data"]["text/plain"] == str(number + 1)


def test_if_another_program_takes_a_port_a_second_kernel_starts_on_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choose = LocalPortCache.find_available_port
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = iter([other.getsockname()[1]])  # the first port that is chosen

        def chosen(self: LocalPortCache, ip: str) -> int:
            return next(taken, 0) or choose(self, ip)

        monkeypatch.setattr(LocalPortCache, "find_available_port", chosen)
        manager, client = start_new_kernel()
    assert next(taken, None) is None
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.slow
def test_a_kernel_that_hangs_at_its_start_is_reported(tmp_path: Path) -> None:
    startup = tmp_path / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("import time; time.sleep(3600)")
    environ = {**os.environ, "IPYTHONDIR": str(tmp_path)}
    code = (
        "from coursekit.kernel.client import start_new_kernel\n"
        "try: start_new_kernel(startup_timeout=3)\n"
        "except RuntimeError as error: print(error)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=shell(**environ),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert result.stdout == "Kernel didn't respond in 3 seconds\n"


def test_kernels_work_in_a_process_with_many_open_files() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2048, hard), hard))
    many = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        with Kernel("forked") as kernel:
            assert kernel.kind == "forked"
            assert kernel.poll() is None
            assert kernel.die("import os; os._exit(3)") == 3
    finally:
        for each in many:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_kernels_started_at_once_share_a_fork_server() -> None:
    code = (
        "import os, threading\n"
        "from coursekit.kernel import fork_server\n"
        "threads = [threading.Thread(target=fork_server.start) for _ in range(8)]\n"
        "for t in threads: t.start()\n"
        "for t in threads: t.join()\n"
        "print(len(fork_server._fork_servers))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], env=shell(), capture_output=True, text=True, timeout=TIMEOUT
    )
    assert result.stdout == "1\n"


@pytest.mark.slow
def test_a_manager_has_no_thread_and_no_descriptor_left_over() -> None:
    me = psutil.Process()
    with Kernel("forked"):
        pass
    before = me.num_fds()
    for _ in range(3):
        with Kernel("forked") as kernel:
            kernel.run("1")
    assert me.num_fds() <= before + 3
    assert fork_server.SOCKET in os.environ
