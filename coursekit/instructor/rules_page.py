"""The reference: the lessons' rules on one page.

A lesson states a rule in its own paragraph: `> **Rule.** When it rains: take an umbrella.`
`tutorial refresh` writes the page; a test keeps it equal to the notebooks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coursekit.course.catalog import lessons
from coursekit.course.course_map import Entry, entry
from coursekit.errors import NotebookError
from coursekit.files import write_atomic
from coursekit.settings import ROOT

PAGE = ROOT / "docs" / "reference.md"
MARK = "> **Rule.** "
LINK = re.compile(r"\]\((?!https?://|#)([^)]+)\)")
HEAD = """\
# What to do when

The rules of the course on one page. Each is shown in its lesson, with what happens otherwise. \
`python3 start.py refresh` writes this page from the lessons' own cells.

| when | what to do | lesson |
|---|---|---|
"""


@dataclass(frozen=True)
class Rule:
    """A rule.

    Attributes:
        situation: When it applies, without the word "when".
        action: What to do then, as a sentence.
        lesson: The lesson that shows it.

    """

    situation: str
    action: str
    lesson: Entry

    @property
    def row(self) -> str:
        """The rule's line in the table."""
        number, file = self.lesson.number, self.lesson.file
        shown = f"[{number} · {self.lesson.title}](../notebooks/{file})"
        return f"| {_cell(self.situation)} | {_cell(self.action)} | {shown} |\n"


def rules() -> tuple[Rule, ...]:
    """Return the rules of all lessons, in order.

    Raises:
        NotebookError: A rule doesn't separate the situation from the action.

    """
    return tuple(rule for path in lessons().values() for rule in _rules_of(path))


def page() -> str:
    """Return the whole page as Markdown."""
    return HEAD + "".join(rule.row for rule in rules())


def write() -> bool:
    """Write the page; return whether that changed it."""
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    after = page()
    if after != before:
        write_atomic(PAGE, after, lasting=True)
    return after != before


def _rules_of(path: Path) -> Iterator[Rule]:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        paragraphs = "".join(cell["source"]).split("\n\n")
        for paragraph in paragraphs if cell["cell_type"] == "markdown" else ():
            if paragraph.startswith(MARK.rstrip()):
                yield _rule(paragraph, entry(path))


def _rule(source: str, lesson: Entry) -> Rule:
    text = " ".join(line.removeprefix(">").strip() for line in source.splitlines())
    situation, colon, action = text.removeprefix(MARK.removeprefix("> ")).partition(": ")
    if not (colon and situation and action.strip()):
        raise NotebookError(
            f"A rule of {lesson.file} has no situation, or no action.",
            f"It reads: {text}",
            f"Write: {MARK}When SITUATION: WHAT TO DO.",
        )
    action = action.strip()
    return Rule(situation.removeprefix("When ").strip(), action[0].upper() + action[1:], lesson)


def _cell(text: str) -> str:
    """Return Markdown for a table cell of a page in docs/: links relative to it, bars escaped."""
    return LINK.sub(r"](../notebooks/\1)", text).replace("|", r"\|")
