"""JupyterLab for learners: this interpreter, no news prompt, no call to the outside."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from coursekit.errors import ServerError
from coursekit.kernel import fork_server
from coursekit.kernel.process import ForkUnavailable
from coursekit.settings import read_settings

LAB_SETTINGS = Path(__file__).parent / "lab_settings"
USUAL_PORT = 8888
# Kernels come from a process that has imported what lessons use, and nothing of a learner's.
LOADED = (
    # Not matplotlib.pyplot: it looks for a notebook to draw in when it is imported.
    *("pandas", "matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.style"),
    *("sqlalchemy.orm", "sqlalchemy.dialects.postgresql.psycopg2"),
    *("alembic.config", "alembic.autogenerate", "alembic.ddl.postgresql", "mako.template"),
    *("pytest", "logging.config", "argon2", "passlib.context", "tutorial_lib.explorer"),
    *("coursekit.servers.embedded", "coursekit.course.opening", "coursekit.exercises.notebook_api"),
)
WARM = {"JUPYTER_DEFAULT_PROVISIONER_NAME": "fork", "FORK_SERVER_MODULES": ",".join(LOADED)}


def jupyter_environment(folder: Path) -> dict[str, str]:
    """Make `folder` for Jupyter's and IPython's own files; the variables that name it.

    A kernel that somebody registered in the user's home would otherwise win over the one
    of this environment, and the lessons would run on another Python.
    """
    profile = folder / "ipython" / "profile_default"
    profile.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Kernels warn of unencrypted TCP; theirs is 127.0.0.1, and their messages are signed.
    (profile / "ipython_kernel_config.py").write_text('c.IPKernelApp.log_level = "ERROR"\n')
    parts = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
    return {
        **{f"JUPYTER_{part}_DIR": str(folder / name) for part, name in parts.items()},
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLCONFIGDIR": str(folder / "matplotlib"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        **({} if default_kernels() else WARM),
    }


def default_kernels() -> bool:
    """Whether kernels that start in the usual way are asked for, by TUTORIAL_KERNEL=default."""
    return os.environ.get("TUTORIAL_KERNEL") == "default"


def kernel_start() -> str:
    """How a lesson's kernel starts on this machine, tried; in words."""
    if default_kernels():
        return "the usual way, as TUTORIAL_KERNEL=default asks"
    before = dict(os.environ)
    os.environ.update({**WARM, fork_server.WAIT: "1"})
    running = fork_server.SOCKET in os.environ
    try:
        fork_server.start()
        fork_server.run("time:tzset", [], environ=os.environ, folder=Path.cwd())
        return "forked from a warm process"
    except ForkUnavailable as reason:
        return f"the usual way, because {reason}"
    finally:
        if not running:
            fork_server.stop()
        os.environ.clear()
        os.environ.update(before)


def warm_up() -> None:
    """Let matplotlib list the fonts of this machine, which takes seconds, once.

    It would do so in the first lesson that draws, and say so on stderr.
    """
    os.environ["MPLCONFIGDIR"] = str(read_settings().data / "jupyter" / "matplotlib")
    import matplotlib.pyplot  # noqa: F401


def kernel_interpreter() -> str:
    """The Python that a notebook's kernel runs on; a path."""
    from jupyter_client.kernelspec import KernelSpecManager

    argv = KernelSpecManager().get_kernel_spec("python3").argv
    return sys.executable if argv[0] in ("python", "python3") else argv[0]


NBGRADER = ("formgrader", "validate_assignment", "assignment_list", "course_list")


def serve(
    root: Path,
    notebook: str,
    folder: Path,
    *,
    browser: bool,
    port: int | None,
    ready: Callable[[str], None],
) -> int:
    """Run JupyterLab on the folder `root` until it is stopped, and give its exit code.

    `ready` is called with the address, its token included, as soon as it answers.
    """
    port = _free(port) if port else _port()
    token = secrets.token_urlsafe(24)
    address = f"http://127.0.0.1:{port}/lab/tree/{notebook}?token={token}"
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *_options(root, notebook, port, browser)],
        env={**_environment(folder), "JUPYTER_TOKEN": token},
    )
    # Whoever ends this process means JupyterLab.
    signal.signal(signal.SIGTERM, lambda number, frame: server.terminate())
    threading.Thread(target=_announce, args=(server, address, ready), daemon=True).start()
    return wait(server)


def _options(root: Path, notebook: str, port: int, browser: bool) -> list[str]:
    options = [
        f"--ServerApp.root_dir={root}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.answer_yes=True",
        "--ServerApp.log_level=ERROR",
        "--LabApp.log_level=ERROR",
        f"--LabApp.app_settings_dir={LAB_SETTINGS}",
        f"--LabApp.default_url=/lab/tree/{notebook}",
        # Nothing is asked of the network: no news, no update check, no catalogue.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        # Where an instructor's nbgrader is installed, it would complain of having no course here.
        *(
            f"--ServerApp.jpserver_extensions=nbgrader.server_extensions.{n}=False"
            for n in NBGRADER
        ),
    ]
    if not browser:
        options.append("--no-browser")
    if not default_kernels():
        options.append("--ServerApp.jpserver_extensions=coursekit.kernel.lab_extension=True")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    return options


def _environment(folder: Path) -> dict[str, str]:
    """Put this environment's programs first on PATH, so that a terminal there finds alembic."""
    kept = {key: value for key, value in os.environ.items() if key != "JUPYTER_PATH"}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**kept, **jupyter_environment(folder), "PATH": path}


def _free(port: int) -> int:
    """The same port, if nobody listens on it."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise ServerError(
                f"Port {port} is taken.",
                "Another program listens there, perhaps another JupyterLab.",
                "Name another port, or none: then a free one is used.",
            )
    return port


def _port() -> int:
    """Jupyter's usual port, or a free one."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", USUAL_PORT))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _announce(server: subprocess.Popen[bytes], address: str, ready: Callable[[str], None]) -> None:
    # No proxy of the shell's stands between us and 127.0.0.1, and no token is needed to ask.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while server.poll() is None:
        try:
            direct.open(address.partition("/lab")[0] + "/api", timeout=5).close()
        except OSError:
            time.sleep(0.05)
            continue
        return ready(address)


def wait(process: subprocess.Popen[Any]) -> int:
    """Wait for a process's end; Ctrl-C reaches it as well, and it ends in its own way."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue
