"""A command's output is read within limits."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from coursekit import limits
from coursekit.course.commands import _kill, did_not_end, run_program
from coursekit.kernel.output import collect
from support.kernels import until

TREE = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(10**6)"])
pathlib.Path("pid.new").write_text(str(child.pid))
os.rename("pid.new", "pid")
time.sleep(10**6)
"""


def run(code: str, folder: Path, timeout: float | None = None) -> tuple[int, str]:
    return run_program([sys.executable, "-c", code], os.environ, folder, timeout=timeout)


def test_of_a_long_output_the_beginning_and_the_end_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "OUTPUT_LIMIT", 200_000)
    code, output = run("print('first' + 1_000_000 * '.' + 'last')", tmp_path)
    assert code == 0
    assert output.startswith("first...")
    assert output.endswith("...last\n")
    assert "bytes left out" in output
    assert len(output) < 300_000


def test_output_within_the_limit_is_kept_whole(tmp_path: Path) -> None:
    assert run("print('a'); print('ü' * 3)", tmp_path) == (0, "a\nüüü\n")


@pytest.mark.parametrize("code", ["import time; time.sleep(10**6)", "while True: print(1)"])
def test_a_program_that_does_not_end_is_stopped(code: str, tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run(code, tmp_path, timeout=1)


def test_a_command_that_does_not_end_is_reported_with_its_last_line() -> None:
    late = subprocess.TimeoutExpired("", 180.0, "INFO a\nINFO b\n\n")
    assert str(did_not_end("alembic", "upgrade head", late)) == (
        "alembic upgrade head did not end within 180 seconds. It was stopped. The last line it "
        "printed is: INFO b Look for an endless loop, a long sleep or a lock that is never "
        "released."
    )


def test_what_a_program_has_started_is_killed_with_it(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", TREE], cwd=tmp_path)
    until((tmp_path / "pid").exists)
    _kill(process)
    child = int((tmp_path / "pid").read_text())
    until(lambda: not alive(child))


def alive(pid: int) -> bool:
    """Return whether a process is running, on any system."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Running:
    """A process that hasn't ended."""

    def wait(self, timeout: float | None = None) -> int:
        raise AssertionError("nothing waits for it")


def test_an_interrupt_before_reading_has_started_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("coursekit.kernel.output._Reader.start", interrupted)
    killed: list[bool] = []
    stream = io.BufferedReader(io.BytesIO())  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        collect(Running(), stream, None, lambda: killed.append(True))
    assert killed == [True]
