"""What may differ from run to run in an output, and the fixed text that stands for it."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from tutorial_lib.course import NOTEBOOKS

MASKS = NOTEBOOKS / "sanitize.cfg"


@cache
def masks() -> list[tuple[re.Pattern[str], str]]:
    """The patterns of `sanitize.cfg`, in nbval's format, with what stands for each."""
    pairs = re.findall(r"^regex: (.*)$\n^replace: (.*)$", MASKS.read_text("utf-8"), re.M)
    return [(re.compile(regex), replace) for regex, replace in pairs]


def mask(value: Any) -> Any:
    """The same text, or list or dictionary of texts, with what varies replaced."""
    if isinstance(value, str):
        for regex, replace in masks():
            value = regex.sub(replace, value)
        return value
    if isinstance(value, list):
        return [mask(item) for item in value]
    if isinstance(value, dict):
        return {key: mask(item) for key, item in value.items()}
    return value
