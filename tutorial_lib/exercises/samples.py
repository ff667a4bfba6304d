"""Answers that people give, written down in short: what all of them share, and what differs."""

from __future__ import annotations

from textwrap import indent

from tutorial_lib.exercises.exercise import Wrong


def right(start: str, text: str) -> tuple[str, ...]:
    """Answers that are right: `start`, then what stands below each line `--- title`, indented.

    Where `start` holds `{}`, that is the place of what stands below, as it is.
    """
    return tuple(_bodies(start, text).values())


def wrong(start: str, text: str) -> tuple[Wrong, ...]:
    """Answers that are not; their titles are `name -> words that the check must say`."""
    titled = ((*title.split(" -> "), code) for title, code in _bodies(start, text).items())
    return tuple(Wrong(name, code, says) for name, says, code in titled)


def _bodies(start: str, text: str) -> dict[str, str]:
    parts = [part.partition("\n") for part in f"\n{text.strip()}".split("\n--- ")[1:]]
    return {title: _filled(start, body) for title, _, body in parts}


def _filled(start: str, body: str) -> str:
    if "{}" in start:
        return start.replace("{}", f"{body}\n")
    return f"{start}{indent(body, '    ')}\n"
