"""Measure the first start: from an empty folder to the first cell's result, and its parts.

    python benchmarks/front_door.py             everything but the container
    python benchmarks/front_door.py --docker    the container too (TUTORIAL_POSTGRES_IMAGE)

Ratios of one run can be compared, seconds of two machines cannot. Each row is the median of
its rounds; the rounds of rows that are compared with each other are interleaved.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coursekit import servers
from coursekit.course.opening import start
from coursekit.instructor.isolated_run import isolated_run
from coursekit.servers.embedded import EmbeddedServer
from coursekit.settings import ROOT, read_settings
from lab import lab
from measure import ROUNDS, Action, show, times

FIRST = "from coursekit import start; start('00')"


@contextmanager
def clone(folder: Path) -> Iterator[Path]:
    """Clone the last commit, with its own data folder."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    environ = {**os.environ, "TUTORIAL_DATA": str(folder / "data")}
    try:
        yield folder
    finally:
        subprocess.run([sys.executable, "start.py", "db", "stop"], cwd=folder, env=environ)


def first_cell(folder: Path) -> tuple[float, float]:
    """Return the seconds from `python3 start.py lab` to JupyterLab's response and to a cell's."""
    begun = time.perf_counter()
    with lab([sys.executable, "start.py"], folder, TUTORIAL_DATA=str(folder / "data")) as opened:
        responded = time.perf_counter() - begun
        opened.answer("notebooks/00_start_here.ipynb", FIRST)
        return responded, time.perf_counter() - begun


def measure_front_door() -> None:
    """Measure the first start in an empty folder, then later starts there."""
    with tempfile.TemporaryDirectory() as folder, clone(Path(folder) / "clone") as kit:
        cold = first_cell(kit)
        later = [first_cell(kit) for _ in range(ROUNDS)]
        responded, ran = (statistics.median(column) for column in zip(*later, strict=True))
        rows = {
            "first start, to JupyterLab's response": cold[0],
            "first start, to the first cell's result": cold[1],
            "second start, to JupyterLab's response": responded,
            "second start, to the first cell's result": ran,
        }
        show("From python3 start.py, in an empty folder", rows, list(rows)[-1])
        size = subprocess.check_output(["du", "-sm", str(kit / ".venv")], text=True).split()[0]
        data = subprocess.check_output(["du", "-sm", str(kit / "data")], text=True).split()[0]
        print(f"  installed: {size} MB; the server's data: {data} MB")


def measure_imports() -> None:
    """Measure processes that import modules, against one that doesn't."""

    def process(code: str) -> Action:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    names = ("pass", "import tutorial_lib", "from coursekit import start", "import pandas",
             "import nbformat")  # fmt: skip
    show("Processes that import", times({name: process(name) for name in names}), "pass")


def measure_servers(docker: bool) -> None:
    """Measure a server's cold and warm start, attaching to it, and a lesson's start."""
    home = Path(tempfile.mkdtemp()) / "server"
    server = EmbeddedServer(home)
    actions: dict[str, Action] = {
        "embedded, cold": server.ensure,
        "embedded, attach": server.ensure,
        "embedded, stop": server.stop,
        "embedded, warm": server.ensure,
        'start("01"), the server running': lambda: start("01"),
        "embedded, removed": server.remove,
    }
    if docker:
        from coursekit.servers import container

        settings = read_settings({**os.environ, "TUTORIAL_SERVER_HOME": str(home.with_name("box"))})
        actions["container, first start"] = lambda: container.find(settings)
        actions["container, attach"] = lambda: container.find(settings)
        actions["container, removed"] = lambda: container.stop(settings)
    servers.find()
    start("01")
    show("Servers", times(actions), "embedded, cold")
    os.chdir(ROOT)  # start() changed to the project's folder, which is deleted
    shutil.rmtree(home.parent)


def main() -> None:
    """Run all measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docker", action="store_true", help="measure a container too")
    docker = parser.parse_args().docker
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # it makes imports four times slower
    with isolated_run():
        measure_servers(docker)
    measure_imports()
    measure_front_door()


if __name__ == "__main__":
    main()
