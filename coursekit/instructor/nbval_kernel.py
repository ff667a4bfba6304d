"""nbval's kernel, made attentive: every message is recorded, and a dead kernel is noticed.

nbval's functions are wrapped. Importing this module wraps them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty
from typing import Any

import nbval.kernel
from nbformat.v4 import output_from_msg
from nbval.kernel import RunningKernel

from coursekit import limits
from coursekit.instructor.statements import cancel_statements
from coursekit.kernel.client import start_new_kernel

POLL_INTERVAL = 0.3  # seconds between two checks that the kernel is alive
OUTPUTS = ("stream", "display_data", "execute_result", "error")
SILENT = ("status", "execute_input", "iopub_welcome")
DIED = "The kernel died while running this cell"


class KernelDied(RuntimeError):
    """The kernel's process ended while a cell was running."""


@dataclass
class Recording:
    """Everything a kernel has sent since it received a cell; nbval drops some of it.

    Attributes:
        request: The id of the cell's request. Messages for another request aren't the cell's.
        messages: All messages, in the order in which they arrived.
        reply: The content of the reply to the request.
        deadline_after_interrupt: When to give up on a cell that was interrupted.
        waited_for: What the cell was waiting for in PostgreSQL when it was interrupted.

    """

    request: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    reply: dict[str, Any] = field(default_factory=dict)
    deadline_after_interrupt: float = math.inf
    waited_for: str = ""

    @property
    def outputs(self) -> list[Any]:
        """The cell's outputs, in the order in which they arrived."""
        own = [message for message in self.messages if self._is_own(message)]
        return [output_from_msg(message) for message in own if message["msg_type"] in OUTPUTS]

    @property
    def uncompared(self) -> list[str]:
        """The types of the cell's messages that aren't outputs but change what's shown."""
        types = [message["msg_type"] for message in self.messages if self._is_own(message)]
        return [each for each in types if each not in OUTPUTS + SILENT]

    @property
    def stray(self) -> str:
        """What code left running by an earlier cell wrote meanwhile."""
        others = [message for message in self.messages if not self._is_own(message)]
        return "".join(
            message["content"].get("text", message["msg_type"])
            for message in others
            if message["msg_type"] not in SILENT
        ).strip()

    def _is_own(self, message: dict[str, Any]) -> bool:
        return bool(message["parent_header"].get("msg_id") == self.request)


def wrap(owner: Any, name: str) -> Callable[[Callable[..., Any]], None]:
    """Replace a function of a class or module by one that receives the original first.

    Args:
        owner: The class or module.
        name: The function's name in it.

    """
    original = getattr(owner, name)

    def replace(function: Callable[..., Any]) -> None:
        setattr(owner, name, lambda *args, **kw: function(original, *args, **kw))

    return replace


@wrap(nbval.kernel, "start_new_kernel")
def _start_kernel(original: Callable[..., Any], **kw: Any) -> Any:
    """Start a kernel of our kind, and close the file for stderr that nbval opens and forgets."""
    with kw["stderr"]:
        return start_new_kernel(**kw)


@wrap(RunningKernel, "__init__")
def _with_a_recording(original: Callable[..., None], self: Any, *args: Any, **kw: Any) -> None:
    self.recording = Recording()
    original(self, *args, **kw)


@wrap(RunningKernel, "execute_cell_input")
def _record_from_here(original: Callable[..., str], self: Any, *args: Any, **kw: Any) -> str:
    self.recording = Recording()
    self.recording.request = request = original(self, *args, **kw)
    return request


@wrap(RunningKernel, "get_message")
def _record_message(
    original: Callable[..., Any], self: Any, stream: str, timeout: float | None
) -> Any:
    """Keep every message; stop reading if an interrupted cell prints forever (nbval doesn't)."""
    if time.monotonic() > self.recording.deadline_after_interrupt:
        raise Empty
    message = original(self, stream, timeout=timeout)
    if stream == "iopub":
        self.recording.messages.append(message)
    elif message["parent_header"].get("msg_id") == self.recording.request:
        self.recording.reply = message["content"]
    return message


@wrap(RunningKernel, "await_reply")
def _await_reply_while_alive(
    original: Callable[..., None], self: Any, msg_id: str, timeout: float | None = None
) -> None:
    """Wait for a reply while the kernel is alive and the time isn't up."""
    deadline = time.monotonic() + (timeout or math.inf)
    while True:
        left = max(0, min(POLL_INTERVAL, deadline - time.monotonic()))
        try:
            return original(self, msg_id, timeout=left)
        except Empty:
            if not self.is_alive():
                raise KernelDied(DIED) from None
            if time.monotonic() >= deadline:
                self.recording.deadline_after_interrupt = time.monotonic() + limits.INTERRUPT_GRACE
                raise


@wrap(RunningKernel, "interrupt")
def _cancel_and_interrupt(original: Callable[..., None], self: Any) -> None:
    """Cancel the cell's SQL statement, which no interrupt would reach, and interrupt the cell."""
    self.recording.waited_for = cancel_statements()
    original(self)


def execute(kernel: Any, code: str) -> None:
    """Run code of ours in a kernel, and record everything sent before it ended.

    Args:
        kernel: nbval's RunningKernel.
        code: Python. It isn't counted, and stored in no history.

    """
    request = kernel.kc.execute(code, silent=True, store_history=False)
    kernel.await_reply(request, timeout=limits.KERNEL_TIMEOUT)
    kernel.await_idle(request, limits.KERNEL_TIMEOUT)
