"""A JupyterLab as a learner opens it, and what a browser would ask of it."""

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
    """A JupyterLab that answers.

    pid    the process that was started for it
    base   its address, without a slash at the end
    token  what it wants to be shown
    """

    pid: int
    base: str
    token: str

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One request, and its answer; None when that is empty."""
        request = urllib.request.Request(
            f"{self.base}/api/{path}",
            None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}"},
            method=method,
        )
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read() or b"null")

    def answer(self, notebook: str, code: str) -> str:
        """Open a notebook, and run a cell in its new kernel to the end; the session's number.

        Raises RuntimeError when the cell does.
        """
        kernel = {"name": "python3"}
        wanted = {"path": notebook, "name": notebook, "type": "notebook", "kernel": kernel}
        session = self.ask("POST", "sessions", wanted)
        where = f"{self.base.replace('http', 'ws', 1)}/api/kernels/{session['kernel']['id']}"
        socket = create_connection(f"{where}/channels?token={self.token}")
        _until_idle(socket, "kernel_info_request", {})  # a browser asks who it is, first
        _until_idle(socket, "execute_request", {"code": code, "silent": False})
        socket.close()
        return str(session["id"])

    def end(self, session: str) -> None:
        """End a session and its kernel."""
        self.ask("DELETE", f"sessions/{session}")


def _until_idle(socket: WebSocket, kind: str, content: dict[str, Any]) -> None:
    """Send a request to a kernel, and wait until it has done with it."""
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
    """JupyterLab, from the command that opens it, in the folder of a clone; ended at the end."""
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
            raise RuntimeError("JupyterLab has not started; what it said stands above.")
        base, _, rest = found.group().partition("/lab/tree/")
        yield Lab(process.pid, base, rest.partition("token=")[2])
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.wait()
