"""Progress: one small file, safe with several kernels, never a crash."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit.errors import ExerciseError
from coursekit.exercises.manifest import all_exercises
from coursekit.exercises.progress import progress_of
from coursekit.exercises.records import (
    Record,
    note_check,
    note_hint,
    note_solution,
    records,
    was_checked,
)
from coursekit.exercises.transfer import export, import_file

COUNT = len(all_exercises())
NOTE_TEN = """
import sys
from pathlib import Path
from coursekit.exercises.records import note_hint
for _ in range(10):
    note_hint(Path(sys.argv[1]), "01.1")
"""


def test_nothing_is_done_at_first(tmp_path: Path) -> None:
    assert records(tmp_path) == {}
    assert progress_of(tmp_path).summary == f"0 done, 0 tried, {COUNT} open."


def test_a_check_is_noted(tmp_path: Path) -> None:
    note_check(tmp_path, "01.1", done=False)
    assert records(tmp_path) == {"01.1": Record(checks=1)}
    assert progress_of(tmp_path).summary == f"0 done, 1 tried, {COUNT - 1} open."
    note_check(tmp_path, "01.1", done=True)
    assert records(tmp_path) == {"01.1": Record(done=True, checks=2)}
    assert progress_of(tmp_path).summary == f"1 done, 0 tried, {COUNT - 1} open."


def test_what_was_done_stays_done(tmp_path: Path) -> None:
    note_check(tmp_path, "01.1", done=True)
    note_check(tmp_path, "01.1", done=False)
    assert records(tmp_path)["01.1"].state == "done"


def test_looking_at_a_solution_advances_nothing(tmp_path: Path) -> None:
    note_solution(tmp_path, "01.1")
    note_hint(tmp_path, "01.1")
    assert records(tmp_path)["01.1"].state == "open"
    assert not was_checked(tmp_path, "01.1")


def test_the_map_names_every_exercise_with_its_state(tmp_path: Path) -> None:
    note_check(tmp_path, "01.1", done=True)
    text, page = repr(progress_of(tmp_path)), progress_of(tmp_path)._repr_html_()
    for exercise in all_exercises():
        state = "done" if exercise.number == "01.1" else "open"
        assert f"{exercise.number} {state}" in text
        assert f"{exercise.number} {state}" in page
    assert '<a href="01_connect.ipynb">Connect</a>' in page


def test_several_processes_may_note_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", NOTE_TEN, str(tmp_path)]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert records(tmp_path)["01.1"].hints == 30


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "7", '{"format": 1}', '{"format": 2, "exercises": {}}'),
        *('{"format": 1, "exercises": []}', '{"format": 1, "exercises": {"01.1": 7}}'),
        '{"format": 1, "exercises": {"01.1": {"done": "yes"}}}',
        '{"format": 1, "exercises": {"01.1": {"points": 1}}}',
    ],
)
def test_a_damaged_file_is_set_aside(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "progress.json").write_text(text, encoding="utf-8")
    assert records(tmp_path) == {}
    (aside,) = tmp_path.glob("progress-damaged-*.json")
    assert aside.read_text("utf-8") == text
    assert capsys.readouterr().out == (
        f"progress.json could not be read. It was renamed to {aside.name}; your progress "
        "starts from scratch.\n"
    )


def test_a_file_of_bytes_that_are_no_text_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_bytes(b"\xff\xfe")
    assert records(tmp_path) == {}
    assert len(list(tmp_path.glob("progress-damaged-*.json"))) == 1


def test_progress_moves_to_another_machine(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    note_check(here, "01.1", done=True)
    note_check(here, "01.2", done=False)
    assert export(here, tmp_path / "mine.json") == 2
    note_check(there, "01.2", done=True)
    note_hint(there, "01.2")
    assert import_file(there, tmp_path / "mine.json") == 2
    assert records(there) == {
        "01.1": Record(done=True, checks=1),
        "01.2": Record(done=True, checks=1, hints=1),
    }


def test_a_file_that_holds_no_progress_changes_nothing(tmp_path: Path) -> None:
    note_check(tmp_path, "01.1", done=True)
    (tmp_path / "other.json").write_text(json.dumps({"name": "Ann"}), encoding="utf-8")
    before = records(tmp_path)
    with pytest.raises(ExerciseError, match="holds no progress that can be read"):
        import_file(tmp_path, tmp_path / "other.json")
    assert records(tmp_path) == before


def test_an_export_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ExerciseError, match="cannot be written"):
        export(tmp_path, tmp_path / "nowhere" / "mine.json")
