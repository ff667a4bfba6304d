"""Connect to Docker's engine, and explain why a connection fails."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from coursekit.errors import ServerError

USE_EMBEDDED = "unset TUTORIAL_POSTGRES to use the embedded server, which needs no Docker."

STATE_TIMEOUT = 2  # seconds for `doctor` to wait for the engine
NOT_INSTALLED = "not installed"
NOT_RUNNING = "installed, but the engine doesn't respond"
FORBIDDEN = "no permission to use it"
UNREACHABLE = {
    NOT_INSTALLED: (
        "Docker was not found on this machine.",
        "there is no `docker` program, and no engine at {host}.",
        "Install Docker (https://docs.docker.com/get-docker) and start it",
    ),
    NOT_RUNNING: (
        "Docker's engine doesn't respond.",
        "nothing responds at {host}.",
        "Start Docker Desktop (on a server: `sudo systemctl start docker`), wait until "
        "`docker info` shows a server and try again",
    ),
    FORBIDDEN: (
        "You have no permission to use Docker.",
        "its engine at {host} rejects your user.",
        "On Linux, run `sudo usermod -aG docker $USER` and log in again (anyone who can use "
        "Docker can do what root can)",
    ),
}


def docker_state() -> str:
    """Return Docker's state in a few words, for `doctor`."""
    try:
        with _client(timeout=STATE_TIMEOUT) as client:
            return f"running, engine {client.version()['Version']}"
    except Exception as problem:
        return _reason(problem)


@contextmanager
def _client(**options: Any) -> Iterator[Any]:
    """Open testcontainers' client: then testcontainers and the kit use the same engine."""
    from testcontainers.core.docker_client import DockerClient

    client = DockerClient(**options).client
    try:
        yield client
    finally:
        client.close()


@contextmanager
def engine() -> Iterator[Any]:
    """Open a client of Docker's engine.

    Raises:
        ServerError: Docker can't be used, or it rejects a call in the `with` block.

    """
    from docker.errors import APIError, DockerException

    try:
        with _client() as client:
            yield client
    except APIError as problem:
        raise ServerError(
            "Docker can't run the container.",
            f"It reports: {explanation(problem)}",
            f"Fix that and try again, or {USE_EMBEDDED}",
        ) from None
    except (DockerException, OSError) as problem:
        raise _unreachable(problem) from None


def explanation(problem: Any) -> str:
    """Return the engine's own message, on one line."""
    return " ".join(str(problem.explanation or problem).split())[:300].rstrip(".") + "."


def _unreachable(problem: BaseException) -> ServerError:
    from testcontainers.core.docker_client import get_docker_host

    what, why, do = UNREACHABLE[_reason(problem)]
    # The URL may contain a user name and a password.
    host = re.sub("//[^/]*@", "//", get_docker_host() or "its default endpoint")
    setting = "TUTORIAL_POSTGRES=container runs PostgreSQL in Docker, but"
    return ServerError(what, f"{setting} {why.format(host=host)}", f"{do}, or {USE_EMBEDDED}")


def _reason(problem: BaseException) -> str:
    """Return NOT_INSTALLED, NOT_RUNNING or FORBIDDEN, by the OSError behind this error."""
    if _was_caused_by(problem, PermissionError):
        return FORBIDDEN
    # On Windows Docker listens on a pipe, and a missing pipe raises no FileNotFoundError.
    missing = _was_caused_by(problem, FileNotFoundError) or sys.platform == "win32"
    return NOT_INSTALLED if missing and not shutil.which("docker") else NOT_RUNNING


def _was_caused_by(problem: object, kind: type[OSError]) -> bool:
    """Return whether an error is of this kind, or one in its `args` or its `__cause__` is."""
    if isinstance(problem, kind) or not isinstance(problem, BaseException):
        return isinstance(problem, kind)
    return any(_was_caused_by(part, kind) for part in (*problem.args, problem.__cause__))
