"""The `container` origin: a PostgreSQL in Docker, started by testcontainers.

One container per clone, found again by its label: all kernels share it, and it outlives
the process that started it. It listens on 127.0.0.1 only. Its random password is kept
nowhere but in the container's own environment, which the kit reads back through Docker.
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
from coursekit.servers.docker import EMBEDDED, engine, says
from coursekit.servers.ports import HOST
from coursekit.servers.server import (
    Server,
    ask_version,
    netloc,
    shield_from_libpq_variables,
    supported,
)
from coursekit.settings import APP, Settings, short_hash
from tutorial_lib.config import DRIVER

WHY = "TUTORIAL_POSTGRES=container asks for it."
IMAGE = "postgres:18"
PORT = "5432/tcp"
START_TIMEOUT = 60.0  # seconds: a cold start takes 2 to 10, on a slow disk more
SHARED_MEMORY = "256m"  # for parallel queries, which soon fill the 64 MB that Docker gives


def find(settings: Settings, start: bool = True) -> Server | None:
    """The clone's PostgreSQL container, started when it is not running.

    Returns None when it is not running and `start` is False. Raises ServerError when
    Docker cannot be used, the image cannot be had, or PostgreSQL does not come up.
    """
    with _locked(settings), engine() as client:
        box = _ours(client, settings)
        if not start and (box is None or box.status != "running"):
            return None
        shield_from_libpq_variables()
        return _create(client, settings) if box is None else _server(_awake(box))


def stop(settings: Settings) -> bool:
    """Remove the clone's container and all its databases; False when there is none."""
    with _locked(settings), engine() as client:
        box = _ours(client, settings)
        if box is not None:
            box.remove(v=True, force=True)
        return box is not None


@contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    """One process at a time, so that two that ask at once get one container."""
    from filelock import FileLock

    settings.server_home.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.server_home / "container.lock"):
        yield


def _key(settings: Settings) -> str:
    return short_hash(str(settings.server_home))


def _ours(client: Any, settings: Settings) -> Any:
    """The clone's container, running or not, or None."""
    label = {"label": f"{APP}={_key(settings)}"}
    return next(iter(client.containers.list(all=True, filters=label)), None)


def _awake(box: Any) -> Any:
    """The container, started if somebody or the machine stopped it: its data are still there."""
    if box.status == "paused":
        box.unpause()
    elif box.status != "running":
        box.start()
    return box


def _create(client: Any, settings: Settings) -> Server:
    """Make and start the container; leave nothing of it behind when that fails."""
    from testcontainers.core.container import DockerContainer

    made = _describe(settings)
    try:
        _need_image(client, made.image)
        with _kept_from_the_reaper():
            # Not made.start(), which waits with a psql that has the password in its command.
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
    # By default a port is open to the whole network. None: any that is free.
    made.ports = {PORT: (HOST, None)}
    made.with_kwargs(labels={APP: _key(settings)}, shm_size=SHARED_MEMORY)
    return made.with_name(f"{APP}-{_key(settings)}")  # which Docker gives only once


def _need_image(client: Any, image: str) -> None:
    from docker.errors import APIError, ImageNotFound

    try:
        try:
            client.images.get(image)
        except ImageNotFound:
            client.images.pull(image)
    except APIError as problem:
        raise ServerError(
            f"Docker has no image {image} and could not fetch it.",
            f"It says: {says(problem)}",
            f"Check the network and try `docker pull {image}`, name an image that you have "
            f"in TUTORIAL_POSTGRES_IMAGE, or {EMBEDDED}",
        ) from None


@contextmanager
def _kept_from_the_reaper() -> Iterator[None]:
    """Testcontainers' reaper removes what a process started when that ends; ours must stay.

    So none is started, and one that this process may have, which goes by the session's
    label, does not know the container.
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
    """Wait until the container's PostgreSQL answers, and say where."""
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end:
        box.reload()
        if box.status != "running":
            raise _failed(box, "stopped as soon as it was started")
        try:
            version = ask_version(_url(box))
        except psycopg2.OperationalError:
            time.sleep(0.1)
        else:
            return Server(_url(box), "container", supported(version, netloc(_url(box))), WHY)
    raise _failed(box, f"did not answer at {netloc(_url(box))} within {START_TIMEOUT:.0f} seconds")


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
    """The variables that the container was made with, the password among them."""
    return dict(item.partition("=")[::2] for item in box.attrs["Config"]["Env"])


def _failed(box: Any, what: str) -> ServerError:
    log = box.logs(tail=4).decode(errors="replace").strip()
    log = log.replace(_environment(box)["POSTGRES_PASSWORD"], "***")
    return ServerError(
        f"The container of the image {box.attrs['Config']['Image']} {what}.",
        f"Its log ends with: {' | '.join(log.splitlines())}." if log else "Its log is empty.",
        "Check that TUTORIAL_POSTGRES_IMAGE names an image of PostgreSQL and that Docker runs "
        "on this machine; `python3 start.py db stop` removes a broken container and its data; "
        f"or {EMBEDDED}",
    )
