"""Replace what differs from run to run in an output with fixed text."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from coursekit.course.catalog import NOTEBOOKS

SANITIZE_CFG = NOTEBOOKS / "sanitize.cfg"


@cache
def sanitizers() -> list[tuple[re.Pattern[str], str]]:
    """Return the patterns of `sanitize.cfg`, which has nbval's format, and their replacements."""
    pairs = re.findall(r"^regex: (.*)$\n^replace: (.*)$", SANITIZE_CFG.read_text("utf-8"), re.M)
    return [(re.compile(regex), replace) for regex, replace in pairs]


def sanitize(value: Any) -> Any:
    """Return a string, or a list or dictionary of strings, with what varies replaced."""
    if isinstance(value, str):
        for regex, replace in sanitizers():
            value = regex.sub(replace, value)
        return value
    if isinstance(value, list):
        return [sanitize(item) for item in value]
    if isinstance(value, dict):
        return {key: sanitize(item) for key, item in value.items()}
    return value
