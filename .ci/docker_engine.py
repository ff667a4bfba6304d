"""Find a Docker engine, or start one that leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import debian

MEMORY = Path("/dev/shm")  # noqa: S108  the folder there gets a unique name
SECONDS = 120  # until a new engine must respond
NO_ENGINE = (
    "No Docker engine can run here, so the container origin is untested. Docker's log ends above. "
    "To run what needs no engine, name the other sessions: nox -s lint tests"
)


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a temporary folder, in memory if possible."""
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="ci-", dir=memory))
    try:
        yield folder
    finally:
        # Not with shutil: a mount that was left in the folder must survive.
        subprocess.run(["rm", "-rf", "--one-file-system", folder])


@contextmanager
def running() -> Iterator[None]:
    """Use the engine that's running, or start one with its data in memory until the block ends."""
    if responds():
        yield
        return
    if not (shutil.which("dockerd") and shutil.which("iptables")):
        debian.install("docker.io", "iptables")
    with scratch() as folder, _started(folder):
        yield


def responds() -> bool:
    """Return whether an engine responds at DOCKER_HOST."""
    if not shutil.which("docker"):
        return False
    return not subprocess.run(["docker", "info"], capture_output=True).returncode


def leftovers() -> list[str]:
    """Return the ids of all containers, volumes and networks."""
    listings = (["ps", "-aq"], ["volume", "ls", "-q"], ["network", "ls", "-q"])
    return [
        line
        for words in listings
        for line in subprocess.check_output(["docker", *words], text=True).splitlines()
    ]


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Exit if the block leaves a container, volume or network behind."""
    before = leftovers()
    yield
    if left := set(leftovers()) ^ set(before):
        raise SystemExit(f"Left behind, or removed: {', '.join(sorted(left))}")


@contextmanager
def _started(folder: Path) -> Iterator[None]:
    host = f"unix://{folder / 'docker.sock'}"
    places = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
    options = [f"--{name}={folder / place}" for name, place in places.items()]
    before = os.environ.get("DOCKER_HOST")
    with (folder / "log").open("wb") as log:
        command = ["dockerd", "-H", host, *options]
        daemon = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    os.environ["DOCKER_HOST"] = host
    try:
        _wait(daemon, folder / "log")
        yield
    finally:
        daemon.terminate()
        daemon.wait()
        os.environ.pop("DOCKER_HOST")
        if before:
            os.environ["DOCKER_HOST"] = before
        # Docker leaves this mounted after a container that had the host's network.
        if (namespace := folder / "exec" / "netns" / "default").is_mount():
            subprocess.run(["umount", namespace])


def _wait(daemon: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not responds():
        if daemon.poll() is not None or time.monotonic() > deadline:
            print(*log.read_text(errors="replace").splitlines()[-20:], sep="\n")
            raise SystemExit(NO_ENGINE)
        time.sleep(0.5)
