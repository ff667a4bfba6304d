"""A check never waits so long, on a slow machine, that a right answer gives up."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import URL

from coursekit.lessons.in_ci import checks


class Clock:
    """A clock that moves on when someone sleeps."""

    def __init__(self) -> None:
        """Start at zero."""
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("start", "longest"), [(0.05, 0.8), (2.0, 6.1), (30.0, 12.1)])
def test_the_second_deployment_is_not_kept_waiting(
    start: float, longest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one waits for an advisory lock with a timeout, while the gate is shut."""
    clock = Clock()
    monkeypatch.setattr(checks, "time", clock)

    def query(_: str) -> list[Any]:
        return [("shop", "Lock")] if clock.now >= start else []

    database: Any = SimpleNamespace(query=query, url=URL.create("postgresql", database="shop"))
    both: list[Future[Any]] = [Future(), Future()]
    checks._wait_for(database, both)
    assert clock.now - start <= longest
