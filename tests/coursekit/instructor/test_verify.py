"""`tutorial verify`, run on a copy of the kit with lessons broken in known ways."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from coursekit.servers.server import Server
from coursekit.settings import ROOT
from support.command import Tutorial

pytestmark = pytest.mark.slow

LIMIT = 15  # seconds for a cell; one hangs until then
CANARY = "hunter2"


def printed(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


LOCKED = (
    "from sqlalchemy import text\n"
    "from coursekit import start\n"
    "lesson = start('04')\n"
    "one, two = lesson.engine.connect(), lesson.engine.connect()\n"
    "_ = one.execute(text('CREATE TABLE users (id int)'))\n"
    "one.commit()\n"
    "_ = one.execute(text('LOCK TABLE users'))\n"
    "_ = two.execute(text('SET lock_timeout = 0'))  # a lesson's own would end the wait\n"
    "print(1)"
)
LESSONS = {
    "06_good": [("x = 1\nprint(x)", [printed("1\n")])],
    "01_stale": [("x = 1", []), ("print('one')\nprint('two')", [printed("one\n2\n")]), ("x", [])],
    "02_broken": [("x = 1", []), ("print(x)\nx / 0", [printed("1\n")])],
    "03_dies": [("print(1)", [printed("1\n")]), ("import os\nos._exit(3)", [])],
    "04_hangs": [(LOCKED, [printed("1\n")]), ("two.execute(text('SELECT * FROM users'))", [])],
    "05_shell": [("print(1)", [printed("1\n")]), ("!exit 3", [])],
}


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the kit with these lessons."""
    kit = tmp_path_factory.mktemp("kit")
    for package in ("tutorial_lib", "coursekit"):
        shutil.copytree(ROOT / package, kit / package)
    for name in ("pyproject.toml", "constraints.txt"):
        text = (ROOT / name).read_text("utf-8").replace("timeout=300", f"timeout={LIMIT}")
        (kit / name).write_text(text, encoding="utf-8")
    (kit / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "sanitize.cfg", kit / "notebooks")
    shutil.copytree(ROOT / "notebooks" / "starts", kit / "notebooks" / "starts")
    for name, cells in LESSONS.items():
        save(kit / "notebooks" / f"{name}.ipynb", cells)
    return kit


def save(path: Path, cells: list[tuple[str, list[dict[str, Any]]]]) -> None:
    number, _, title = path.stem.partition("_")
    first = {"cell_type": "markdown", "id": "title", "metadata": {}}
    head = {**first, "source": f"# {number} · {title.title()}\n\n**What is broken?**"}
    code = [
        {
            "cell_type": "code",
            "id": f"cell-{count}",
            "execution_count": count,
            "metadata": {},
            "source": source,
            "outputs": outputs,
        }
        for count, (source, outputs) in enumerate(cells, start=1)
    ]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}}
    path.write_text(json.dumps({**notebook, "cells": [head, *code]}), encoding="utf-8")


def verify(kit: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-c", "from coursekit.cli import main; main()", "verify", *words],
        cwd=kit,
        env={**environ, "PYTHONPATH": str(kit), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def done(kit: Path, folder: Path, server: Server) -> subprocess.CompletedProcess[str]:
    """Run all of them at once, with all reports, on a server that is already running."""
    address = server.url.render_as_string(hide_password=False)
    files = "--junit", str(folder / "junit.xml"), "--report", str(folder / "report")
    return verify(kit, *files, "--jobs", "2", "--server", address)


def reported(done: subprocess.CompletedProcess[str], title: str) -> str:
    """Return the report on a lesson, without the session numbers."""
    paragraphs = done.stdout.split("\n\n")
    (found,) = [part for part in paragraphs if part.strip().startswith(f"{title}, ")]
    return found.strip()


def test_a_run_with_failures_ends_with_1_and_counts_them(
    done: subprocess.CompletedProcess[str],
) -> None:
    assert (done.returncode, done.stderr) == (1, "")
    assert "\n5 of 6 lessons failed.\n" in done.stdout


def test_each_lesson_has_one_line(done: subprocess.CompletedProcess[str]) -> None:
    lines = sorted(line for line in done.stdout.splitlines() if line.endswith(" s"))
    assert [line.split(" tests ")[0].split() for line in lines] == [
        ["01", "·", "Stale", "FAILED", "at", "cell", "2", "3", "of", "5"],
        ["02", "·", "Broken", "FAILED", "at", "cell", "2", "3", "of", "4"],
        ["03", "·", "Dies", "FAILED", "at", "cell", "2", "3", "of", "4"],
        ["04", "·", "Hangs", "FAILED", "at", "cell", "2", "3", "of", "4"],
        ["05", "·", "Shell", "FAILED", "at", "gates", "4", "of", "4"],
        ["06", "·", "Good", "ok", "2"],
    ]


def test_a_stale_output_is_distinguished_from_a_broken_cell(
    done: subprocess.CompletedProcess[str],
) -> None:
    assert reported(done, "01 · Stale").splitlines() == [
        "01 · Stale, cell 2: stale output",
        "   problem:  Its output differs from the stored one",
        "   source:",
        "      print('one')",
        "      print('two')",
        "   expected:",
        "      one",
        "      2",
        "   got:",
        "      one",
        "      two",
        "   cause:    The cell runs, but its output has changed since the notebook was stored.",
        "   fix:      python3 start.py refresh 01 && git diff notebooks",
    ]
    assert reported(done, "02 · Broken").splitlines() == [
        "02 · Broken, cell 2: broken cell",
        "   problem:  It raises ZeroDivisionError: division by zero",
        "   source:",
        "      print(x)",
        "      x / 0",
        "   expected: 1",
        "   got:",
        "      1",
        "      ZeroDivisionError: division by zero",
        "   cause:    The cell's code fails, or something in an earlier cell that it depends on.",
        "   fix:      fix the cell, then run: python3 start.py refresh 02",
    ]


def test_a_dead_kernel_is_reported_as_such(done: subprocess.CompletedProcess[str]) -> None:
    assert reported(done, "03 · Dies").startswith("03 · Dies, cell 2: kernel\n")
    assert "fix:      TUTORIAL_KERNEL=default python3 start.py verify 03" in done.stdout


def test_a_wait_for_a_lock_ends_and_names_the_holder(
    done: subprocess.CompletedProcess[str],
) -> None:
    said = re.sub(r"session \d+", "session N", reported(done, "04 · Hangs"))
    assert said.splitlines()[:2] == [
        "04 · Hangs, cell 2: hangs",
        f"   problem:  It took longer than {LIMIT} seconds: 'SELECT * FROM "
        "users' was waiting for a lock held by "
        "session N, whose last statement began with 'LOCK TABLE users'",
    ]


def test_what_the_gates_refuse_is_reported(done: subprocess.CompletedProcess[str]) -> None:
    assert reported(done, "05 · Shell").startswith("05 · Shell, gates: refused\n")


def test_junits_xml_has_every_test(done: subprocess.CompletedProcess[str], folder: Path) -> None:
    suite = ElementTree.parse(folder / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("23", "6", "5")


def test_the_page_leads_to_the_executed_copies(
    done: subprocess.CompletedProcess[str], folder: Path
) -> None:
    page = (folder / "report" / "index.html").read_text("utf-8")
    assert "<h1>5 of 6 lessons fail</h1>" in page
    links = re.findall(r'href="([^"#]+)"', page)
    assert len(links) == 10
    assert [link for link in links if not (folder / "report" / link).exists()] == []
    executed = json.loads((folder / "report" / "01_stale.ipynb").read_text("utf-8"))
    outputs = [cell["outputs"] for cell in executed["cells"] if cell["cell_type"] == "code"]
    assert outputs == [[], [printed("one\ntwo\n")], []]


def test_all_is_well_ends_with_0(kit: Path) -> None:
    done = verify(kit, "06")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\n1 lesson passed.\n")


def test_twice_finds_what_is_not_the_same_each_time(kit: Path, tmp_path: Path) -> None:
    once = f"import pathlib\np = pathlib.Path({str(tmp_path / 'seen')!r})\n"
    path = kit / "notebooks" / "07_twice.ipynb"
    save(path, [(f"{once}print(p.exists())\np.touch()", [printed("False\n")])])
    try:
        done = verify(kit, "07", "--twice")
    finally:
        path.unlink()
    assert done.returncode == 1
    assert done.stdout.endswith("07 · Twice isn't stable: only the second run failed.\n")


def test_it_runs_on_a_server_that_is_named_and_shows_no_password(
    kit: Path, server: Server, tmp_path: Path
) -> None:
    wrong = server.url.set(password=CANARY).render_as_string(hide_password=False)
    path = kit / "notebooks" / "08_server.ipynb"
    cell = "from coursekit import servers\nprint(servers.find().origin)"
    save(path, [(cell, [printed("external\n")])])
    try:
        right = server.url.render_as_string(hide_password=False)
        assert verify(kit, "08", "--server", right).returncode == 0
        done = verify(kit, "08", "--server", wrong, "--report", str(tmp_path))
    finally:
        path.unlink()
    assert done.returncode == 1
    assert "It doesn't accept this user name and password." in done.stdout
    everything = done.stdout + done.stderr + (tmp_path / "index.html").read_text("utf-8")
    assert CANARY not in everything


def test_another_python_without_the_kit_is_reported(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    folder = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    done = Tutorial(capfd)("verify", "00", "--python", str(tmp_path / folder))
    assert done.returncode == 1
    assert "No module named pytest" in done.stderr


def test_a_python_that_does_not_exist_is_reported(capfd: pytest.CaptureFixture[str]) -> None:
    done = Tutorial(capfd)("verify", "00", "--python", "no-such-python")
    assert done.returncode == 1
    assert done.stderr.startswith("There is no Python at no-such-python.")
    assert len(done.stderr.splitlines()) == 1
