"""Which package broke a lesson, found by setting one after the other back."""

from __future__ import annotations

import pytest

from coursekit.instructor import unpinned
from coursekit.instructor.verification import Options

CHANGED = {"alembic": ("1.20", "1.21"), "pandas": ("3.1", "3.2"), "mako": ("1.3", "1.4")}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment with the newest of these; pandas breaks 08, and two packages break 07."""
    versions = {name: found for name, (_, found) in CHANGED.items()}

    def install(*words: str) -> None:
        name, _, version = words[-1].partition("==")
        assert words[0] == "--no-deps"
        versions[name] = version

    def failing(numbers: list[str], options: Options) -> list[str]:
        broken = {"08": versions["pandas"] == "3.2"}
        broken["07"] = versions["alembic"] == "1.21" or versions["mako"] == "1.4"
        return [number for number in numbers if broken.get(number)]

    monkeypatch.setattr(unpinned, "changed", lambda: CHANGED)
    monkeypatch.setattr(unpinned, "_install", install)
    monkeypatch.setattr(unpinned, "_failing", failing)
    return versions


def test_the_package_that_broke_a_lesson_is_named(installed: dict[str, str]) -> None:
    causes = list(unpinned.bisect(["08"], Options()))
    assert causes == ["Lesson 08 fails because of pandas 3.2; with 3.1 it passes."]


def test_a_lesson_that_no_single_package_breaks_is_reported(installed: dict[str, str]) -> None:
    assert list(unpinned.bisect(["07", "08"], Options())) == [
        "Lesson 08 fails because of pandas 3.2; with 3.1 it passes.",
        "Lesson 07 fails, but no single package is the cause.",
    ]


def test_what_was_set_back_is_the_newest_again(installed: dict[str, str]) -> None:
    list(unpinned.bisect(["07", "08"], Options()))
    assert installed == {name: found for name, (_, found) in CHANGED.items()}


def test_nothing_is_installed_when_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpinned, "changed", lambda: pytest.fail("nobody asked"))
    assert list(unpinned.bisect([], Options())) == []
