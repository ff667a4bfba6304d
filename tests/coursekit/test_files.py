"""Files are written completely or not at all, and are on the disk when that matters."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from coursekit import files
from coursekit.files import THROWAWAY_VARIABLE, sync, write_atomic


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a learner's process asks of the disk, in order."""
    seen: list[str] = []
    fsync, replace = os.fsync, os.replace

    def seen_fsync(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        seen.append("sync folder" if folder else "sync file")
        fsync(descriptor)

    def seen_replace(old: Path, new: Path) -> None:
        seen.append("replace")
        replace(old, new)

    monkeypatch.delenv(THROWAWAY_VARIABLE, raising=False)
    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(os, "replace", seen_replace)
    return seen


posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows can't sync a folder")


@posix_only
def test_a_file_is_on_the_disk_before_it_replaces_the_old_one(
    events: list[str], tmp_path: Path
) -> None:
    write_atomic(tmp_path / "file", "text")
    assert events == ["sync file", "replace", "sync folder"]
    assert (tmp_path / "file").read_text() == "text"


def test_an_isolated_run_does_not_wait_for_the_disk(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(THROWAWAY_VARIABLE, "1")
    write_atomic(tmp_path / "file", "text")
    sync([tmp_path / "file", tmp_path])
    assert events == ["replace"]


@posix_only
def test_what_outlives_an_isolated_run_is_on_the_disk(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(THROWAWAY_VARIABLE, "1")
    write_atomic(tmp_path / "file", "text", lasting=True)
    assert events == ["sync file", "replace", "sync folder"]


def test_a_file_that_cannot_be_replaced_keeps_its_text(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        write_atomic(tmp_path / "file", "text")
    assert (tmp_path / "file").is_dir()


@pytest.mark.parametrize("refusals", [1, len(files.DELAYS)])
def test_on_windows_it_waits_for_a_virus_scanner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    replace, waited = os.replace, list[float]()

    def held(old: Path, new: Path) -> None:
        if len(waited) < refusals:
            raise PermissionError(13, "The process cannot access the file")
        replace(old, new)

    monkeypatch.setattr(files, "WINDOWS", True)
    monkeypatch.setattr(files.time, "sleep", waited.append)
    monkeypatch.setattr(os, "replace", held)
    write_atomic(tmp_path / "progress.json", "new")
    assert (tmp_path / "progress.json").read_text() == "new"
    assert waited == list(files.DELAYS[:refusals])


def test_in_the_end_it_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def held(old: Path, new: Path) -> None:
        raise PermissionError(13, "The process cannot access the file")

    monkeypatch.setattr(files, "WINDOWS", True)
    monkeypatch.setattr(files.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(os, "replace", held)
    (tmp_path / "progress.json").write_text("old")
    with pytest.raises(PermissionError):
        write_atomic(tmp_path / "progress.json", "new")
    assert (tmp_path / "progress.json").read_text() == "old"
