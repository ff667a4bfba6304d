"""What the front door costs: from an empty folder to the first answered cell, and its parts.

    python benchmarks/front_door.py             everything but the container
    python benchmarks/front_door.py --docker    the container too (TUTORIAL_POSTGRES_IMAGE)

Ratios of one run can be compared, seconds of two machines cannot. Each row is the median of
its rounds; the rounds of rows that are compared with each other are interleaved.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from websocket import create_connection

from tutorial_lib import servers
from tutorial_lib.config import ROOT, read_settings
from tutorial_lib.lesson import start
from tutorial_lib.runs import reference_run
from tutorial_lib.servers.embedded import EmbeddedServer

ROUNDS = 5


def seconds(action: Callable[[], object]) -> float:
    """How long one call takes, in seconds."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def interleaved(actions: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The median of each action, their rounds taken in turn."""
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for round_ in range(ROUNDS):
        print(f"   round {round_ + 1} of {ROUNDS} ...", file=sys.stderr)
        for name, action in actions.items():
            taken[name].append(seconds(action))
    return {name: statistics.median(times) for name, times in taken.items()}


def show(title: str, rows: dict[str, float], base: str) -> None:
    """Seconds, and each row's ratio to the row `base`."""
    print(f"\n{title}")
    for name, value in rows.items():
        print(f"  {name:<44}{value:9.3f} s{value / rows[base]:9.2f}")


@contextmanager
def clone(folder: Path) -> Iterator[Path]:
    """A clone of the last commit, with a data folder of its own."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    environ = {**os.environ, "TUTORIAL_DATA": str(folder / "data")}
    try:
        yield folder
    finally:
        subprocess.run([sys.executable, "start.py", "db", "stop"], cwd=folder, env=environ)


def first_cell(folder: Path) -> tuple[float, float]:
    """Seconds from `python3 start.py lab` to JupyterLab's answer, and to that of a cell."""
    begun = time.perf_counter()
    lab = subprocess.Popen(
        [sys.executable, "start.py", "lab", "--no-browser"],
        cwd=folder,
        env={**os.environ, "TUTORIAL_DATA": str(folder / "data")},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert lab.stdout is not None
    found = next(m for m in (re.search(r"http://\S+", line) for line in lab.stdout) if m)
    answered = time.perf_counter() - begun
    _run_a_cell(found.group())
    ran = time.perf_counter() - begun
    os.killpg(lab.pid, signal.SIGINT)
    lab.wait()
    return answered, ran


def _run_a_cell(address: str) -> None:
    """Start a kernel, run lesson 00's first cells in it, and wait until it is idle again."""
    base, _, token = address.partition("/lab/tree/")
    token = token.partition("token=")[2]
    request = urllib.request.Request(f"{base}/api/kernels?token={token}", b"{}", method="POST")
    kernel = json.load(urllib.request.urlopen(request))["id"]
    socket = create_connection(
        f"{base.replace('http', 'ws')}/api/kernels/{kernel}/channels?token={token}"
    )
    ask = uuid.uuid4().hex
    code = "from tutorial_lib import start; start('00')"
    header = {"msg_id": ask, "msg_type": "execute_request", "session": ask, "version": "5.4",
              "username": ""}  # fmt: skip
    content = {"code": code, "silent": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    socket.send(json.dumps({**message, "channel": "shell"}))
    while True:
        said = json.loads(socket.recv())
        if said["msg_type"] == "error":
            raise RuntimeError(said["content"]["evalue"])
        if said["msg_type"] == "execute_reply" and said["parent_header"]["msg_id"] == ask:
            return socket.close()


def measure_front_door() -> None:
    """An empty folder, then the second start of the same one."""
    with tempfile.TemporaryDirectory() as folder, clone(Path(folder) / "clone") as kit:
        cold = first_cell(kit)
        later = [first_cell(kit) for _ in range(ROUNDS)]
        answered, ran = (statistics.median(column) for column in zip(*later, strict=True))
        rows = {
            "first start, to JupyterLab's answer": cold[0],
            "first start, to the first answered cell": cold[1],
            "second start, to JupyterLab's answer": answered,
            "second start, to the first answered cell": ran,
        }
        show("From python3 start.py, in an empty folder", rows, list(rows)[-1])
        size = subprocess.check_output(["du", "-sm", str(kit / ".venv")], text=True).split()[0]
        data = subprocess.check_output(["du", "-sm", str(kit / "data")], text=True).split()[0]
        print(f"  installed: {size} MB; the server's data: {data} MB")


def measure_imports() -> None:
    """A process that imports, over one that does not."""

    def process(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    names = ("pass", "import tutorial_lib", "from tutorial_lib import start", "import pandas",
             "import nbformat")  # fmt: skip
    show("Processes that import", interleaved({name: process(name) for name in names}), "pass")


def measure_servers(docker: bool) -> None:
    """A server's cold and warm start, attaching to it, and a lesson's start."""
    home = Path(tempfile.mkdtemp()) / "server"
    server = EmbeddedServer(home)
    actions: dict[str, Callable[[], object]] = {
        "embedded, cold": server.ensure,
        "embedded, attach": server.ensure,
        "embedded, stop": server.stop,
        "embedded, warm": server.ensure,
        'start("01"), the server running': lambda: start("01"),
        "embedded, removed": server.remove,
    }
    if docker:
        from tutorial_lib.servers import container

        settings = read_settings({**os.environ, "TUTORIAL_SERVER_HOME": str(home.with_name("box"))})
        actions["container, first start"] = lambda: container.find(settings)
        actions["container, attach"] = lambda: container.find(settings)
        actions["container, removed"] = lambda: container.stop(settings)
    servers.find()
    start("01")
    show("Servers", interleaved(actions), "embedded, cold")
    os.chdir(ROOT)  # a lesson has gone to its project, which goes away
    shutil.rmtree(home.parent)


def main() -> None:
    """Measure everything, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docker", action="store_true", help="measure a container as well")
    docker = parser.parse_args().docker
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # it makes imports four times slower
    with reference_run():
        measure_servers(docker)
    measure_imports()
    measure_front_door()


if __name__ == "__main__":
    main()
