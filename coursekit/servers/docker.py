"""Reach Docker's engine, and say in words why it cannot be reached."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from coursekit.errors import ServerError

EMBEDDED = "leave TUTORIAL_POSTGRES unset to use the embedded server, which needs no Docker."

ABSENT = "not installed"
DOWN = "installed, but the engine does not answer"
FORBIDDEN = "no permission to use it"
UNREACHABLE = {
    ABSENT: (
        "Docker was not found on this machine.",
        "there is no program `docker`, and no engine at {place}.",
        "Install Docker (https://docs.docker.com/get-docker) and start it",
    ),
    DOWN: (
        "Docker's engine does not answer.",
        "nobody answers at {place}.",
        "Start Docker Desktop (on a server: `sudo systemctl start docker`), wait until "
        "`docker info` shows a server and try again",
    ),
    FORBIDDEN: (
        "You have no permission to use Docker.",
        "its engine at {place} does not let your user in.",
        "On Linux, `sudo usermod -aG docker $USER` lets you in after the next login (whoever "
        "may use Docker can do what root can)",
    ),
}


def docker_state() -> str:
    """What `doctor` says of Docker, in a few words and within about two seconds."""
    try:
        with _client(timeout=2) as client:
            return f"running, engine {client.version()['Version']}"
    except Exception as problem:
        return _reason(problem)


@contextmanager
def _client(**options: Any) -> Iterator[Any]:
    """Testcontainers' client, so that it and the kit mean the same engine."""
    from testcontainers.core.docker_client import DockerClient

    client = DockerClient(**options).client
    try:
        yield client
    finally:
        client.close()


@contextmanager
def engine() -> Iterator[Any]:
    """A client of Docker's engine; whatever Docker refuses becomes a ServerError."""
    from docker.errors import APIError, DockerException

    try:
        with _client() as client:
            yield client
    except APIError as problem:
        raise ServerError(
            "Docker could not run the container.",
            f"It says: {says(problem)}",
            f"See to that and try again, or {EMBEDDED}",
        ) from None
    except (DockerException, OSError) as problem:
        raise _unreachable(problem) from None


def says(problem: Any) -> str:
    """The engine's own words, on one line."""
    return " ".join(str(problem.explanation or problem).split())[:300].rstrip(".") + "."


def _unreachable(problem: BaseException) -> ServerError:
    from testcontainers.core.docker_client import get_docker_host

    what, why, do = UNREACHABLE[_reason(problem)]
    # An address may hold a user's name, or more.
    host = re.sub("//[^/]*@", "//", get_docker_host() or "its usual place")
    asked = "TUTORIAL_POSTGRES=container runs PostgreSQL in Docker, but"
    return ServerError(what, f"{asked} {why.format(place=host)}", f"{do}, or {EMBEDDED}")


def _reason(problem: BaseException) -> str:
    """ABSENT, DOWN or FORBIDDEN, told by the system's error inside the libraries' own."""
    if _holds(problem, PermissionError):
        return FORBIDDEN
    # Windows has no such error for a missing pipe, Docker's way in there.
    missing = _holds(problem, FileNotFoundError) or sys.platform == "win32"
    return ABSENT if missing and not shutil.which("docker") else DOWN


def _holds(problem: object, kind: type[OSError]) -> bool:
    """Whether an error is of this kind or was made from one, which lies among its `args`."""
    if isinstance(problem, kind) or not isinstance(problem, BaseException):
        return isinstance(problem, kind)
    return any(_holds(part, kind) for part in (*problem.args, problem.__cause__))
