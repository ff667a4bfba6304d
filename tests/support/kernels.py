"""For tests: kernels of both kinds, a cell's output, and owners in other processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.provisioning import KernelProvisionerFactory

from coursekit.kernel.client import start_new_kernel

# Each kind's provisioner.
KINDS = {"default": "local-provisioner", "forked": "fork"}
TIMEOUT = 600  # seconds; only a hang takes that long


@contextmanager
def kernels_are(kind: str) -> Iterator[None]:
    """Start all kernels of this process as this kind, inside the block."""
    factory = KernelProvisionerFactory.instance()
    before, factory.default_provisioner_name = factory.default_provisioner_name, KINDS[kind]
    try:
        yield
    finally:
        factory.default_provisioner_name = before


class Kernel:
    """A kernel and a client, which end with the `with` block."""

    def __init__(self, kind: str, **options: Any) -> None:
        with kernels_are(kind):
            self.manager, self.client = start_new_kernel(TIMEOUT, **options)

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *error: object) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    @property
    def process(self) -> Any:
        return self.manager.provisioner.process

    @property
    def kind(self) -> str:
        return "default" if isinstance(self.process, subprocess.Popen) else "forked"

    def run(self, code: str, answer: str | None = None) -> str:
        """Run a cell and return its output; `answer` is what input() returns."""
        output: list[str] = []
        self.client.execute_interactive(
            code,
            timeout=TIMEOUT,
            allow_stdin=answer is not None,
            stdin_hook=lambda message: self.client.input(answer),
            output_hook=lambda message: output.append(text_of(message["content"])),
        )
        return "".join(output)

    def run_with_id(self, code: str, cell_id: str) -> tuple[dict[str, Any], str]:
        """Run a cell with its id, as JupyterLab does; return the reply and what the cell shows."""
        content = {"code": code, "silent": False, "allow_stdin": False, "stop_on_error": False}
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell_id})
        self.client.shell_channel.send(message)
        request, shown = message["header"]["msg_id"], ""
        while (said := self.client.get_iopub_msg(timeout=TIMEOUT)) is not None:
            if said["parent_header"].get("msg_id") == request:
                shown += text_of(said["content"])
                if said["content"].get("execution_state") == "idle":
                    break
        while (reply := self.client.get_shell_msg(timeout=TIMEOUT)) is not None:
            if reply["parent_header"].get("msg_id") == request:
                break
        return reply["content"], shown

    def value(self, expression: str) -> Any:
        """Evaluate an expression in the kernel and return its value, passed as JSON."""
        return json.loads(self.run(f"import json; print(json.dumps({expression}))"))

    def interrupt(self, code: str, **options: Any) -> str:
        """Interrupt a cell once it has printed something; return the name of its exception."""
        request = self.client.execute(code, stop_on_error=False, **options)
        until(lambda: self._has_received("stream", "input_request"))
        self.manager.interrupt_kernel()
        while True:
            reply = self.client.get_shell_msg(timeout=TIMEOUT)
            if reply["parent_header"].get("msg_id") == request:
                return str(reply["content"].get("ename"))

    def _has_received(self, *kinds: str) -> bool:
        try:
            if self.client.stdin_channel.msg_ready():
                return self.client.get_stdin_msg()["msg_type"] in kinds
            return self.client.get_iopub_msg(timeout=0.05)["msg_type"] in kinds
        except Empty:
            return False

    def die(self, code: str) -> int:
        """Run code that ends the kernel; return the exit code that the provisioner reports."""
        self.client.execute(code)
        until(lambda: self.poll() is not None)
        return int(self.poll() or 0)

    def poll(self) -> int | None:
        code: int | None = asyncio.run(self.manager.provisioner.poll())
        return code


def text_of(content: dict[str, Any]) -> str:
    """Return the text in a message's content."""
    shown = content.get("data", {}).get("text/plain", "")
    return str(content.get("text") or shown or "\n".join(content.get("traceback", ())))


def until(condition: Callable[[], Any]) -> None:
    """Wait until a condition is true; fail after the timeout."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"not within {TIMEOUT} seconds"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Return whether a process is running; a zombie isn't."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def shell(**more: str) -> dict[str, str]:
    """Return an environment without a fork server, in which a new one imports little."""
    ours = {"FORK_SERVER_SOCKET", "FORK_SERVER_MODULES", "JPY_PARENT_PID", "COVERAGE_PROCESS_START"}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return {**inherited, "JUPYTER_DEFAULT_PROVISIONER_NAME": "fork", **more}


@contextmanager
def script(code: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run code in another Python process, with pipes as its streams; kill it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=options.pop("env", None) or shell(),
        **options,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
