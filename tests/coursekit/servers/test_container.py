"""The container origin: its messages without Docker, and its work on a real engine."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coursekit.errors import ServerError
from coursekit.servers import container
from coursekit.servers import docker as docker_module
from coursekit.servers.docker import docker_state
from coursekit.servers.server import Server, admin
from coursekit.settings import APP, ROOT, Settings, read_settings, short_hash

unix_only = pytest.mark.skipif(sys.platform == "win32", reason="Docker's socket is a pipe here")
needs_engine = pytest.mark.docker

EMBEDDED = "or unset TUTORIAL_POSTGRES to use the embedded server, which needs no Docker."
ABSENT = (
    "Docker was not found on this machine. TUTORIAL_POSTGRES=container runs PostgreSQL in "
    "Docker, but there is no `docker` program, and no engine at unix://{socket}. "
    "Install Docker (https://docs.docker.com/get-docker) and start it, " + EMBEDDED
)
DOWN = (
    "Docker's engine doesn't respond. TUTORIAL_POSTGRES=container runs PostgreSQL in Docker, "
    "but nothing responds at unix://{socket}. Start Docker Desktop (on a server: `sudo systemctl "
    "start docker`), wait until `docker info` shows a server and try again, " + EMBEDDED
)
FORBIDDEN = (
    "You have no permission to use Docker. TUTORIAL_POSTGRES=container runs PostgreSQL in "
    "Docker, but its engine at unix://{socket} rejects your user. On Linux, run `sudo "
    "usermod -aG docker $USER` and log in again (anyone who can use Docker can do what root "
    "can), " + EMBEDDED
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can enter. Its path is short: a socket's has 108 characters."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture
def settings(folder: Path) -> Settings:
    image = os.environ.get("TUTORIAL_POSTGRES_IMAGE", "")
    environ = {"TUTORIAL_DATA": str(folder), "TUTORIAL_POSTGRES_IMAGE": image}
    return read_settings(environ, folder / "no.env")


@pytest.fixture
def path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the engine's socket in DOCKER_HOST; it doesn't exist, and PATH has no Docker."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{folder / 'docker.sock'}")
    monkeypatch.setenv("PATH", str(folder))
    return folder / "docker.sock"


def leave_a_socket(path: Path) -> None:
    """Create a socket without a listener, as a killed engine leaves it."""
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(path))


@contextmanager
def shut_out(path: Path) -> Iterator[None]:
    """Forbid this process to use the socket, even if it runs as root."""
    me = os.geteuid()
    path.chmod(0o600 if me == 0 else 0)
    os.seteuid(me or 65534)
    try:
        yield
    finally:
        os.seteuid(me)


def failure(settings: Settings, call: Callable[[Settings], object] = container.find) -> str:
    with pytest.raises(ServerError) as caught:
        call(settings)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


@unix_only
def test_reports_that_docker_is_not_installed(settings: Settings, path: Path) -> None:
    assert failure(settings) == ABSENT.format(socket=path)
    assert docker_state() == "not installed"


@unix_only
def test_reports_that_the_engine_is_not_running(settings: Settings, path: Path) -> None:
    leave_a_socket(path)
    assert failure(settings) == DOWN.format(socket=path)
    assert docker_state() == "installed, but the engine doesn't respond"


@unix_only
def test_distinguishes_a_stopped_engine_from_a_missing_docker(
    settings: Settings, path: Path
) -> None:
    path.with_name("docker").touch(mode=0o755)
    assert failure(settings) == DOWN.format(socket=path)


@unix_only
def test_reports_missing_permissions(settings: Settings, path: Path) -> None:
    leave_a_socket(path)
    docker_state()  # imports modules that the other user may not be able to read
    with shut_out(path):
        state, message = docker_state(), failure(settings)
    assert message == FORBIDDEN.format(socket=path)
    assert state == "no permission to use it"


@unix_only
def test_stop_reports_the_same(settings: Settings, path: Path) -> None:
    assert failure(settings, container.stop) == ABSENT.format(socket=path)


@unix_only
def test_doctor_gives_up_on_an_engine_that_hangs(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts = []
    client = docker_module._client
    monkeypatch.setattr(
        docker_module, "_client", lambda **o: timeouts.append(o["timeout"]) or client(**o)
    )
    with closing(socket.socket(socket.AF_UNIX)) as silent:
        silent.bind(str(path))
        silent.listen()
        assert docker_state() == "installed, but the engine doesn't respond"
    assert timeouts == [2]  # seconds; Docker's own default is a minute


def test_hides_the_user_and_password_in_dockers_url(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://ada:s3cret@127.0.0.1:9")
    assert "but nothing responds at tcp://127.0.0.1:9. Start" in failure(settings)


def test_importing_it_loads_nothing_of_docker() -> None:
    code = "import sys, coursekit.servers.container; print(*sys.modules, sep='\\n')"
    loaded = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split()
    assert {"docker", "testcontainers", "requests"}.isdisjoint(loaded)


# With a real engine


@pytest.fixture
def docker() -> Iterator[Any]:
    from docker import from_env

    with closing(from_env()) as client:
        yield client


@pytest.fixture
def ours(settings: Settings) -> Iterator[Settings]:
    """Settings whose container is removed after the test."""
    yield settings
    container.stop(settings)


@pytest.fixture
def image_that_runs(docker: Any) -> Iterator[Callable[[str], str]]:
    """Build an image like the default one, but with a script in PostgreSQL's place."""
    made = []

    def make(script: str) -> str:
        box = docker.containers.create(os.environ.get("TUTORIAL_POSTGRES_IMAGE", container.IMAGE))
        name = f"tutorial-test-{box.short_id}"
        made.append(box.commit(name, conf={"Entrypoint": ["sh", "-c", script]}))
        box.remove(v=True)
        return name

    yield make
    for image in made:
        docker.images.remove(image.id, force=True)


def boxes(docker: Any, settings: Settings) -> list[Any]:
    """Return the kit's containers for these settings, by name instead of by label."""
    name = f"{APP}-{short_hash(str(settings.server_home))}"
    return [box for box in docker.containers.list(all=True) if box.name == name]


def found(server: Server | None) -> Server:
    assert server is not None
    return server


def finder(settings: Settings, **more: str) -> subprocess.Popen[str]:
    """Start another process that finds the server and prints its host and port."""
    code = (
        "from coursekit.settings import read_settings\n"
        "from coursekit.servers import container\n"
        "print(container.find(read_settings()).netloc)"
    )
    env = {**os.environ, "TUTORIAL_SERVER_HOME": str(settings.server_home), **more}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.Popen(command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE)


def output(process: subprocess.Popen[str]) -> str:
    text, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    return text.strip()


@needs_engine
def test_starts_a_postgresql_that_responds(ours: Settings) -> None:
    server = found(container.find(ours))
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_database()")
        assert cursor.fetchone() == ("learner", "tutorial")
        cursor.execute("CREATE DATABASE another")
    assert server.origin == "container"
    assert server.why == "TUTORIAL_POSTGRES=container asks for it."


@needs_engine
@pytest.mark.parametrize("disabled", ["false", "true"])
def test_a_second_process_uses_the_first_ones_container_reaper_or_not(
    ours: Settings, docker: Any, disabled: str
) -> None:
    environment = {"TESTCONTAINERS_RYUK_DISABLED": disabled}
    place = output(finder(ours, **environment))  # that process has ended by now
    assert found(container.find(ours)).netloc == place == output(finder(ours, **environment))
    assert len(boxes(docker, ours)) == 1
    assert not [box.name for box in docker.containers.list(all=True) if "ryuk" in box.name]


@needs_engine
def test_two_processes_at_once_get_one_container(ours: Settings, docker: Any) -> None:
    first, second = finder(ours), finder(ours)
    assert output(first) == output(second)
    assert len(boxes(docker, ours)) == 1


@needs_engine
def test_listens_on_this_machine_only(ours: Settings, docker: Any) -> None:
    port = found(container.find(ours)).url.port
    network = boxes(docker, ours)[0].attrs["NetworkSettings"]
    assert network["Ports"] == {"5432/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
    outside = network["Networks"]["bridge"]["Gateway"]  # another address of this machine
    with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
        socket.create_connection((outside, port), timeout=2)


@needs_engine
def test_no_reaper_knows_the_container(ours: Settings, docker: Any) -> None:
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.labels import LABEL_SESSION_ID, SESSION_ID

    container.find(ours)
    assert boxes(docker, ours)[0].labels[LABEL_SESSION_ID] == APP != SESSION_ID
    assert not testcontainers_config.ryuk_disabled  # for other containers of this process


@needs_engine
def test_finds_without_starting(ours: Settings, docker: Any) -> None:
    assert container.find(ours, start=False) is None
    started = container.find(ours)
    assert container.find(ours, start=False) == started
    boxes(docker, ours)[0].stop()
    assert container.find(ours, start=False) is None


@needs_engine
def test_a_stopped_container_starts_again_with_its_data(ours: Settings, docker: Any) -> None:
    with admin(found(container.find(ours)).url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE kept")
    boxes(docker, ours)[0].stop()
    with admin(found(container.find(ours)).url.set(database="kept")) as connection:
        assert connection.info.dbname == "kept"


@needs_engine
def test_a_paused_container_resumes(ours: Settings, docker: Any) -> None:
    server = container.find(ours)
    boxes(docker, ours)[0].pause()
    assert container.find(ours) == server


@needs_engine
def test_stop_leaves_nothing(ours: Settings, docker: Any) -> None:
    container.find(ours)
    volumes = {mount["Name"] for mount in boxes(docker, ours)[0].attrs["Mounts"]}
    assert container.stop(ours) is True
    assert boxes(docker, ours) == []
    assert volumes.isdisjoint(volume.name for volume in docker.volumes.list())
    assert container.stop(ours) is False


@needs_engine
def test_shows_its_password_nowhere(ours: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = found(container.find(ours))
    password = str(server.url.password)
    assert len(password) == 32
    assert password not in f"{server!r} {server} {server.url} {caplog.text}"
    assert caplog.text
    kept = [path for path in ours.data.rglob("*") if path.is_file()]
    assert not any(password in path.read_text() for path in kept)


@needs_engine
def test_libpq_variables_are_ignored(ours: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "require")
    assert container.find(ours)


@needs_engine
def test_reports_an_image_that_cannot_be_pulled(ours: Settings, docker: Any) -> None:
    what, _, rest = failure(replace(ours, image="localhost:1/none:1")).partition(" It reports: ")
    said, _, do = rest.partition(". Check ")
    assert what == "Docker has no image localhost:1/none:1 and can't pull it."
    assert "refused" in said
    assert do == (
        "the network and try `docker pull localhost:1/none:1`, set TUTORIAL_POSTGRES_IMAGE to an "
        f"image that you have, {EMBEDDED}"
    )
    assert boxes(docker, ours) == []


@needs_engine
def test_shows_the_log_of_a_container_that_stops_at_once(
    ours: Settings, docker: Any, image_that_runs: Callable[[str], str]
) -> None:
    image = image_that_runs("echo one; echo two $POSTGRES_PASSWORD; exit 1")
    assert failure(replace(ours, image=image)) == (
        f"The container of the image {image} stopped right after its start. Its log ends "
        "with: one | two ***. Check that TUTORIAL_POSTGRES_IMAGE names a PostgreSQL image "
        "and that Docker runs on this machine; `python3 start.py db stop` removes a broken "
        f"container and its data; {EMBEDDED}"
    )
    assert boxes(docker, ours) == []


@needs_engine
def test_gives_up_on_a_container_that_never_responds(
    ours: Settings,
    docker: Any,
    image_that_runs: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = image_that_runs("exec sleep 600")
    monkeypatch.setattr(container, "START_TIMEOUT", 2.0)
    message = failure(replace(ours, image=image))
    assert message.startswith(f"The container of the image {image} didn't respond at 127.0.0.1:")
    assert " within 2 seconds. Its log is empty. Check that" in message
    assert boxes(docker, ours) == []


@needs_engine
def test_reports_dockers_message(ours: Settings, docker: Any) -> None:
    image = os.environ.get("TUTORIAL_POSTGRES_IMAGE", container.IMAGE)
    name = f"{APP}-{short_hash(str(ours.server_home))}"
    foreign = docker.containers.create(image, name=name)  # without the kit's label
    try:
        message = failure(replace(ours, image=image))
    finally:
        foreign.remove(v=True)
    assert message.startswith("Docker can't run the container. It reports: Conflict. ")
    assert message.endswith(f"Fix that and try again, {EMBEDDED}")


@needs_engine
def test_doctor_shows_the_engines_version(docker: Any) -> None:
    assert docker_state() == f"running, engine {docker.version()['Version']}"
