"""A kernel that is listened to: all that it sends is kept, and its death is noticed.

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

from coursekit.instructor.statements import cancel_statements
from coursekit.kernel.client import start_new_kernel

POLL_INTERVAL = 0.3  # seconds between two looks at whether the kernel lives
FIRST_TRY = 15  # seconds that a kernel has to start, the first time
SETUP_TIMEOUT = 30  # seconds that something of ours may take
GRACE = 5.0  # seconds that a cell has to end after it was interrupted
OUTPUTS = ("stream", "display_data", "execute_result", "error")
SILENT = ("status", "execute_input", "iopub_welcome")


class KernelDied(RuntimeError):
    """The kernel's process has ended, and a cell waits for its reply."""


@dataclass
class Heard:
    """All that a kernel has sent since a cell was given to it; nbval drops some of it.

    request   the id of the cell's request; an output of another one is not the cell's
    patience  the moment after which a cell that was interrupted is given up
    waited    what it waited for in PostgreSQL when it was interrupted
    """

    request: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    reply: dict[str, Any] = field(default_factory=dict)
    deadline_after_interrupt: float = math.inf
    waited: str = ""

    @property
    def outputs(self) -> list[Any]:
        """The cell's outputs, in the order in which they came."""
        own = [message for message in self.messages if self._is_own(message)]
        return [output_from_msg(message) for message in own if message["msg_type"] in OUTPUTS]

    @property
    def uncompared(self) -> list[str]:
        """The types of the cell's messages that are no outputs, and change what is shown."""
        types = [message["msg_type"] for message in self.messages if self._is_own(message)]
        return [each for each in types if each not in OUTPUTS + SILENT]

    @property
    def stray(self) -> str:
        """What was written meanwhile by something that an earlier cell left behind."""
        others = [message for message in self.messages if not self._is_own(message)]
        heard = [
            m["content"].get("text", m["msg_type"]) for m in others if m["msg_type"] not in SILENT
        ]
        return "".join(heard).strip()

    def _is_own(self, message: dict[str, Any]) -> bool:
        return bool(message["parent_header"].get("msg_id") == self.request)


def wrap(owner: Any, name: str) -> Callable[[Callable[..., Any]], None]:
    """Replace a function of a class or module by one that gets the original first."""
    original = getattr(owner, name)

    def replace(function: Callable[..., Any]) -> None:
        setattr(owner, name, lambda *args, **kw: function(original, *args, **kw))

    return replace


@wrap(nbval.kernel, "start_new_kernel")
def _start(original: Callable[..., Any], **kw: Any) -> Any:
    """Start a kernel; once more, when another program took its ports in the meantime.

    Such a kernel lives on and answers nobody. The file that nbval opens is closed at last.
    """
    with kw["stderr"]:
        try:
            return start_new_kernel(**{**kw, "startup_timeout": FIRST_TRY})
        except RuntimeError:
            return start_new_kernel(**kw)


@wrap(RunningKernel, "__init__")
def _attentive(original: Callable[..., None], self: Any, *args: Any, **kw: Any) -> None:
    self.heard = Heard()
    original(self, *args, **kw)


@wrap(RunningKernel, "execute_cell_input")
def _ask(original: Callable[..., str], self: Any, *args: Any, **kw: Any) -> str:
    self.heard = Heard()
    self.heard.request = request = original(self, *args, **kw)
    return request


@wrap(RunningKernel, "get_message")
def _hear(original: Callable[..., Any], self: Any, stream: str, timeout: float | None) -> Any:
    """Keep every message; nbval reads for ever when an overdue cell goes on printing."""
    if time.monotonic() > self.heard.deadline_after_interrupt:
        raise Empty
    message = original(self, stream, timeout=timeout)
    if stream == "iopub":
        self.heard.messages.append(message)
    elif message["parent_header"].get("msg_id") == self.heard.request:
        self.heard.reply = message["content"]
    return message


@wrap(RunningKernel, "await_reply")
def _while_alive(
    original: Callable[..., None], self: Any, msg_id: str, timeout: float | None = None
) -> None:
    """Wait for a reply as long as somebody can give one."""
    deadline = time.monotonic() + (timeout or math.inf)
    while True:
        try:
            return original(
                self, msg_id, timeout=max(0, min(POLL_INTERVAL, deadline - time.monotonic()))
            )
        except Empty:
            if not self.is_alive():
                raise KernelDied("The kernel died while it ran this cell") from None
            if time.monotonic() >= deadline:
                self.heard.deadline_after_interrupt = time.monotonic() + GRACE
                raise


@wrap(RunningKernel, "interrupt")
def _free(original: Callable[..., None], self: Any) -> None:
    """Interrupt a cell, and the statement in which no interrupt would reach it."""
    self.heard.waited = cancel_statements()
    original(self)


def execute(kernel: Any, code: str) -> None:
    """Run something of ours, and hear all that was sent before it ended."""
    request = kernel.kc.execute(code, silent=True, store_history=False)
    kernel.await_reply(request, timeout=SETUP_TIMEOUT)
    kernel.await_idle(request, SETUP_TIMEOUT)
