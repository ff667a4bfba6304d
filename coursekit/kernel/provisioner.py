"""Fork kernels from the fork server, for every program that starts kernels with jupyter_client.

Turn it on with JUPYTER_DEFAULT_PROVISIONER_NAME=fork. It applies to kernels whose kernelspec names
no provisioner. If a forked kernel would differ from the default one, the default one starts.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from coursekit.kernel import fork_server
from coursekit.kernel.process import ForkUnavailable, Process

SUPPORTED_OPTIONS = {
    "env",
    "cwd",
    "stdin",
    "stdout",
    "stderr",
    "independent",
    "extra_arguments",
    "kernel_id",
}
LAUNCHER = ["-m", "ipykernel_launcher"]
LISTEN_TIMEOUT = 2  # seconds to wait until a forked kernel listens; then the caller waits


class ForkProvisioner(LocalProvisioner):
    """LocalProvisioner, except that it forks the kernel's process from the fork server."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel's process, and return once it listens."""
        loop = asyncio.get_running_loop()
        try:
            # In a thread: the fork server may still be importing, and the event loop must go on.
            process = await loop.run_in_executor(None, _fork_kernel, cmd, kwargs)
        except ForkUnavailable as reason:
            self.log.info("The default kernel starts, because %s", reason)
            return await super().launch_kernel(cmd, **kwargs)
        self.process: Any = process
        self.pid = self.pgid = process.pid
        self.cwd = kwargs.get("cwd", Path.cwd())
        return self.connection_info

    async def kill(self, restart: bool = False) -> None:
        """Kill the process and wait for its end, so that the next check sees it ended."""
        process = self.process
        await super().kill(restart)
        if isinstance(process, Process):
            await process.wait_async()


def _fork_kernel(cmd: list[str], kwargs: dict[str, Any]) -> Process:
    if cmd[0] != sys.executable or cmd[1:3] != LAUNCHER:
        raise ForkUnavailable("it isn't this interpreter's IPython kernel")
    if kwargs.get("independent") or kwargs.keys() - SUPPORTED_OPTIONS:
        raise ForkUnavailable("it was requested with unsupported options")
    folder = Path(kwargs.get("cwd") or Path.cwd())
    if not folder.is_dir():
        raise ForkUnavailable("its working directory doesn't exist")
    fork_server.start()
    with ExitStack() as stack:
        process = fork_server.fork(
            f"{__name__}:serve",
            cmd[2:],
            streams=_streams(kwargs, stack),
            environ=kwargs.get("env") or os.environ,
            folder=folder,
            keep_connection=True,
        )
    # Now its sockets are open. If not, it has ended or hangs, and the client reports that.
    if process.has_message(LISTEN_TIMEOUT):
        process.receive()
    return process


def _streams(kwargs: dict[str, Any], stack: ExitStack) -> list[int]:
    """Return the descriptors that a default kernel would get."""
    null = os.open(os.devnull, os.O_RDWR)
    stack.callback(os.close, null)
    inherited = {"stdin": null, "stdout": 1, "stderr": 2}
    return [_stream(kwargs.get(name), inherited[name], null) for name in inherited]


def _stream(wanted: int | IO[Any] | None, inherited: int, null: int) -> int:
    if wanted in (subprocess.PIPE, subprocess.STDOUT):
        raise ForkUnavailable("its output goes into a pipe")
    if wanted is None or wanted == subprocess.DEVNULL:
        return inherited if wanted is None else null
    return wanted if isinstance(wanted, int) else wanted.fileno()


def serve(connection: socket.socket) -> None:
    """Run the kernel in the forked child, as `python -m ipykernel_launcher` does."""
    import ipykernel_launcher
    from ipykernel.kernelapp import IPKernelApp

    sys.argv[0] = str(ipykernel_launcher.__file__)
    os.environ.setdefault("PYDEVD_USE_FRAME_EVAL", "NO")  # as debugpy does when it's imported
    application: Any = IPKernelApp.instance()
    application.initialize()
    connection.sendall(b'{"ready": true}\n')
    connection.close()
    application.start()
