"""A verdict, a hint and a solution are shown even if progress can't be saved."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from coursekit import check, hint, solution
from coursekit.errors import ExerciseError
from coursekit.exercises.manifest import exercises_of
from coursekit.exercises.records import Record, records
from support.attempts import reference

FIRST = exercises_of("connect")[0]
WRONG = "".join(f"def {name}(*a, **k): return 'no'\n" for name in FIRST.names)


@pytest.fixture
def unusable(workspace: Path) -> Path:
    """A workspace with a folder in place of its progress file."""
    (workspace / "progress.json").mkdir(parents=True)
    return workspace


def said(workspace: Path) -> str:
    return (
        f"Your progress can't be read or saved, because {workspace / 'progress.json'} can't be "
        "used: it isn't a file. Rename or delete it.\n"
    )


def checked(code: str) -> None:
    """Run an answer and its check, as cells do."""
    names: dict[str, Any] = {"check": check}
    exec(code + f"\ncheck({FIRST.number!r})", names)


def test_a_done_verdict_is_shown_then_one_line(
    unusable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checked(reference(FIRST))
    shown = capsys.readouterr()
    assert f"{FIRST.heading}: done." in shown.out
    assert shown.out.endswith("\n" + said(unusable))
    assert shown.out.count("progress") == said(unusable).count("progress")
    assert shown.err == ""


def test_a_verdict_of_not_yet_is_shown_and_raised(
    unusable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ExerciseError, match="not yet") as caught:
        checked(WRONG)
    assert caught.value.__context__ is None
    shown = capsys.readouterr().out
    assert "[not yet]" in shown
    assert shown.endswith("\n" + said(unusable))


def test_hints_still_come_one_after_another(
    unusable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, text in enumerate(FIRST.hints, start=1):
        hint(FIRST.number)
        shown = capsys.readouterr().out
        assert f"Hint {number} of {len(FIRST.hints)}" in shown
        assert text in shown
        assert shown.endswith(said(unusable))


def test_a_solution_is_still_offered_after_an_attempt(
    unusable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ExerciseError, match="was not tried yet"):
        solution(FIRST.number)
    with pytest.raises(ExerciseError):
        checked(WRONG)
    solution(FIRST.number)
    shown = capsys.readouterr().out
    assert FIRST.why in shown
    assert shown.endswith(said(unusable))


def test_what_was_done_meanwhile_is_saved_once_that_is_possible(unusable: Path) -> None:
    with pytest.raises(ExerciseError):
        checked(WRONG)
    hint(FIRST.number)
    shutil.rmtree(unusable / "progress.json")
    checked(reference(FIRST))
    assert records(unusable)[FIRST.slug] == Record(done=True, checks=2, hints=1)


def test_settings_that_cannot_be_read_do_not_hide_the_verdict(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_HOST", "db.example")
    monkeypatch.setenv("TUTORIAL_POSTGRES", "external")
    with pytest.raises(ExerciseError, match="not yet"):
        checked(WRONG)
    shown = capsys.readouterr().out
    assert "[not yet]" in shown
    assert shown.splitlines()[-1].startswith("DATABASE_HOST is set, but DATABASE_PORT")
