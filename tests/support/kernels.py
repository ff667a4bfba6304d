"""For tests: kernels of both kinds, what a cell prints, and owners in processes of their own."""

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

# The name of each kind's provisioner.
KINDS = {"default": "local-provisioner", "forked": "fork"}
PATIENCE = 20  # seconds


@contextmanager
def kernels_are(kind: str) -> Iterator[None]:
    """Inside, whatever starts a kernel in this process starts one of this kind."""
    factory = KernelProvisionerFactory.instance()
    before, factory.default_provisioner_name = factory.default_provisioner_name, KINDS[kind]
    try:
        yield
    finally:
        factory.default_provisioner_name = before


class Kernel:
    """A kernel and a client, ended with the `with` block. `kind` is what has started."""

    def __init__(self, kind: str, **options: Any) -> None:
        with kernels_are(kind):
            self.manager, self.client = start_new_kernel(PATIENCE, **options)

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
        """All that a cell prints, shows and raises; what it reads from is the answer."""
        told: list[str] = []
        self.client.execute_interactive(
            code,
            timeout=PATIENCE,
            allow_stdin=answer is not None,
            stdin_hook=lambda message: self.client.input(answer),
            output_hook=lambda message: told.append(text_of(message["content"])),
        )
        return "".join(told)

    def value(self, expression: str) -> Any:
        """The value of an expression, as JSON carries it."""
        return json.loads(self.run(f"import json; print(json.dumps({expression}))"))

    def interrupt(self, code: str, **options: Any) -> str:
        """Interrupt a cell once it has printed something; the name of the error that it raises."""
        request = self.client.execute(code, stop_on_error=False, **options)
        until(lambda: self._heard("stream", "input_request"))
        self.manager.interrupt_kernel()
        while True:
            reply = self.client.get_shell_msg(timeout=PATIENCE)
            if reply["parent_header"].get("msg_id") == request:
                return str(reply["content"].get("ename"))

    def _heard(self, *kinds: str) -> bool:
        try:
            if self.client.stdin_channel.msg_ready():
                return self.client.get_stdin_msg()["msg_type"] in kinds
            return self.client.get_iopub_msg(timeout=0.05)["msg_type"] in kinds
        except Empty:
            return False

    def die(self, code: str) -> int:
        """Run what ends the kernel; the exit code that the provisioner tells."""
        self.client.execute(code)
        until(lambda: self.poll() is not None)
        return int(self.poll() or 0)

    def poll(self) -> int | None:
        code: int | None = asyncio.run(self.manager.provisioner.poll())
        return code


def text_of(content: dict[str, Any]) -> str:
    """What is to be read in the content of a message."""
    shown = content.get("data", {}).get("text/plain", "")
    return str(content.get("text") or shown or "\n".join(content.get("traceback", ())))


def until(true: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait until something is so; fail when it is not in time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not buried does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def shell(**more: str) -> dict[str, str]:
    """The environment of a process that has no warm process yet, and is to have a small one."""
    ours = {"FORK_SERVER_SOCKET", "FORK_SERVER_MODULES", "JPY_PARENT_PID", "COVERAGE_PROCESS_START"}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return {**inherited, "JUPYTER_DEFAULT_PROVISIONER_NAME": "fork", **more}


@contextmanager
def script(code: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that runs this code, its streams as pipes; killed at the end."""
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
