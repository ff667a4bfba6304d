"""A submission in another process: a learner's notebook, whose kernel is queried from outside.

Nothing the notebook does can change the check, which runs here. The kernel only returns plain
data; its half is `coursekit.exercises.probe_reply`.
"""

from __future__ import annotations

import ast
import json
import time
from pathlib import Path
from queue import Empty
from typing import Any

from sqlalchemy import Engine

from coursekit.course.lesson import Lesson
from coursekit.exercises.initial_state import InitialState
from coursekit.exercises.items import ProbeResult
from coursekit.exercises.local import CALL_TIMEOUT, TOO_LONG
from coursekit.exercises.submission import Probe, Submission
from coursekit.kernel.client import start_new_kernel

CELL_TIMEOUT = 60.0  # seconds that one cell may take
GRACE = 3.0  # seconds that a kernel has to reply after an interrupt
POLL_INTERVAL = 0.5  # seconds between two checks that the kernel is alive
# The module is named, not imported: the expression is evaluated in the learner's kernel.
REPLY = "__import__('coursekit.exercises.probe_reply', fromlist=['reply']).reply"


class KernelGone(RuntimeError):
    """The kernel has ended, or doesn't react even to an interrupt."""


class Kernel:
    """A notebook's kernel. Use it in `with`."""

    def __init__(self, folder: Path) -> None:
        """Start a kernel whose working directory is `folder`."""
        self._manager, self._client = start_new_kernel(cwd=str(folder))

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.context.destroy()

    def run(self, code: str, timeout: float = CELL_TIMEOUT, **expressions: str) -> dict[str, Any]:
        """Run code, then evaluate expressions, and return the content of the kernel's reply.

        Args:
            code: The source of a cell.
            timeout: Seconds after which the kernel is interrupted.
            **expressions: Expressions by name; the reply has their values by the same names.

        Raises:
            TimeoutError: The code didn't end in time and was interrupted.
            KernelGone: The kernel has ended, or ignored the interrupt.

        """
        request = self._client.execute(
            code, user_expressions=expressions, allow_stdin=False, stop_on_error=False
        )
        reply = self._reply(request, timeout)
        if reply is not None:
            return reply
        self._manager.interrupt_kernel()
        if self._reply(request, GRACE) is None:
            raise KernelGone("it hangs, and doesn't react to an interrupt")
        raise TimeoutError(f"it did not end within {timeout:.0f} seconds")

    def _reply(self, request: str, timeout: float) -> dict[str, Any] | None:
        """Return the content of the reply to a request, or None if it doesn't come in time."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                message = self._client.get_shell_msg(timeout=POLL_INTERVAL)
            except Empty:
                if not self._manager.is_alive():
                    raise KernelGone("it has ended") from None
                continue
            if _mapping(message.get("parent_header")).get("msg_id") == request:
                return _mapping(message.get("content"))
        return None


class RemoteSubmission(Submission):
    """A submission whose code runs in a kernel."""

    def __init__(
        self, slug: str, initial_state: InitialState | None, lesson: Lesson | None, kernel: Kernel
    ) -> None:
        super().__init__(slug, initial_state, lesson)
        self._kernel = kernel

    def call(self, probe: Probe, *arguments: Any) -> ProbeResult:  # noqa: D102  as in Submission
        request = [probe.__module__, probe.__name__, [_packed(each) for each in arguments]]
        expression = f"{REPLY}({json.dumps(request)!r}, globals())"
        try:
            content = self._kernel.run("", CALL_TIMEOUT + GRACE, result=expression)
        except TimeoutError:
            return ProbeResult(error=TOO_LONG)
        except KernelGone as error:
            return ProbeResult(error=f"the kernel doesn't respond: {error}")
        return _probe_result(_mapping(_mapping(content.get("user_expressions")).get("result")))


def _packed(argument: Any) -> dict[str, str]:
    """Return an argument as JSON can hold it: an engine as its URL, plain data as its repr."""
    if isinstance(argument, Engine):
        return {"engine": argument.url.render_as_string(hide_password=False)}
    return {"plain": repr(argument)}


def _probe_result(evaluated: dict[str, Any]) -> ProbeResult:
    """Read the kernel's reply. The notebook may have replaced our half, so trust no form."""
    try:
        value, error = json.loads(ast.literal_eval(evaluated["data"]["text/plain"]))
        return ProbeResult(ast.literal_eval(value), str(error))
    except (KeyError, ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        name, message = evaluated.get("ename", "no reply"), evaluated.get("evalue", "")
        return ProbeResult(error=f"{name}: {message or 'the kernel sent no result'}")


def _mapping(part: Any) -> dict[str, Any]:
    """Return a part of a message if it's the mapping it should be, otherwise an empty one."""
    return part if isinstance(part, dict) else {}
