"""Kernels from the warm process, for whatever starts kernels by jupyter_client.

It is switched on by JUPYTER_DEFAULT_PROVISIONER_NAME=fork, for kernels whose specification
names no provisioner. Where a warm kernel would not be the same as the usual one, the usual
one starts.
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

KNOWN = {"env", "cwd", "stdin", "stdout", "stderr", "independent", "extra_arguments", "kernel_id"}
LAUNCHER = ["-m", "ipykernel_launcher"]
STARTUP_TIMEOUT = 2  # seconds in which a kernel has begun to listen


class ForkProvisioner(LocalProvisioner):
    """What LocalProvisioner does, except that the process is forked and not started."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel's process; it listens when this returns."""
        loop = asyncio.get_running_loop()
        try:
            # The warm process may have to import first; meanwhile the loop serves others.
            process = await loop.run_in_executor(None, _forked, cmd, kwargs)
        except ForkUnavailable as reason:
            self.log.info("The usual kernel starts, because %s", reason)
            return await super().launch_kernel(cmd, **kwargs)
        self.process: Any = process
        self.pid = self.pgid = process.pid
        self.cwd = kwargs.get("cwd", Path.cwd())
        return self.connection_info

    async def kill(self, restart: bool = False) -> None:
        """Kill the process, and wait until it has gone: whoever looks next need not wait."""
        process = self.process
        await super().kill(restart)
        if isinstance(process, Process):
            await process.ended()


def _forked(cmd: list[str], kwargs: dict[str, Any]) -> Process:
    if cmd[0] != sys.executable or cmd[1:3] != LAUNCHER:
        raise ForkUnavailable("it is not the IPython kernel of this interpreter")
    if kwargs.get("independent") or kwargs.keys() - KNOWN:
        raise ForkUnavailable("it was asked for in an unusual way")
    folder = Path(kwargs.get("cwd") or Path.cwd())
    if not folder.is_dir():
        raise ForkUnavailable("its working directory does not exist")
    fork_server.start()
    with ExitStack() as stack:
        process = fork_server.fork(
            f"{__name__}:serve",
            cmd[2:],
            streams=_streams(kwargs, stack),
            environ=kwargs.get("env") or os.environ,
            folder=folder,
            speaks=True,
        )
    # Its sockets are open, or it has ended, or hangs: whoever waits for it sees that.
    if process.has_news(STARTUP_TIMEOUT):
        process.listen()
    return process


def _streams(kwargs: dict[str, Any], stack: ExitStack) -> list[int]:
    """The descriptors that a usual kernel would get."""
    nothing = os.open(os.devnull, os.O_RDWR)
    stack.callback(os.close, nothing)
    usual = {"stdin": nothing, "stdout": 1, "stderr": 2}
    return [_stream(kwargs.get(name), usual[name], nothing) for name in usual]


def _stream(wanted: int | IO[Any] | None, usual: int, nothing: int) -> int:
    if wanted in (subprocess.PIPE, subprocess.STDOUT):
        raise ForkUnavailable("its output is asked for through a pipe")
    if wanted is None or wanted == subprocess.DEVNULL:
        return usual if wanted is None else nothing
    return wanted if isinstance(wanted, int) else wanted.fileno()


def serve(connection: socket.socket) -> None:
    """In the child: be the kernel that `python -m ipykernel_launcher` is."""
    import ipykernel_launcher
    from ipykernel.kernelapp import IPKernelApp

    sys.argv[0] = str(ipykernel_launcher.__file__)
    os.environ.setdefault("PYDEVD_USE_FRAME_EVAL", "NO")  # debugpy does, when it is imported
    application: Any = IPKernelApp.instance()
    application.initialize()
    connection.sendall(b'{"ready": true}\n')
    connection.close()
    application.start()
