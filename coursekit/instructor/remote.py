"""An answer in another process: the kernel of a learner's notebook, asked from outside.

Nothing that the notebook does can reach the check here. From there come plain data only.
"""

from __future__ import annotations

import ast
import json
import time
from pathlib import Path
from queue import Empty
from typing import Any

from sqlalchemy import URL, Engine, NullPool, make_url

from coursekit.course.lesson import Lesson
from coursekit.exercises.initial_state import InitialState
from coursekit.exercises.items import ProbeResult
from coursekit.exercises.local import TOO_LONG, in_time
from coursekit.exercises.submission import LIMITS, SECONDS, Probe, Submission
from coursekit.kernel.client import start_new_kernel
from tutorial_lib.db import make_engine

CELL_SECONDS = 60  # that one cell may take
GRACE = 3  # seconds that a kernel has to answer after it was interrupted
POLL_INTERVAL = 0.5  # seconds between two looks at whether it lives


class KernelGone(RuntimeError):
    """The kernel has ended, or does not react even to an interrupt."""


class Kernel:
    """A notebook's kernel. Use it in `with`.

    folder  its working directory
    """

    def __init__(self, folder: Path) -> None:
        self._manager, self._client = start_new_kernel(cwd=str(folder))

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.context.destroy()

    def run(self, code: str, seconds: float = CELL_SECONDS, **expressions: str) -> dict[str, Any]:
        """Run code, then evaluate expressions; gives the content of the kernel's reply.

        Raises TimeoutError when it does not end in time, and was interrupted; KernelGone.
        """
        request = self._client.execute(
            code, user_expressions=expressions, allow_stdin=False, stop_on_error=False
        )
        reply = self._reply(request, seconds)
        if reply is not None:
            return reply
        self._manager.interrupt_kernel()
        if self._reply(request, GRACE) is None:
            raise KernelGone("it hangs, and does not react to an interrupt")
        raise TimeoutError(f"it did not end within {seconds:.0f} seconds")

    def _reply(self, request: str, seconds: float) -> dict[str, Any] | None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                message = self._client.get_shell_msg(timeout=POLL_INTERVAL)
            except Empty:
                if not self._manager.is_alive():
                    raise KernelGone("it has ended") from None
                continue
            if message["parent_header"].get("msg_id") == request:
                content: dict[str, Any] = message["content"]
                return content
        return None


class RemoteSubmission(Submission):
    """An answer that was given in a kernel."""

    def __init__(
        self, slug: str, initial_state: InitialState | None, lesson: Lesson | None, kernel: Kernel
    ) -> None:
        super().__init__(slug, initial_state, lesson)
        self._kernel = kernel

    def call(self, probe: Probe, *arguments: Any) -> ProbeResult:  # noqa: D102  as in Answer
        sent = [probe.__module__, probe.__name__, [_packed(each) for each in arguments]]
        call = (
            f"__import__({__name__!r}, fromlist=['reply']).reply({json.dumps(sent)!r}, globals())"
        )
        try:
            content = self._kernel.run("", SECONDS + GRACE, said=call)
        except TimeoutError:
            return ProbeResult(error=TOO_LONG)
        except KernelGone as error:
            return ProbeResult(error=f"the kernel cannot be asked: {error}")
        return _unpacked(content.get("user_expressions", {}).get("said", {}))


def reply(sent: str, names: dict[str, Any]) -> str:
    """In the kernel: run the probe that was named, and say what came of it."""
    from importlib import import_module

    module, name, packed = json.loads(sent)
    arguments = tuple(_argument(each) for each in packed)
    outcome = in_time(getattr(import_module(module), name), names, arguments)
    for argument in arguments:
        if isinstance(argument, Engine):
            argument.dispose()
    return json.dumps([repr(outcome.value), outcome.error])


def _packed(argument: Any) -> dict[str, str]:
    if isinstance(argument, Engine):
        return {"engine": argument.url.render_as_string(hide_password=False)}
    return {"plain": repr(argument)}


def _argument(packed: dict[str, str]) -> Any:
    if "plain" in packed:
        return ast.literal_eval(packed["plain"])
    url: URL = make_url(packed["engine"])
    return make_engine(url, connect_args={"options": LIMITS}, poolclass=NullPool)


def _unpacked(said: dict[str, Any]) -> ProbeResult:
    """What came back; whatever is not of our form was not made by us."""
    try:
        value, error = json.loads(ast.literal_eval(said["data"]["text/plain"]))
        return ProbeResult(ast.literal_eval(value), str(error))
    except (KeyError, ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        why = f"{said.get('ename', 'no answer')}: {said.get('evalue', 'the kernel gave none')}"
        return ProbeResult(error=why)
