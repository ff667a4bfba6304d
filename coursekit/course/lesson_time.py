"""How long a lesson takes: its page is read and run, its exercises are done."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

WORDS, LINES = 170, 15  # that a learner reads in a minute, of prose and of code
EXERCISE = 6  # minutes
EXERCISES = "## Exercises"
CURIOUS = re.compile(r"(#+) For the curious")
SENTENCE = re.compile(r"This page takes [^.]*\.")
COUNTS = ("no", "one", "two", "three", "four", "five", "six")


@dataclass(frozen=True)
class LessonTime:
    """The minutes that a lesson takes.

    Attributes:
        page: To read what is above the exercises and run its cells, without the parts for the
            curious.
        exercises: To do the exercises.

    """

    page: int
    exercises: int

    @property
    def sentence(self) -> str:
        """Return the sentence of the lesson's first cell."""
        page = f"This page takes {self.page} minute{'s' * (self.page != 1)}"
        count = self.exercises // EXERCISE
        if not count:
            return f"{page}."
        its = "exercise takes" if count == 1 else f"{COUNTS[count]} exercises take"
        return f"{page}, and its {its} {self.exercises}."


def lesson_time(notebook: dict[str, Any], exercises: int) -> LessonTime:
    """Compute a lesson's time.

    Args:
        notebook: The lesson.
        exercises: The number of its exercises.

    """
    words = lines = 0
    for kind, text in _counted(notebook):
        prose, code = ("", text) if kind == "code" else _parts(text)
        words += len(prose.split())
        lines += sum(bool(line.strip()) for line in code.splitlines())
    return LessonTime(math.ceil(words / WORDS + lines / LINES), EXERCISE * exercises)


def _counted(notebook: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the type and the source of the cells that count."""
    skipped = 0  # the level of the heading of a part for the curious
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] != "code":
            if text.startswith(EXERCISES):
                return
            heading = re.match(r"(#+) ", text)
            if heading and len(heading[1]) <= (skipped or 9):
                curious = CURIOUS.match(text)
                skipped = len(curious[1]) if curious else 0
        if not skipped:
            yield cell["cell_type"], text


def _parts(text: str) -> tuple[str, str]:
    """Return the prose of a Markdown cell, without the targets of its links, and its code."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    code = "\n".join(re.findall(r"```\w*\n(.*?)```", text, re.DOTALL))
    return re.sub(r"\]\([^)]*\)", "]", prose), code


def state_time(notebook: dict[str, Any], exercises: int) -> None:
    """Update the sentence in a lesson's first cell that states the time, if there is one."""
    first = notebook["cells"][0]
    sentence = lesson_time(notebook, exercises).sentence
    text = SENTENCE.sub(sentence, "".join(first["source"]))
    first["source"] = text.splitlines(keepends=True)
