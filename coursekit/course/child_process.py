"""Wait for a program that shares this terminal."""

from __future__ import annotations

import subprocess
from typing import Any


def wait_for_child(process: subprocess.Popen[Any]) -> int:
    """Wait for a child process and return its exit code.

    The terminal sends Ctrl-C to the child, too, so keep waiting until it has shut down.
    start.py has the same loop: it must run before this package is installed.
    """
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue
