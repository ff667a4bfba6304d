"""Find out which Python a notebook's kernel runs on, and whether it can be forked."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from coursekit.course.jupyter_environment import FORKED_KERNELS
from coursekit.kernel import fork_server
from coursekit.kernel.process import ForkUnavailable
from coursekit.settings import default_kernels


def kernel_start() -> str:
    """Try the fork server and return, for the doctor, how kernels start on this machine."""
    if default_kernels():
        return "the default way, as TUTORIAL_KERNEL=default asks"
    before = dict(os.environ)
    os.environ.update({**FORKED_KERNELS, fork_server.WAIT: "1"})
    running = fork_server.SOCKET in os.environ
    try:
        fork_server.start()
        fork_server.run("time:tzset", [], environ=os.environ, folder=Path.cwd())
        return "forked by the fork server"
    except ForkUnavailable as reason:
        return f"the default way, because {reason}"
    finally:
        if not running:
            fork_server.stop()
        os.environ.clear()
        os.environ.update(before)


def kernel_interpreter() -> str:
    """Return the path of the Python that a notebook's kernel runs on."""
    from jupyter_client.kernelspec import KernelSpecManager

    argv = KernelSpecManager().get_kernel_spec("python3").argv
    return sys.executable if argv[0] in ("python", "python3") else argv[0]
