"""The lessons and exercises that are open in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coursekit.course.lesson import Lesson

_opened: dict[str, Lesson] = {}


def opened(slug: str) -> Lesson | None:
    """Return the lesson or exercise of this slug, if it's open."""
    return _opened.get(slug)


def remember(slug: str, lesson: Lesson) -> None:
    """Keep a lesson or exercise as the one that is open under its slug."""
    _opened[slug] = lesson


def close(slug: str) -> None:
    """Close the connections of the lesson or exercise of this slug, if it's open."""
    lesson = _opened.pop(slug, None)
    if lesson is not None:
        lesson.engine.dispose()
