"""Start a kernel, of whatever kind, and know as soon as it is ready."""

from __future__ import annotations

import time
from queue import Empty
from typing import Any

POLL_INTERVAL = 0.1  # seconds after which the kernel is asked once more


def start_new_kernel(
    startup_timeout: float = 60, kernel_name: str = "python3", **options: Any
) -> tuple[Any, Any]:
    """A kernel's manager and a blocking client, as jupyter_client.manager.start_new_kernel."""
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name=kernel_name)
    manager.start_kernel(**options)
    client = manager.client()
    client.start_channels()
    try:
        wait_for_ready(client, startup_timeout)
    except RuntimeError:
        client.stop_channels()
        manager.shutdown_kernel()
        raise
    return manager, client


def wait_for_ready(client: Any, timeout: float = 60) -> None:
    """Wait until a kernel answers and its outputs arrive; nothing is left unread.

    client  a BlockingKernelClient whose channels are started

    jupyter_client's own waits until iopub has been silent for 0.2 seconds; this one waits
    for the end of a request that it has made. Raises RuntimeError when the kernel has died,
    or has not answered after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    asked: list[str] = []
    heard = ""
    while heard not in asked:
        if not client.is_alive():
            raise RuntimeError("Kernel died before replying to kernel_info")
        if time.monotonic() > deadline:
            raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")
        asked.append(client.kernel_info())
        heard = _idle(client, asked, POLL_INTERVAL)
    # Outputs arrive from now on; so will the last of what was asked.
    while heard != asked[-1]:
        heard = _idle(client, asked[-1:], deadline - time.monotonic())
    while client.get_shell_msg(timeout=timeout)["parent_header"].get("msg_id") != asked[-1]:
        pass


def _idle(client: Any, asked: list[str], seconds: float) -> str:
    """The request among these that the kernel has done with; empty when time is up."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        try:
            message = client.get_iopub_msg(timeout=left)
        except Empty:
            return ""
        request = str(message["parent_header"].get("msg_id"))
        if request in asked and message["content"].get("execution_state") == "idle":
            return request
    return ""
