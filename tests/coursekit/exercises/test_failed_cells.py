"""An answer whose cell failed isn't judged by what an earlier run of it defined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from coursekit.course import cell_runs
from coursekit.errors import ExerciseError
from coursekit.exercises.check import verdict_on
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.failed_cells import NBGRADER, failed_cells
from coursekit.exercises.manifest import exercises_of
from coursekit.exercises.verdict import NOT_YET
from support.kernels import KINDS, Kernel

EXERCISE = Exercise(
    "toy",
    "Toy",
    lambda answer: iter(()),
    ("?", "!"),
    "",
    names=("four", "Five"),
    lesson="connect",
    position=9,
)
FOUR = "def four():\n    return 4\n"


class Info:
    def __init__(self, cell_id: str | None, source: str) -> None:
        self.cell_id, self.raw_cell = cell_id, source


class Result:
    error_before_exec = None

    def __init__(self, cell_id: str | None, source: str, error: Exception | None) -> None:
        self.info, self.error_in_exec = Info(cell_id, source), error


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(cell_runs, "_last_runs", {})
    monkeypatch.setattr(cell_runs, "_since_mark", [])
    monkeypatch.delenv(NBGRADER, raising=False)
    return


def ran(cell_id: str | None, source: str = "", error: str = "") -> None:
    """Note a cell that ran to its end, or failed with this error."""
    cell_runs.note_end(Result(cell_id, source, ValueError(error) if error else None))


def failed() -> list[str]:
    return [item.got.removeprefix("ValueError: ") for item in failed_cells(EXERCISE)]


def test_a_failed_cell_of_the_answer_is_named() -> None:
    ran("answer-toy", FOUR, "one")
    ran("answer-toy_b", f"# TODO\n\nfive = {'5' * 60}", "two")
    assert failed() == ["one", "two"]
    item = failed_cells(EXERCISE)[1]
    assert item.what == f'the cell "five = {"5" * 43}" runs to its end'
    assert verdict_on(EXERCISE, {"four": lambda: 4}).items == failed_cells(EXERCISE)
    assert verdict_on(EXERCISE, {}).state == NOT_YET


def test_a_cell_that_succeeded_later_has_not_failed() -> None:
    ran("answer-toy", FOUR, "one")
    ran("answer-toy", FOUR)
    assert failed() == []
    ran("answer-toy", FOUR, "again")
    assert failed() == ["again"]


@pytest.mark.parametrize(
    "cell", ["check-toy", "answer-another", "answer-toy-b", "8f3a", "begin-toy"]
)
def test_other_cells_may_fail(cell: str) -> None:
    ran(cell, "four()", "on purpose")
    assert failed() == []


@pytest.mark.parametrize(
    "source", [FOUR, "class Five: pass", "four = 1/0", "four: int = 1/0", "def four(:"]
)
@pytest.mark.parametrize("cell", [None, "vscode-notebook-cell:/a.ipynb#W1"])
def test_without_its_id_a_cell_is_known_by_what_it_defines(cell: str | None, source: str) -> None:
    ran(cell, source, "one")
    assert failed() == ["one"]
    first = source.splitlines()[0]
    assert failed_cells(EXERCISE)[0].what == f'the cell "{first}" runs to its end'


@pytest.mark.parametrize(
    "source", ["four()", "x = 4", "def other():\n    four = 4", f"%%writefile a.py\n{FOUR}"]
)
def test_without_its_id_a_cell_that_defines_nothing_of_it_may_fail(source: str) -> None:
    ran(None, source, "one")
    assert failed() == []


def test_a_cell_that_is_running_has_not_failed() -> None:
    ran("answer-toy", f"{FOUR}1/0\ncheck('toy')", "one")
    cell_runs.note_start(Info("answer-toy", f"{FOUR}\ncheck('toy')"))
    assert failed() == []


def test_a_check_in_the_cell_of_the_answer_may_say_not_yet() -> None:
    said = ExerciseError("Exercise 06.9: not yet")
    cell_runs.note_end(Result("answer-toy", f"{FOUR}\ncheck('toy')", said))
    assert failed() == []


def test_another_cell_may_define_what_a_failed_one_did_not() -> None:
    ran("answer-toy", FOUR, "one")
    ran("mine", "x = 1")
    assert failed() == ["one"]
    ran("mine", FOUR)
    assert failed() == []


def test_under_nbgrader_every_cell_since_the_beginning_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(NBGRADER, "autograde")
    ran(None, "1/0", "in the lesson")
    cell_runs.mark()
    ran(None, "%alembic upgrade head", "one")
    ran(None, "x = 1")
    nameless = replace(EXERCISE, names=())
    assert [item.got for item in failed_cells(nameless)] == ["ValueError: one"]
    assert failed_cells(EXERCISE) == ()
    cell_runs.mark()
    assert failed_cells(nameless) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_kernel_notes_how_the_cells_of_a_front_end_ended(kind: str) -> None:
    first = exercises_of("connect")[0]
    name = first.names[0]
    with Kernel(kind) as kernel:
        kernel.run_with_id("from coursekit import check", "tools")
        kernel.run_with_id(f"def {name}(): pass", f"answer-{first.slug}")
        kernel.run_with_id(f"def {name}(): return 1\n1/0", f"answer-{first.slug}")
        said, _ = kernel.run_with_id(f"check({first.number!r})", f"check-{first.slug}")
        assert said["ename"] == "ExerciseError"
        assert f'the cell "def {name}(): return 1" runs to its end' in said["evalue"]
        kernel.run_with_id(f"def {name}(): return 1", f"answer-{first.slug}")
        said, _ = kernel.run_with_id(f"check({first.number!r})", f"check-{first.slug}")
        assert "runs to its end" not in said["evalue"]
