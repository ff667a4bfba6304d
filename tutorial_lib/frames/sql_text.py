"""Look at SQL text: its comments, quoted strings, first word and parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

# Quoted text, a line's comment, or the beginning of one that can be nested. Nothing in them is SQL.
_OPAQUE = re.compile(
    r"""(?<!\w)[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*\""""
    r"|(?<![\w$])\$((?:[^\W\d]\w*)?)\$.*?\$\1\$|--[^\r\n]*|/\*",
    re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")


def parts(sql: str) -> Iterator[str]:
    """Yield SQL and what is opaque in it, quoted text or a comment, in turns."""
    place = 0
    while found := _OPAQUE.search(sql, place):
        yield sql[place : found.start()]
        place = _end_of_comment(sql, found.start()) if found[0] == "/*" else found.end()
        yield sql[found.start() : place]
    yield sql[place:]


def _end_of_comment(sql: str, start: int) -> int:
    """Return where a comment ends, with all those in it; without an end, that of the text."""
    depth = 0
    for found in _COMMENT.finditer(sql, start):
        depth += 1 if found[0] == "/*" else -1
        if not depth:
            return found.end()
    return len(sql)


@lru_cache(8)  # a read looks at its text several times
def blank(sql: str) -> str:
    """Replace comments with spaces and quoted text with quotes; the length stays the same."""
    return "".join(_blanked(part) if i % 2 else part for i, part in enumerate(parts(sql)))


def _blanked(part: str) -> str:
    return (" " if part[:2] in ("--", "/*") else "'") * len(part)


def short(text: str) -> str:
    """Return the beginning of a text, in quotation marks."""
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


def verb(sql: str) -> str:
    """Return the first word in upper case, or "" for a single word: that's a table's name."""
    first = re.match(r"[\s(]*(\w+)\W*\S", blank(sql).rstrip("; \t\r\n"))
    return first[1].upper() if first else ""


def trimmed(sql: str) -> str:
    """Strip semicolons and comments from the end."""
    return sql[: len(blank(sql).rstrip("; \t\r\n"))]
