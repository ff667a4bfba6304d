"""A submission in another process: a learner's notebook, whose kernel is queried from outside.

Nothing the notebook does can change the check, which runs here. The kernel only returns plain
data; its half is `coursekit.exercises.probe_reply`.
"""

from __future__ import annotations

import ast
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Empty
from typing import Any

from sqlalchemy import Engine

from coursekit import limits
from coursekit.course.lesson import Lesson
from coursekit.course.this_notebook import VARIABLE
from coursekit.exercises.initial_state import InitialState
from coursekit.exercises.items import ProbeResult
from coursekit.exercises.submission import Probe, Submission
from coursekit.exercises.time_budget import late
from coursekit.instructor.statements import cancel_statements
from coursekit.kernel.client import start_new_kernel

POLL_INTERVAL = 0.5  # seconds between two checks that the kernel is alive
# The module is named, not imported: the expression is evaluated in the learner's kernel.
REPLY = "__import__('coursekit.exercises.probe_reply', fromlist=['reply']).reply"


class KernelGone(RuntimeError):
    """The kernel can't run anything anymore: it has died, it hangs, or the time is up."""


class Kernel:
    """A notebook's kernel. Use it in `with`."""

    def __init__(self, notebook: Path, variables: Mapping[str, str] | None = None) -> None:
        """Start a kernel for a notebook, in its folder, with these environment variables."""
        environ = {**os.environ, VARIABLE: str(notebook), **(variables or {})}
        self._manager, self._client = start_new_kernel(cwd=str(notebook.parent), env=environ)
        self._end = time.monotonic() + limits.NOTEBOOK_TIMEOUT
        self._gone = ""
        # Nothing here reads what the cells print. Without a reader, it isn't kept either.
        self._client.iopub_channel.stop()

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.context.destroy()

    def run(self, code: str, timeout: float, **expressions: str) -> dict[str, Any]:
        """Run code, then evaluate expressions, and return the content of the kernel's reply.

        Args:
            code: The source of a cell.
            timeout: Seconds after which the kernel is interrupted.
            **expressions: Expressions by name; the reply has their values by the same names.

        Raises:
            TimeoutError: The code didn't end in time and was interrupted.
            KernelGone: The kernel has ended, or ignored the interrupt, now or earlier.

        """
        self._require_time()
        request = self._client.execute(
            code, user_expressions=expressions, allow_stdin=False, stop_on_error=False
        )
        reply = self._reply(request, timeout)
        if reply is not None:
            return reply
        cancel_statements()  # no interrupt reaches a cell that waits for PostgreSQL
        self._manager.interrupt_kernel()
        message = late(timeout).error
        if self._reply(request, limits.INTERRUPT_GRACE) is None:
            self._manager.shutdown_kernel(now=True)
            raise self._is_gone(f"{message}, and ignored the interrupt")
        raise TimeoutError(message)

    def _require_time(self) -> None:
        if not self._gone and time.monotonic() > self._end:
            self._gone = f"the notebook did not end within {limits.NOTEBOOK_TIMEOUT:g} seconds"
        if self._gone:
            raise KernelGone(self._gone)

    def _is_gone(self, why: str) -> KernelGone:
        self._gone = why
        return KernelGone(why)

    def _reply(self, request: str, timeout: float) -> dict[str, Any] | None:
        """Return the content of the reply to a request, or None if it doesn't come in time."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                message = self._client.get_shell_msg(timeout=POLL_INTERVAL)
            except Empty:
                if not self._manager.is_alive():
                    raise self._is_gone("the kernel died") from None
                continue
            if _mapping(message.get("parent_header")).get("msg_id") == request:
                return _mapping(message.get("content"))
        return None


class RemoteSubmission(Submission):
    """A submission whose code runs in a kernel."""

    def __init__(
        self,
        slug: str,
        initial_state: InitialState | None,
        lesson: Lesson | None,
        kernel: Kernel,
        seed: str = "",
    ) -> None:
        super().__init__(slug, initial_state, lesson, seed)
        self._kernel = kernel

    def _call(self, probe: Probe, arguments: tuple[Any, ...], timeout: float) -> ProbeResult:
        packed = [_packed(each) for each in arguments]
        request = json.dumps([probe.__module__, probe.__name__, packed, timeout])
        expression = f"{REPLY}({request!r}, globals())"
        try:
            content = self._kernel.run("", timeout + limits.INTERRUPT_GRACE, result=expression)
        except TimeoutError:
            return late(timeout)
        except KernelGone as error:
            return ProbeResult(error=f"the kernel doesn't respond: {error}", ended=False)
        return _probe_result(content)


def _packed(argument: Any) -> dict[str, str]:
    """Return an argument as JSON can hold it: an engine as its URL, plain data as its repr."""
    if isinstance(argument, Engine):
        return {"engine": argument.url.render_as_string(hide_password=False)}
    return {"plain": repr(argument)}


def _probe_result(content: Any) -> ProbeResult:
    """Read the kernel's reply. The notebook may have replaced our half, so trust no form."""
    evaluated = None
    try:
        evaluated = content["user_expressions"]["result"]
        value, error, ended = json.loads(ast.literal_eval(evaluated["data"]["text/plain"]))
        return ProbeResult(ast.literal_eval(value), str(error), ended is True)
    except (LookupError, ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ProbeResult(error=_why_unreadable(evaluated))


def _mapping(part: Any) -> dict[str, Any]:
    """Return a part of a message if it's the mapping it should be, otherwise an empty one."""
    return part if isinstance(part, dict) else {}


def _why_unreadable(evaluated: Any) -> str:
    """Return the error that the kernel reported, or that its reply is damaged."""
    if isinstance(evaluated, dict) and evaluated.get("status") == "error":
        return f"{evaluated.get('ename')}: {evaluated.get('evalue')}"
    return "the kernel's reply to the check is damaged"
