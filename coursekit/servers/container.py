"""The `container` origin: a PostgreSQL in Docker, started by testcontainers.

Each clone has one container, found by its label. All kernels share it, and it keeps running when
the process that started it ends. It listens on 127.0.0.1 only. Its random password is stored only
in the container's environment, which the kit reads through Docker.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from sqlalchemy import URL

from coursekit.errors import ServerError
from coursekit.servers.credentials import DATABASE, USER
from coursekit.servers.docker import USE_EMBEDDED, engine, explanation
from coursekit.servers.ports import HOST
from coursekit.servers.server import (
    Server,
    fetch_version,
    netloc,
    require_supported,
    shield_from_libpq_variables,
)
from coursekit.settings import APP, Settings, short_hash
from tutorial_lib.config import DRIVER

WHY = "TUTORIAL_POSTGRES=container asks for it."
IMAGE = "postgres:18"
PORT = "5432/tcp"
START_TIMEOUT = 60.0  # seconds in which PostgreSQL has to respond; a cold start takes 2 to 10
POLL_INTERVAL = 0.1
SHARED_MEMORY = "256m"  # for parallel queries, which soon fill Docker's default of 64 MB


def find(settings: Settings, start: bool = True) -> Server | None:
    """Return the PostgreSQL in this clone's container.

    Args:
        settings: They name the clone and the image.
        start: Start it if it isn't running; otherwise return None then.

    Raises:
        ServerError: Docker can't be used, the image isn't available, or PostgreSQL doesn't
            respond.

    """
    with _locked(settings), engine() as client:
        box = _container(client, settings)
        if not start and (box is None or box.status != "running"):
            return None
        shield_from_libpq_variables()
        return _create(client, settings) if box is None else _server(_resume(box))


def stop(settings: Settings) -> bool:
    """Remove the clone's container and all its databases; return whether there was one.

    Raises:
        ServerError: Docker can't be used.

    """
    with _locked(settings), engine() as client:
        box = _container(client, settings)
        if box is not None:
            box.remove(v=True, force=True)
        return box is not None


@contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    """Let one process at a time in: two that start it together must share one container."""
    from filelock import FileLock

    settings.server_home.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.server_home / "container.lock"):
        yield


def _key(settings: Settings) -> str:
    return short_hash(str(settings.server_home))


def _container(client: Any, settings: Settings) -> Any:
    """Return the clone's container, running or not, or None."""
    label = {"label": f"{APP}={_key(settings)}"}
    return next(iter(client.containers.list(all=True, filters=label)), None)


def _resume(box: Any) -> Any:
    """Start a stopped or paused container again; it still has its data."""
    if box.status == "paused":
        box.unpause()
    elif box.status != "running":
        box.start()
    return box


def _create(client: Any, settings: Settings) -> Server:
    """Create and start the container; remove it if that fails."""
    from testcontainers.core.container import DockerContainer

    made = _describe(settings)
    try:
        _require_image(client, made.image)
        with _hidden_from_reaper():
            # Not made.start(): it waits by running psql with the password on its command line.
            DockerContainer.start(made)
        return _server(made.get_wrapped_container())
    except BaseException:
        made.stop()
        raise
    finally:
        made.get_docker_client().client.close()


def _describe(settings: Settings) -> Any:
    from testcontainers.community.postgres import PostgresContainer

    made: Any = PostgresContainer(
        settings.image or IMAGE,
        username=USER,
        password=secrets.token_urlsafe(24),
        dbname=DATABASE,
    )
    # By default Docker opens a port to the whole network. None: any free port.
    made.ports = {PORT: (HOST, None)}
    made.with_kwargs(labels={APP: _key(settings)}, shm_size=SHARED_MEMORY)
    return made.with_name(f"{APP}-{_key(settings)}")  # Docker allows a name only once


def _require_image(client: Any, image: str) -> None:
    from docker.errors import APIError, ImageNotFound

    try:
        try:
            client.images.get(image)
        except ImageNotFound:
            client.images.pull(image)
    except APIError as problem:
        raise ServerError(
            f"Docker has no image {image} and can't pull it.",
            f"It reports: {explanation(problem)}",
            f"Check the network and try `docker pull {image}`, set TUTORIAL_POSTGRES_IMAGE to an "
            f"image that you have, or {USE_EMBEDDED}",
        ) from None


@contextmanager
def _hidden_from_reaper() -> Iterator[None]:
    """Hide the container from testcontainers' reaper, which removes a process's containers.

    No reaper is started. If the process already has one, it goes by the session's label, and this
    container gets another label.
    """
    from testcontainers.core import labels
    from testcontainers.core.config import testcontainers_config as config

    before = config.ryuk_disabled, labels.SESSION_ID
    config.ryuk_disabled, labels.SESSION_ID = True, APP
    try:
        yield
    finally:
        config.ryuk_disabled, labels.SESSION_ID = before


def _server(box: Any) -> Server:
    """Wait until the container's PostgreSQL responds, and return it."""
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end:
        box.reload()
        if box.status != "running":
            raise _failed(box, "stopped right after its start")
        try:
            version = fetch_version(_url(box))
        except psycopg2.OperationalError:
            time.sleep(POLL_INTERVAL)
        else:
            return Server(
                _url(box), "container", require_supported(version, netloc(_url(box))), WHY
            )
    raise _failed(box, f"didn't respond at {netloc(_url(box))} within {START_TIMEOUT:.0f} seconds")


def _url(box: Any) -> URL:
    values = _environment(box)
    return URL.create(
        DRIVER,
        username=values["POSTGRES_USER"],
        password=values["POSTGRES_PASSWORD"],
        host=HOST,
        port=int(box.ports[PORT][0]["HostPort"]),
        database=values["POSTGRES_DB"],
    )


def _environment(box: Any) -> dict[str, str]:
    """Return the variables that the container was created with, including the password."""
    return dict(item.partition("=")[::2] for item in box.attrs["Config"]["Env"])


def _failed(box: Any, what: str) -> ServerError:
    log = box.logs(tail=4).decode(errors="replace").strip()
    log = log.replace(_environment(box)["POSTGRES_PASSWORD"], "***")
    return ServerError(
        f"The container of the image {box.attrs['Config']['Image']} {what}.",
        f"Its log ends with: {' | '.join(log.splitlines())}." if log else "Its log is empty.",
        "Check that TUTORIAL_POSTGRES_IMAGE names a PostgreSQL image and that Docker runs on "
        "this machine; `python3 start.py db stop` removes a broken container and its data; "
        f"or {USE_EMBEDDED}",
    )
