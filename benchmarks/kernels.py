"""Measure what a kernel and `%alembic` cost, forked by the fork server and started by default.

    python benchmarks/kernels.py [--rounds N]

JupyterLab is opened twice, as `tutorial lab` opens it, once with each kind of kernel, and gets
a browser's requests. CPU is that of all its processes. Memory is PSS: shared pages count in
parts, and the fork server counts as well. Linux only.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from coursekit.course.alembic_command import launch
from coursekit.course.catalog import lesson_path
from coursekit.course.notebooks import load
from coursekit.course.opening import start
from coursekit.instructor.isolated_run import isolated_run, use_workspace
from coursekit.kernel import client, fork_server
from coursekit.settings import ROOT
from lab import Lab, lab
from measure import ROUNDS, Action, Usage, interleaved, show_usages, usages

TUTORIAL = [sys.executable, "-c", "from coursekit.cli import main; main()"]
KINDS = ("default", "forked")
# What their first cells import: SQLAlchemy; pandas and matplotlib too.
LIGHT, HEAVY = "connect", "query-into-dataframes"
TOGETHER = 10
PROVISIONERS = {"default": "local-provisioner", "forked": "fork"}
FIRST = "From opening a notebook to its first answered cell"


def main() -> None:
    """Run all measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # it makes imports four times slower
    with two_labs() as labs:
        measure_first_cells(labs, rounds)
        measure_memory(labs, rounds)
    with environment(TUTORIAL_KERNEL="forked"), isolated_run():
        use_workspace("kernels")
        measure_clients(rounds)
        measure_alembic(rounds)


@contextmanager
def two_labs() -> Iterator[dict[str, Lab]]:
    """JupyterLab with each kind of kernel, on the same server and workspace."""
    with ExitStack() as stack:
        # This process's run has no fork server: each JupyterLab starts its own or none.
        stack.enter_context(environment(TUTORIAL_KERNEL="default"))
        stack.enter_context(isolated_run())
        yield {
            kind: stack.enter_context(lab(TUTORIAL, ROOT, TUTORIAL_KERNEL=kind)) for kind in KINDS
        }


@contextmanager
def environment(**values: str | None) -> Iterator[None]:
    """Set environment variables inside the block; None unsets one."""
    before = dict(os.environ)
    os.environ.update({name: value for name, value in values.items() if value is not None})
    for name in [name for name, value in values.items() if value is None]:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def measure_first_cells(labs: Mapping[str, Lab], rounds: int) -> None:
    """Measure opening a lesson and running its first cell, as the first one and later."""
    rows = {kind: first_cell(labs[kind], LIGHT) for kind in reversed(KINDS)}
    show_usages(f"{FIRST}, the first after JupyterLab's start; once", rows, "default")
    for number in (LIGHT, HEAVY):
        rows = usages({kind: partial(first_cell, labs[kind], number) for kind in KINDS}, rounds)
        show_usages(f"{FIRST}, lesson {number}", rows, "default")
    print("  Target: 0.20 of the default kernel's.")


def first_cell(one: Lab, number: str) -> Usage:
    """Return the cost of a lesson's first cell, with the start of its kernel."""
    sessions: list[str] = []
    taken = used(one.pid, lambda: sessions.append(answer(one, number)))
    one.end(sessions[0])
    return taken


def answer(one: Lab, number: str, name: str = "") -> str:
    """Open a lesson and run its first cell; return the session."""
    path = f"notebooks/{name}{lesson_path(number).name}"
    return one.answer(path, first_source(number))


def first_source(number: str) -> str:
    """Return the first code cell of a lesson."""
    cells = load(lesson_path(number))["cells"]
    return "".join(next(cell for cell in cells if cell["cell_type"] == "code")["source"])


def used(pid: int, action: Action) -> Usage:
    """Return the cost of a call, with the CPU time of a process and its descendants."""
    before, begun = cpu_of(pid), time.perf_counter()
    action()
    wall = time.perf_counter() - begun
    return Usage(wall, cpu_of(pid) - before)


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process and its descendants so far."""
    process = psutil.Process(pid)
    spent = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(t.user + t.system + t.children_user + t.children_system for t in spent)


def measure_memory(labs: Mapping[str, Lab], rounds: int) -> None:
    """Ten kernels at once, after the first cell of a lesson."""
    actions = {kind: partial(memory, labs[kind]) for kind in KINDS}
    rows = {kind: statistics.median(each) for kind, each in interleaved(actions, rounds).items()}
    print(f"\nMemory of {TOGETHER} kernels after the first cell of lesson {HEAVY}")
    for kind, size in rows.items():
        each, ratio = size / TOGETHER, size / rows["default"]
        print(f"  {kind:<40}{size:8.0f} MB{each:8.1f} MB each{ratio:8.2f}")
    print("  Target: 0.50 of the default kernels'.")


def memory(one: Lab) -> float:
    """Return the megabytes of ten kernels and the processes they were started from."""
    opened = [answer(one, HEAVY, f"copy-{number}-") for number in range(TOGETHER)]
    (server,) = psutil.Process(one.pid).children()
    size = sum(map(pss, server.children(recursive=True)))
    for session in opened:
        one.end(session)
    return size / 1e6


def pss(process: psutil.Process) -> int:
    """Return the PSS of a process in bytes: memory shared by n processes counts 1/n."""
    lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def measure_clients(rounds: int) -> None:
    """Kernels as programs start them: jupyter_client's own way, and the kit's."""
    from jupyter_client.manager import start_new_kernel

    ways: dict[str, Callable[..., Any]] = {
        "jupyter_client's wait": start_new_kernel,
        "the kit's wait": client.start_new_kernel,
    }
    fork_server.start()
    actions = {
        f"{kind} kernel, {way}": partial(used, os.getpid(), partial(run_one, kind, begin))
        for way, begin in ways.items()
        for kind in KINDS
    }
    rows = usages(actions, rounds)
    show_usages("start_new_kernel, one cell, and its end", rows, next(iter(rows)))


def run_one(kind: str, begin: Callable[..., Any]) -> None:
    """Start a kernel, run the first cell of a lesson, end it."""
    from jupyter_client.provisioning.factory import KernelProvisionerFactory

    KernelProvisionerFactory.instance().default_provisioner_name = PROVISIONERS[kind]
    manager, client = begin(kernel_name="python3")
    try:
        reply = client.execute_interactive(first_source(LIGHT), timeout=60)
        assert reply["content"]["status"] == "ok", reply
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def measure_alembic(rounds: int) -> None:
    """`%alembic current` in a process of its own, and in this one."""
    project = start("07").project
    work = "in this process: the work itself"

    def command(socket: str | None) -> None:
        with environment(**{fork_server.SOCKET: socket}):
            code, said = launch(["current"], project)
        assert code == 0, said

    actions: dict[str, Action] = {
        work: current,
        "default": partial(command, None),
        "forked": partial(command, os.environ[fork_server.SOCKET]),
    }
    rows = usages(
        {name: partial(used, os.getpid(), each) for name, each in actions.items()}, rounds
    )
    show_usages("alembic current", rows, "default")
    more = rows["forked"].wall - rows[work].wall
    print(f"  The forked one takes {more:.3f} s more than the work itself; target: 0.150 s.")
    os.chdir(ROOT)  # start() changed to the project's folder, which is deleted


def current() -> None:
    """Measure the command in this process, in which Alembic is imported."""
    from alembic.config import main as alembic

    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        alembic(["current"], prog="alembic")


if __name__ == "__main__":
    main()
