"""Start a kernel of any kind, and wait until it's ready."""

from __future__ import annotations

import time
from queue import Empty
from typing import Any

from coursekit import limits

POLL_INTERVAL = 0.1  # seconds between two kernel_info requests
FIRST_START_TIMEOUT = 60.0  # seconds that a kernel's first try to start may take


def start_new_kernel(
    startup_timeout: float = limits.KERNEL_TIMEOUT, kernel_name: str = "python3", **options: Any
) -> tuple[Any, Any]:
    """Start a kernel; a drop-in for jupyter_client.manager.start_new_kernel.

    If it dies or doesn't respond, a second one starts, on other ports: between their choice and
    the kernel's start, another program may have taken one of them.

    Args:
        startup_timeout: Seconds in which the kernel has to respond.
        kernel_name: The name of its kernelspec.
        options: Passed to KernelManager.start_kernel.

    Returns:
        Its KernelManager and a BlockingKernelClient.

    Raises:
        RuntimeError: The second kernel died or didn't respond, too.

    """
    try:
        return _start(min(startup_timeout, FIRST_START_TIMEOUT), kernel_name, options)
    except RuntimeError:
        return _start(startup_timeout, kernel_name, options)


def _start(timeout: float, kernel_name: str, options: dict[str, Any]) -> tuple[Any, Any]:
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name=kernel_name)
    manager.start_kernel(**options)
    client = manager.client()
    # Nothing here needs the heartbeat. Stopped before its thread has begun, it would never end.
    client.start_channels(hb=False)
    try:
        wait_for_ready(client, timeout)
    except RuntimeError:
        client.stop_channels()
        manager.shutdown_kernel()
        raise
    return manager, client


def wait_for_ready(client: Any, timeout: float = limits.KERNEL_TIMEOUT) -> None:
    """Wait until a kernel responds and its outputs arrive; leave no message unread.

    jupyter_client's own function waits until iopub has been silent for 0.2 seconds. This one
    sends kernel_info requests and waits for the `idle` status of one of them.

    Args:
        client: A BlockingKernelClient whose channels are started.
        timeout: Seconds to wait.

    Raises:
        RuntimeError: The kernel died or didn't respond in time.

    """
    deadline = time.monotonic() + timeout
    requests: list[str] = []
    finished = ""
    while finished not in requests:
        if not client.is_alive():
            raise RuntimeError("Kernel died before replying to kernel_info")
        if time.monotonic() > deadline:
            raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")
        requests.append(client.kernel_info())
        finished = _wait_for_idle(client, requests, POLL_INTERVAL)
    # iopub is connected now, so the status of the last request arrives as well.
    while finished != requests[-1]:
        if time.monotonic() > deadline:
            raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")
        finished = _wait_for_idle(client, requests[-1:], deadline - time.monotonic())
    while client.get_shell_msg(timeout=timeout)["parent_header"].get("msg_id") != requests[-1]:
        pass


def _wait_for_idle(client: Any, requests: list[str], timeout: float) -> str:
    """Return the id of a request that the kernel has finished, or "" after the timeout."""
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        try:
            message = client.get_iopub_msg(timeout=left)
        except Empty:
            return ""
        request = str(message["parent_header"].get("msg_id"))
        if request in requests and message["content"].get("execution_state") == "idle":
            return request
    return ""
