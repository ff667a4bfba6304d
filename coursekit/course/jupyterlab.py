"""Serve JupyterLab to a learner, on this interpreter and this machine only.

What never changes is in `jupyter_config/`, which installation copies to the environment's
`etc/jupyter` and `share/jupyter`: there every Jupyter program of this environment reads it,
JupyterHub's too. The command line below has only what's computed.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from coursekit.course.child_process import wait_for_child
from coursekit.course.jupyter_environment import jupyter_environment
from coursekit.errors import ServerError
from coursekit.servers import ports
from coursekit.settings import default_kernels

DEFAULT_PORT = 8888  # Jupyter's own
POLL_INTERVAL = 0.05


def serve(
    root: Path,
    notebook: str,
    folder: Path,
    *,
    browser: bool,
    port: int | None,
    ready: Callable[[str], None],
) -> int:
    """Run JupyterLab until it's stopped, and return its exit code.

    Args:
        root: The folder whose files it shows.
        notebook: The notebook to open first, relative to `root`.
        folder: Where Jupyter keeps its own files.
        browser: Open a browser.
        port: The port, or None for 8888 or a free one.
        ready: Called with the URL, including its token, as soon as JupyterLab responds.

    Raises:
        ServerError: Another program listens on `port`.

    """
    port = _port(port)
    projects = root / "projects"
    projects.mkdir(exist_ok=True)
    token = secrets.token_urlsafe(24)
    url = f"http://127.0.0.1:{port}/lab/tree/{notebook}?token={token}"
    server = subprocess.Popen(
        # -P: a learner's file in the working directory mustn't shadow a module.
        [sys.executable, "-P", "-m", "jupyterlab", *_options(root, notebook, port, browser)],
        cwd=projects,  # where File > New > Terminal opens
        env={**_environment(folder), "JUPYTER_TOKEN": token},
    )
    # Terminating this process terminates JupyterLab.
    signal.signal(signal.SIGTERM, lambda number, frame: server.terminate())
    threading.Thread(target=_call_when_ready, args=(server, url, ready), daemon=True).start()
    return wait_for_child(server)


def _options(root: Path, notebook: str, port: int, browser: bool) -> list[str]:
    options = [
        f"--ServerApp.root_dir={root}",
        f"--ServerApp.port={port}",
        f"--LabApp.default_url=/lab/tree/{notebook}",
        *_terminal_options(),
    ]
    if not browser:
        options.append("--no-browser")
    if not default_kernels():
        options.append("--ServerApp.jpserver_extensions=coursekit.kernel.lab_extension=True")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    return options


def _terminal_options() -> list[str]:
    """Return the option that keeps this environment's programs on a terminal's PATH.

    If JupyterLab isn't started from a terminal, it opens login shells, and /etc/profile resets
    PATH. It doesn't if it's told which shell to run.
    """
    if os.name == "nt":
        return []
    shell = shlex.quote(os.environ.get("SHELL") or shutil.which("bash") or "sh")
    return [f"--ServerApp.terminado_settings=shell_command={shell}"]


def _environment(folder: Path) -> dict[str, str]:
    """Return JupyterLab's environment, in whose terminals this environment's programs come first.

    JUPYTER_PATH is left out: it could add kernels of another Python.
    """
    kept = {key: value for key, value in os.environ.items() if key != "JUPYTER_PATH"}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**kept, **jupyter_environment(folder), "PATH": path}


def _port(wanted: int | None) -> int:
    """Return the port that was asked for, or else Jupyter's default port or a free one."""
    if wanted and not ports.is_free(wanted):
        raise ServerError(
            f"Port {wanted} is in use.",
            "Another program is listening on it, perhaps another JupyterLab.",
            "Choose another port, or leave out --port to use a free one.",
        )
    return wanted or (DEFAULT_PORT if ports.is_free(DEFAULT_PORT) else ports.free_port())


def _call_when_ready(
    server: subprocess.Popen[bytes], url: str, ready: Callable[[str], None]
) -> None:
    # The shell's proxy isn't for 127.0.0.1, and /api needs no token.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while server.poll() is None:
        try:
            direct.open(url.partition("/lab")[0] + "/api", timeout=5).close()
        except OSError:
            time.sleep(POLL_INTERVAL)
            continue
        return ready(url)
