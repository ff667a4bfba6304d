"""Whether a notebook holds something of an answer yet."""

from __future__ import annotations

import dis
from collections.abc import Sequence
from types import FunctionType
from typing import Any

IDLE = {"RESUME", "NOP", "RETURN_VALUE"}
RETURNS = {"LOAD_CONST", "RETURN_CONST"}


def any_attempted(names: dict[str, Any], wanted: Sequence[str]) -> bool:
    """Whether one of the wanted names holds something: no `...`, no function without a body.

    A probe: it runs where the learner's code is.
    """
    return any(_attempted(names.get(name)) for name in wanted)


def _attempted(value: Any) -> bool:
    if isinstance(value, FunctionType):
        return not _is_empty(value)
    return value is not None and value is not ...


def _is_empty(function: FunctionType) -> bool:
    """Whether a function does nothing, as one whose body is still `...` does."""
    steps = [step for step in dis.get_instructions(function) if step.opname not in IDLE]
    return all(step.opname in RETURNS and step.argval is None for step in steps)
