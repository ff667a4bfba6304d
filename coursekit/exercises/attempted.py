"""Tell whether a notebook defines anything of a solution yet."""

from __future__ import annotations

import dis
from collections.abc import Sequence
from types import FunctionType
from typing import Any

IDLE = {"RESUME", "NOP", "RETURN_VALUE"}
RETURNS = {"LOAD_CONST", "RETURN_CONST", "LOAD_COMMON_CONSTANT"}  # the last since Python 3.15


def any_attempted(names: dict[str, Any], wanted: Sequence[str]) -> bool:
    """Return whether one of the wanted names is more than a placeholder.

    Placeholders are `...`, None, and functions whose body is `...` or empty. This is a probe:
    it runs where the learner's code is.
    """
    return any(_attempted(names.get(name)) for name in wanted)


def _attempted(value: Any) -> bool:
    if isinstance(value, FunctionType):
        return not _is_empty(value)
    return value is not None and value is not ...


def _is_empty(function: FunctionType) -> bool:
    """Return whether a function does nothing, like one whose body is still `...`."""
    steps = [step for step in dis.get_instructions(function) if step.opname not in IDLE]
    return all(step.opname in RETURNS and step.argval is None for step in steps)
