"""The lessons and exercises that are open in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coursekit.course.lesson import Lesson

_opened: dict[str, Lesson] = {}


def opened(key: str) -> Lesson | None:
    """Return the lesson or exercise that is open under this key, such as `06` or `06-1`."""
    return _opened.get(key)


def remember(key: str, lesson: Lesson) -> None:
    """Keep a lesson or exercise as the one that is open under this key."""
    _opened[key] = lesson


def close(key: str) -> None:
    """Close the connections of the lesson or exercise that is open under this key, if any."""
    lesson = _opened.pop(key, None)
    if lesson is not None:
        lesson.engine.dispose()
