"""The glossary: one entry for each term, to which the lessons link."""

from __future__ import annotations

import re
from pathlib import Path

from coursekit.files import write_atomic
from coursekit.settings import ROOT

GLOSSARY = ROOT / "docs" / "glossary.md"
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
LINK = re.compile(r"\[\*\*[^]*]+\*\*\]\(\.\./docs/glossary\.md#([^)]+)\)")


def anchors() -> list[str]:
    """Return the anchors of the entries, in the order of the page."""
    return [anchor_of(term) for term in HEADING.findall(GLOSSARY.read_text("utf-8"))]


def anchor_of(term: str) -> str:
    """Return a heading's anchor: `server-default` for `Server default`."""
    return re.sub(r"[^\w -]", "", term.lower()).replace(" ", "-")


def linked_in(text: str) -> list[str]:
    """Return the anchors to which the bold terms of a Markdown text link."""
    return LINK.findall(text)


def copy_glossary(workspace: Path) -> None:
    """Copy the glossary to where the links of the learner's notebooks lead."""
    copy, text = workspace / "docs" / GLOSSARY.name, GLOSSARY.read_text("utf-8")
    if not copy.is_file() or copy.read_text("utf-8", errors="replace") != text:
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(copy, text)
