"""Suggest names that are similar to a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MOST = 20  # names in a message


def near(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three similar names, whatever their case."""
    folded = {each.lower(): each for each in known}
    return [folded[each] for each in get_close_matches(name.lower(), folded, n=3)]


def similar(name: str, known: Iterable[str]) -> str:
    """Return a sentence with similar names, or with all of them if none is similar."""
    everything = list(known)
    if found := near(name, everything):
        return f"Similar: {', '.join(found)}."
    return f"There are: {', '.join(everything[:MOST])}." if everything else "There are none."
