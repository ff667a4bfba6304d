"""Progress: one small file, safe with several kernels, never a crash."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coursekit.course import progress_file
from coursekit.errors import ExerciseError, ProgressError
from coursekit.exercises.manifest import all_exercises
from coursekit.exercises.progress import progress_of
from coursekit.exercises.records import (
    Record,
    note_check,
    note_hint,
    note_solution,
    parse,
    record_of,
    records,
)
from coursekit.exercises.transfer import export, import_file
from support.locks import held

FIRST, SECOND = "url-for-any-password", "who-answered"
COUNT = len(all_exercises())
NOTE_TEN = """
import sys
from pathlib import Path
from coursekit.exercises.records import note_hint
for _ in range(10):
    note_hint(Path(sys.argv[1]), "url-for-any-password")
"""
posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows has no users and pipes like this")


def test_nothing_is_done_at_first(tmp_path: Path) -> None:
    assert records(tmp_path) == {}
    assert progress_of(tmp_path).summary == f"0 done, 0 tried, {COUNT} open."


def test_a_check_is_noted(tmp_path: Path) -> None:
    note_check(tmp_path, FIRST, done=False)
    assert records(tmp_path) == {FIRST: Record(checks=1)}
    assert progress_of(tmp_path).summary == f"0 done, 1 tried, {COUNT - 1} open."
    note_check(tmp_path, FIRST, done=True)
    assert records(tmp_path) == {FIRST: Record(done=True, checks=2)}
    assert progress_of(tmp_path).summary == f"1 done, 0 tried, {COUNT - 1} open."


def test_what_was_done_stays_done(tmp_path: Path) -> None:
    note_check(tmp_path, FIRST, done=True)
    note_check(tmp_path, FIRST, done=False)
    assert records(tmp_path)[FIRST].state == "done"


def test_looking_at_a_solution_advances_nothing(tmp_path: Path) -> None:
    note_solution(tmp_path, FIRST)
    note_hint(tmp_path, FIRST)
    assert records(tmp_path)[FIRST].state == "open"


def test_the_map_names_every_exercise_with_its_state(tmp_path: Path) -> None:
    note_check(tmp_path, FIRST, done=True)
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
    assert records(tmp_path)[FIRST].hints == 30


GOOD = '{"format": 1, "exercises": {"06.1": {"done": true, "checks": 3, "hints": 1}}}'
DAMAGED = {
    "empty": "",
    "truncated": GOOD[:40],
    "null": "null",
    "a list": "[]",
    "a number": "7",
    "no exercises": '{"format": 1}',
    "another format": GOOD.replace("1", "2", 1),
    "exercises in a list": '{"format": 1, "exercises": [1]}',
    "a record that is none": '{"format": 1, "exercises": {"01.1": 7}}',
    "an unknown field": GOOD.replace("hints", "hunts"),
    "a string": GOOD.replace("true", '"true"'),
    "a truth value for a number": GOOD.replace("3", "true"),
    "a fraction": GOOD.replace("3", "3.5"),
    "not a number": GOOD.replace("3", "NaN"),
    "a negative number": GOOD.replace("3", "-3"),
    "a huge number": GOOD.replace("3", "9" * 5000),
    "deep lists": "[" * 200_000,
    "deep objects": '{"format": 1, "exercises": ' + '{"a": ' * 100_000,
    "control characters": "\0\1\2",
    "a byte order mark": "\ufeff" + GOOD,
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_set_aside(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "progress.json").write_text(text, encoding="utf-8")
    assert records(tmp_path) == {}
    (aside,) = tmp_path.glob("progress-damaged-*.json")
    assert aside.read_text("utf-8") == text
    assert capsys.readouterr().out == (
        f"progress.json can't be read, so it was renamed to {aside.name}, and your progress "
        "starts from scratch.\n"
    )


def test_damaged_files_are_all_kept(tmp_path: Path) -> None:
    damaged = [b"\xff\xfe", b"first", b"second", b"third"]
    for each in damaged:  # most of them within a second
        (tmp_path / "progress.json").write_bytes(each)
        note_check(tmp_path, FIRST, done=True)
    assert records(tmp_path) == {FIRST: Record(done=True, checks=1)}
    kept = [path.read_bytes() for path in tmp_path.glob("progress-damaged-*.json")]
    assert sorted(kept) == sorted(damaged)


def test_a_folder_in_its_place_is_reported_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "progress.json").mkdir()
    for use in (
        lambda: records(tmp_path),
        lambda: note_check(tmp_path, FIRST, done=True),
    ):
        with pytest.raises(ProgressError) as caught:
            use()
        assert str(caught.value) == (
            f"Your progress can't be read or saved, because {tmp_path / 'progress.json'} can't be "
            "used: it isn't a file. Rename or delete it."
        )
    assert (tmp_path / "progress.json").is_dir()


@posix_only
def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "progress.json")
    with pytest.raises(ProgressError, match="it isn't a file"):
        records(tmp_path)


def test_a_link_to_nowhere_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "progress.json").symlink_to(tmp_path / "nowhere.json")
    note_check(tmp_path, FIRST, done=True)
    assert records(tmp_path) == {FIRST: Record(done=True, checks=1)}


@contextmanager
def read_only_workspace() -> Iterator[Path]:
    """A workspace that can't be written to; root, who always can, becomes another user."""
    with tempfile.TemporaryDirectory() as folder:
        workspace, me = Path(folder), os.geteuid()
        workspace.chmod(0o555)
        os.seteuid(me or 65534)
        try:
            yield workspace
        finally:
            os.seteuid(me)
            workspace.chmod(0o755)


@posix_only
def test_a_folder_of_another_user_is_reported() -> None:
    with read_only_workspace() as workspace, pytest.raises(ProgressError) as caught:
        note_check(workspace, FIRST, done=True)
    foreign = os.geteuid() == 0
    assert (caught.value.what, caught.value.why, caught.value.do) == (
        f"Your progress can't be read or saved, because {workspace / 'progress.lock'} can't be "
        f"used: {os.strerror(errno.EACCES)}.",
        "It belongs to the user root, perhaps because of a sudo command." if foreign else "",
        f'Take ownership of your files: sudo chown -R "$USER" "{workspace}"'
        if foreign
        else "Make the file and its folder writable, or set TUTORIAL_WORKSPACE to another folder.",
    )


def test_a_lock_that_stays_held_is_given_up_and_its_holder_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_file, "LOCK_TIMEOUT", 0.1)
    with held(tmp_path / "progress.lock") as process, pytest.raises(ProgressError) as caught:
        note_check(tmp_path, FIRST, done=True)
    holder = f"; process {process.pid} has the file open" if os.name == "posix" else ""
    assert str(caught.value) == (
        "Your progress can't be read or saved, because another process has held "
        f"{tmp_path / 'progress.lock'} for 0.1 seconds. The other process may be a suspended "
        f"kernel or command{holder}. End that process, or shut down all kernels."
    )


def test_what_could_not_be_saved_is_saved_later(tmp_path: Path) -> None:
    note_hint(tmp_path, FIRST)
    saved = (tmp_path / "progress.json").rename(tmp_path / "saved")
    (tmp_path / "progress.json").mkdir()
    for _ in range(2):
        with pytest.raises(ProgressError):
            note_check(tmp_path, SECOND, done=False)
    assert record_of(tmp_path, SECOND) == Record(checks=2)
    (tmp_path / "progress.json").rmdir()
    saved.rename(tmp_path / "progress.json")
    note_check(tmp_path, FIRST, done=True)
    saved_now = parse((tmp_path / "progress.json").read_bytes())
    assert saved_now == {
        FIRST: Record(done=True, checks=1, hints=1),
        SECOND: Record(checks=2),
    }


def test_progress_moves_to_another_machine(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    note_check(here, FIRST, done=True)
    note_check(here, SECOND, done=False)
    assert export(here, tmp_path / "mine.json") == 2
    note_check(there, SECOND, done=True)
    note_hint(there, SECOND)
    assert import_file(there, tmp_path / "mine.json") == 2
    assert records(there) == {
        FIRST: Record(done=True, checks=1),
        SECOND: Record(done=True, checks=1, hints=1),
    }


def test_a_file_that_holds_no_progress_changes_nothing(tmp_path: Path) -> None:
    note_check(tmp_path, FIRST, done=True)
    (tmp_path / "other.json").write_text(json.dumps({"name": "Ann"}), encoding="utf-8")
    before = records(tmp_path)
    with pytest.raises(ExerciseError, match="contains no readable progress"):
        import_file(tmp_path, tmp_path / "other.json")
    assert records(tmp_path) == before


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_export_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.json").write_text(text, encoding="utf-8")
    with pytest.raises(ExerciseError, match="contains no readable progress"):
        import_file(tmp_path, tmp_path / "other.json")
    assert not (tmp_path / "progress.json").exists()


def test_an_export_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ExerciseError, match="cannot be written"):
        export(tmp_path, tmp_path / "nowhere" / "mine.json")
