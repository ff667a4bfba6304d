"""A function with another name, or other parameters, is told as that."""

from __future__ import annotations

import pytest

from coursekit.course import cell_runs
from coursekit.course.cell_runs import CellRun
from coursekit.exercises.check import verdict_on
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.items import CheckItem
from coursekit.exercises.misnamed import with_misfit
from coursekit.exercises.verdict import NOT_STARTED, NOT_YET

EXERCISE = Exercise("toy", "Toy", lambda _: iter(()), (), "", names=("four",), lesson="connect")


@pytest.fixture(autouse=True)
def runs(monkeypatch: pytest.MonkeyPatch) -> dict[str, CellRun]:
    """The cells that have run, by their ids."""
    found: dict[str, CellRun] = {}
    monkeypatch.setattr(cell_runs, "_last_runs", found)
    return found


@pytest.mark.parametrize(
    "source", ["def fuor():\n    return 4\n", "class Four:\n    pass\n", "FOUR = lambda: 4\n"]
)
def test_another_name_is_told_as_that(runs: dict[str, CellRun], source: str) -> None:
    runs["answer-toy"] = CellRun("answer-toy", source)
    (item,) = verdict_on(EXERCISE, {}).items
    assert (item.what, item.expected) == ("four is defined", "four")
    assert item.got in source
    assert "the check looks for four" in item.where


@pytest.mark.parametrize(
    ("cell_id", "source"),
    [
        ("answer-toy", "def four():\n    ...\n"),
        ("answer-toy", "print('nothing yet')\n"),
        ("answer-other", "def fuor():\n    return 4\n"),
        ("a1b2c3d4", "def fuor():\n    return 4\n"),
    ],
)
def test_nothing_else_is_taken_for_an_answer(
    runs: dict[str, CellRun], cell_id: str, source: str
) -> None:
    runs[cell_id] = CellRun(cell_id, source)
    assert verdict_on(EXERCISE, {}).state == NOT_STARTED


def four(*, number: int) -> int:
    """Return a number; the calls below don't fit."""
    return number


@pytest.mark.parametrize("arguments", [((), {"n": 4}), ((), {}), ((4,), {}), ((4, 4), {})])
def test_other_parameters_are_told_as_that(
    arguments: tuple[tuple[int, ...], dict[str, int]],
) -> None:
    with pytest.raises(TypeError) as caught:
        four(*arguments[0], **arguments[1])
    item = CheckItem("it is four", False, "4", f"TypeError: {caught.value}", "the number")
    assert "keep the parameters" in with_misfit(item, EXERCISE).where


@pytest.mark.parametrize(
    "got", ["TypeError: five() missing 1 required positional argument: 'x'", "TypeError: four", "5"]
)
def test_other_errors_keep_their_advice(got: str) -> None:
    item = CheckItem("it is four", False, "4", got, "the number")
    assert with_misfit(item, EXERCISE) is item
    assert verdict_on(EXERCISE, {"four": four}).state == NOT_YET
