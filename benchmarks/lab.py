"""Start JupyterLab as a learner does, and send it a browser's requests."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websocket import WebSocket, create_connection


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab.

    Attributes:
        pid: The process that was started for it.
        base: Its URL, without a slash at the end.
        token: Its access token.

    """

    pid: int
    base: str
    token: str

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send a request and return the response, or None if that's empty."""
        request = urllib.request.Request(
            f"{self.base}/api/{path}",
            None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}"},
            method=method,
        )
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read() or b"null")

    def answer(self, notebook: str, code: str) -> str:
        """Open a notebook, run a cell in its new kernel, and return the session's id.

        Raises:
            RuntimeError: The cell raises an exception.

        """
        kernel = {"name": "python3"}
        wanted = {"path": notebook, "name": notebook, "type": "notebook", "kernel": kernel}
        session = self.ask("POST", "sessions", wanted)
        where = f"{self.base.replace('http', 'ws', 1)}/api/kernels/{session['kernel']['id']}"
        socket = create_connection(f"{where}/channels?token={self.token}")
        _until_idle(socket, "kernel_info_request", {})  # as a browser does first
        _until_idle(socket, "execute_request", {"code": code, "silent": False})
        socket.close()
        return str(session["id"])

    def end(self, session: str) -> None:
        """End a session and its kernel."""
        self.ask("DELETE", f"sessions/{session}")


def _until_idle(socket: WebSocket, kind: str, content: dict[str, Any]) -> None:
    """Send a request to a kernel, and wait until it's finished."""
    number = uuid.uuid4().hex
    header = {"msg_id": number, "msg_type": kind, "session": number, "username": ""}
    message = {"header": {**header, "version": "5.4"}, "parent_header": {}, "metadata": {}}
    socket.send(json.dumps({**message, "content": content, "channel": "shell"}))
    while True:
        said = json.loads(socket.recv())
        if said["parent_header"].get("msg_id") != number:
            continue
        if said["msg_type"] == "error":
            raise RuntimeError(said["content"]["evalue"])
        if said["content"].get("execution_state") == "idle":
            return


@contextmanager
def lab(command: Sequence[str], folder: Path, **environ: str) -> Iterator[Lab]:
    """Start JupyterLab with a command, in a clone's folder; stop it at the end."""
    process = subprocess.Popen(
        [*command, "lab", "--no-browser"],
        cwd=folder,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        addresses = (re.search(r"http://\S+", line) for line in process.stdout)
        found = next((address for address in addresses if address), None)
        if found is None:
            raise RuntimeError("JupyterLab didn't start; its output is above.")
        base, _, rest = found.group().partition("/lab/tree/")
        yield Lab(process.pid, base, rest.partition("token=")[2])
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.wait()
