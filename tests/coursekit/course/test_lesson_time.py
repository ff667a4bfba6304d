"""The time that a lesson states is computed from its page and its exercises."""

from __future__ import annotations

from typing import Any

import pytest

from coursekit.course.catalog import lessons, slug_of
from coursekit.course.lesson_time import LessonTime, lesson_time, state_time
from coursekit.course.notebooks import load
from coursekit.exercises.manifest import exercises_of

PART_I = [path for path in lessons().values() if path.name[:2] <= "08"]


def notebook(*cells: str) -> dict[str, Any]:
    """Return a notebook: sources that begin with > are code."""
    kinds = ["code" if cell.startswith(">") else "markdown" for cell in cells]
    return {
        "cells": [
            {"cell_type": kind, "source": [cell.removeprefix(">")]}
            for kind, cell in zip(kinds, cells, strict=True)
        ]
    }


@pytest.mark.parametrize("path", PART_I, ids=lambda path: path.stem)
def test_a_lesson_takes_at_most_45_minutes(path: Any) -> None:
    time = lesson_time(load(path), len(exercises_of(slug_of(path))))
    assert time.page + time.exercises <= 45


@pytest.mark.parametrize(
    ("cells", "minutes"),
    [
        (["word " * 170], 1),
        (["word " * 171], 2),
        ([">" + "x = 1\n\n" * 15], 1),
        (["```python\n" + "x = 1\n" * 15 + "```"], 1),
        (["[one](https://example.com/a) " * 170], 1),
        (["one", "## Exercises", "word " * 999], 1),
        (["one", "### For the curious: more", "word " * 999, ">x = 1\n" * 99], 1),
        (["### For the curious", "word " * 999, "#### Deeper", "word " * 999, "### On"], 1),
        (["### For the curious", "word " * 999, "## On\n" + "word " * 170], 2),
    ],
)
def test_minutes_of_a_page(cells: list[str], minutes: int) -> None:
    assert lesson_time(notebook(*cells), 0) == LessonTime(minutes, 0)


@pytest.mark.parametrize(
    ("exercises", "sentence"),
    [
        (0, "This page takes 1 minute."),
        (1, "This page takes 1 minute, and its exercise takes 6."),
        (3, "This page takes 1 minute, and its three exercises take 18."),
    ],
)
def test_the_sentence_is_brought_up_to_date(exercises: int, sentence: str) -> None:
    lesson = notebook("# 01\n\nWhy? This page takes a while. It begins.", ">1")
    state_time(lesson, exercises)
    assert "".join(lesson["cells"][0]["source"]) == f"# 01\n\nWhy? {sentence} It begins."


def test_a_lesson_without_the_sentence_stays_as_it_is() -> None:
    lesson = notebook("# 01")
    state_time(lesson, 3)
    assert lesson == notebook("# 01")
