"""JupyterLab as `tutorial lab` serves it; the real one, on a port of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from websocket import create_connection

from coursekit.course.jupyter_environment import jupyter_environment
from coursekit.course.kernel_probe import kernel_interpreter
from coursekit.settings import ROOT

SETTINGS = ROOT / "coursekit" / "course" / "jupyter_config"
TIMEOUT = 300  # seconds that nothing here takes, on any machine


@dataclass
class Lab:
    """A JupyterLab that runs, and what it has printed until it was ready."""

    process: subprocess.Popen[str]
    said: str
    workspace: Path
    forked: list[psutil.Process] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The address that it printed, token included."""
        return re.findall(r"http://\S+", self.said)[-1]

    def get(self, path: str, post: str | None = None) -> str:
        """What it answers to a request; with `post`, to one that sends this text."""
        base, _, token = self.address.partition("?token=")
        url = f"{base.split('/lab')[0]}{path}?token={token}"
        sent = None if post is None else post.encode()
        with urllib.request.urlopen(url, sent, timeout=TIMEOUT) as answer:
            return str(answer.read().decode())

    @property
    def config(self) -> dict[str, Any]:
        """The settings in the page that a browser loads."""
        page = self.get("/lab")
        found = re.findall(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.S)
        return dict(json.loads(found[0]))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for this file."""
    workspace = tmp_path_factory.mktemp("lab") / "workspace"
    alone = {key: value for key, value in os.environ.items() if key != "FORK_SERVER_SOCKET"}
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("tutorial")), "lab", "--no-browser"],
        env={**alone, "TUTORIAL_WORKSPACE": str(workspace), "JUPYTER_PATH": "/elsewhere"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = ""
    while "press Ctrl-C" not in said and process.poll() is None:
        said += (process.stdout.readline() if process.stdout else "") or ""
    yield Lab(process, said, workspace)
    if process.poll() is None:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C: it reaches the command and JupyterLab at the same time."""
    for one in (psutil.Process(process.pid), *psutil.Process(process.pid).children()):
        one.send_signal(signal.SIGINT)
    process.communicate(timeout=TIMEOUT)


def test_it_prints_the_server_the_folder_and_the_address(lab: Lab) -> None:
    server, folder, ready, end = lab.said.splitlines()
    assert re.fullmatch(r"PostgreSQL 18\.\d+ is running at 127\.0\.0\.1:\d+\. .*", server)
    assert folder == f"Your notebooks are in {lab.workspace / 'notebooks'}"
    assert "/lab/tree/notebooks/00_start_here.ipynb?token=" in ready
    assert end == "To stop it, press Ctrl-C here."


def test_it_serves_the_learners_copies(lab: Lab) -> None:
    contents = json.loads(lab.get("/api/contents/notebooks"))
    names = sorted(item["name"] for item in contents["content"])
    assert names[:2] == ["00_start_here.ipynb", "01_connect.ipynb"]


def test_its_settings_are_installed_with_the_package() -> None:
    files = list(SETTINGS.rglob("*.json"))
    assert len(files) == 3
    for path in files:
        installed = Path(sys.prefix) / path.relative_to(SETTINGS)
        assert installed.read_text() == path.read_text(), f"install again: {installed} differs"


def test_the_command_line_has_only_what_is_computed(lab: Lab) -> None:
    (command,) = [
        process.cmdline()
        for process in psutil.Process(lab.process.pid).children()
        if "jupyterlab" in process.cmdline()
    ]
    options = [re.split("=", word)[0] for word in command if word.startswith("--")]
    assert set(options) <= {
        *("--ServerApp.root_dir", "--ServerApp.port", "--ServerApp.jpserver_extensions"),
        *("--LabApp.default_url", "--no-browser", "--allow-root"),
        "--ServerApp.terminado_settings",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are a Unix shell's")
def test_a_terminal_opens_among_the_projects_and_finds_alembic(lab: Lab) -> None:
    """Also in a login shell's place: this JupyterLab wasn't started from a terminal."""
    printed = _typed(lab, "pwd; command -v alembic; echo en''ded", until="ended")
    assert f"{(lab.workspace / 'projects').resolve()}\n" in printed
    assert f"{Path(sys.executable).with_name('alembic')}\n" in printed


def _typed(lab: Lab, line: str, until: str) -> str:
    """Type a line into a new terminal, and return what it shows up to a word."""
    name = json.loads(lab.get("/api/terminals", post="{}"))["name"]
    base, _, token = lab.address.partition("?token=")
    url = f"{base.split('/lab')[0].replace('http', 'ws')}/terminals/websocket/{name}?token={token}"
    shown = ""
    with closing(create_connection(url, timeout=TIMEOUT)) as terminal:
        terminal.send(json.dumps(["stdin", f"{line}\r"]))
        while until not in shown:
            kind, *texts = json.loads(terminal.recv())
            shown += "".join(texts) if kind == "stdout" else ""
    return shown.replace("\r", "")


def test_it_listens_on_this_machine_only(lab: Lab) -> None:
    server = psutil.Process(lab.process.pid).children()[0]
    listening = [one for one in server.net_connections("tcp") if one.status == "LISTEN"]
    assert {one.laddr.ip for one in listening} == {"127.0.0.1"}


def test_it_asks_nothing_of_the_network(lab: Lab) -> None:
    config = lab.config
    assert config["news"] == {"disabled": True}
    settings = json.loads(lab.get("/lab/api/settings"))["settings"]
    news = next(s for s in settings if s["id"] == "@jupyterlab/apputils-extension:notification")
    assert news["schema"]["properties"]["fetchNews"]["default"] == "false"
    assert news["schema"]["properties"]["checkForUpdates"]["default"] is False
    assert json.loads(lab.get("/lab/api/update"))["notification"] is None
    assert config["extensionManager"]["can_install"] is False


def test_it_does_not_ask_whether_to_show_news(lab: Lab) -> None:
    assert "@jupyterlab/apputils-extension:announcements" in lab.config["disabledExtensions"]


def test_an_instructors_nbgrader_stays_out(lab: Lab) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        lab.get("/formgrader")
    caught.value.close()


def test_requests_without_a_token_are_refused(lab: Lab) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403") as caught:
        urllib.request.urlopen(lab.address.split("/lab")[0] + "/api/contents", timeout=TIMEOUT)
    caught.value.close()


def test_its_kernels_run_on_this_python(lab: Lab) -> None:
    specs = json.loads(lab.get("/api/kernelspecs"))["kernelspecs"]
    assert list(specs) == ["python3"]
    assert "python" in Path(specs["python3"]["spec"]["argv"][0]).name


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")
def test_its_kernels_are_forked_from_a_process_that_ends_with_it(lab: Lab) -> None:
    kernel = json.loads(lab.get("/api/kernels", post='{"name": "python3"}'))["id"]
    below = psutil.Process(lab.process.pid).children(recursive=True)
    (warm, forked) = [p for p in below if "coursekit.kernel.zygote" in " ".join(p.cmdline())]
    assert forked.ppid() == warm.pid
    lab.get(f"/api/kernels/{kernel}/restart", post="{}")
    assert not forked.is_running()
    (restarted,) = warm.children()
    lab.forked = [warm, restarted]


def test_a_kernel_registered_in_the_users_home_does_not_win(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / ".local" / "share" / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text('{"argv": ["/elsewhere/python"], "display_name": "x"}')
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in jupyter_environment(tmp_path / "kit").items():
        monkeypatch.setenv(name, value)
    assert Path(kernel_interpreter()) == Path(sys.executable)


def test_ending_the_command_ends_it(lab: Lab) -> None:
    second = subprocess.Popen(
        [str(Path(sys.executable).with_name("tutorial")), "lab", "--no-browser"],
        env={**os.environ, "TUTORIAL_WORKSPACE": str(lab.workspace)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert second.stdout is not None
    while (line := second.stdout.readline()) and "press Ctrl-C" not in line:
        pass
    children = psutil.Process(second.pid).children()
    second.terminate()
    second.communicate(timeout=TIMEOUT)
    assert [child for child in children if child.is_running()] == []


def test_ctrl_c_ends_it_and_leaves_postgresql_running(lab: Lab) -> None:
    port = re.findall(r"127\.0\.0\.1:(\d+)\.", lab.said)[0]
    _end(lab.process)
    assert lab.process.returncode == 0
    assert psutil.wait_procs(lab.forked, timeout=TIMEOUT)[1] == []
    left = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    assert not [line for line in left if "jupyterlab" in line and str(lab.workspace) in line]
    code = "from coursekit import servers; print(servers.running().url.port)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == port
