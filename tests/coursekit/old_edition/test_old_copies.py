"""The first edition's copies and progress: kept, and each old copy names the new edition."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tutorial_lib
from coursekit.course.catalog import lesson_path
from coursekit.errors import NotebookError
from coursekit.exercises import records
from coursekit.exercises.copies import copy_for_learner, learners_text, newest, reset
from coursekit.exercises.old_edition import MOVED, former_name
from coursekit.exercises.records import Record
from coursekit.settings import ROOT, Settings
from support.kernels import KINDS, Kernel

IMPORTS = (ROOT / "tests/data/old_workspace/imports.txt").read_text().splitlines()
OLD = "This notebook is your copy from an earlier edition of the course; "
BESIDE = (
    f"{OLD}the new edition is 01_connect_new.ipynb, in the same folder, and this command opens "
    "it: python3 start.py lab 01"
)
MISSING = f"{OLD}this command puts the new edition beside it and opens it: python3 start.py lab 01"
UNKNOWN = (
    f"{OLD}the new edition is in the same folder, where the name of a copy you changed now ends "
    "in _new.ipynb, and this command opens a lesson of it, such as 01: python3 start.py lab 01"
)


@pytest.fixture
def in_lesson_01(monkeypatch: pytest.MonkeyPatch, old_workspace: Path) -> Path:
    """The old copy of lesson 01; for Jupyter, this process is its kernel."""
    path = old_workspace / "notebooks" / "01_connect.ipynb"
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    return path


def first_cell(notebook: Path) -> str:
    """Return the first code cell of a notebook."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return next("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def tutorial(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a learner does."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("tutorial")), *words],
        env={**os.environ, "COLUMNS": "200", **environ},
        capture_output=True,
        text=True,
    )


def test_progress_is_kept(old_workspace: Path) -> None:
    before = (old_workspace / "progress.json").read_bytes()
    assert records.records(old_workspace) == {
        "url-for-any-password": Record(done=True, checks=1),
        "who-answered": Record(checks=1, hints=2),
        "missing-setting": Record(hints=1),
    }
    shown = tutorial("progress").stdout
    assert "01.1 done, 01.2 tried, 01.3 open" in shown
    assert "\n1 done, 1 tried, " in shown
    assert (old_workspace / "progress.json").read_bytes() == before


def test_progress_goes_on_from_there(old_workspace: Path) -> None:
    records.note_check(old_workspace, "who-answered", done=True)
    assert records.note_hint(old_workspace, "who-answered") == 3
    assert records.records(old_workspace)["who-answered"] == Record(done=True, checks=2, hints=3)


def test_a_changed_copy_is_kept_and_an_untouched_one_follows(old_workspace: Path) -> None:
    folder = old_workspace / "notebooks"
    changed = (folder / "01_connect.ipynb").read_bytes()
    said = tutorial("copy").stdout.splitlines()
    assert (folder / "01_connect.ipynb").read_bytes() == changed
    for copy, number in (("00_start_here.ipynb", "00"), ("01_connect_new.ipynb", "01")):
        assert (folder / copy).read_text(encoding="utf-8") == learners_text(lesson_path(number))
    assert said[0].startswith("00_start_here.ipynb: ")
    assert said[1].startswith("01_connect.ipynb: ")
    assert "01_connect_new.ipynb" in said[1]


def test_a_second_update_changes_nothing(settings: Settings) -> None:
    copy_for_learner(settings)
    before = {path: path.read_bytes() for path in (settings.workspace / "notebooks").iterdir()}
    assert copy_for_learner(settings).told == ()
    after = {path: path.read_bytes() for path in (settings.workspace / "notebooks").iterdir()}
    assert after == before


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_cell_of_an_old_copy_shows_one_sentence(
    kind: str, settings: Settings, in_lesson_01: Path
) -> None:
    copy_for_learner(settings)
    with Kernel(kind, env=dict(os.environ)) as kernel:
        assert kernel.kind == kind
        assert kernel.run(first_cell(in_lesson_01)) == f"NotebookError: {BESIDE}"


@pytest.mark.parametrize("line", IMPORTS)
def test_every_import_of_the_first_edition_shows_it(
    line: str, settings: Settings, in_lesson_01: Path
) -> None:
    copy_for_learner(settings)
    with pytest.raises(NotebookError, match="earlier edition") as caught:
        exec(line, {})
    assert str(caught.value) == BESIDE


def test_without_a_new_edition_it_names_the_command_that_makes_it(in_lesson_01: Path) -> None:
    assert str(former_name("start")) == MISSING


def test_a_kernel_that_knows_no_notebook_names_the_pattern(
    old_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert str(former_name("start")) == UNKNOWN


def test_vs_code_names_the_notebook_in_the_kernel(settings: Settings, in_lesson_01: Path) -> None:
    copy_for_learner(settings)
    environ = {name: value for name, value in os.environ.items() if name != "JPY_SESSION_NAME"}
    with Kernel("default", env=environ) as kernel:
        kernel.run(f"__vsc_ipynb_file__ = {str(in_lesson_01)!r}")
        assert kernel.run("from tutorial_lib import start") == f"NotebookError: {BESIDE}"


def test_a_page_that_is_older_than_its_file_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_for_learner(settings)  # lesson 00 was untouched, and may be open in a browser
    monkeypatch.setenv("JPY_SESSION_NAME", "notebooks/00_start_here.ipynb")
    assert str(former_name("start")) == (
        "This page shows an earlier edition of the course; the file 00_start_here.ipynb is the new "
        "edition already, so close this page without saving, and open the file with: "
        "python3 start.py lab 00"
    )


def test_an_old_line_in_a_new_copy_names_the_new_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_for_learner(settings)
    copy = settings.workspace / "notebooks" / "01_connect_new.ipynb"
    copy.write_text(copy.read_text(encoding="utf-8") + "\n", encoding="utf-8")  # a learner's
    monkeypatch.setenv("JPY_SESSION_NAME", str(copy))
    assert "`from coursekit import start` now" in str(former_name("start"))
    assert "python3 start.py reset 01" in str(former_name("start"))


def test_a_setting_that_was_renamed_leaves_the_sentence(
    in_lesson_01: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUTORIAL_POSTGRES", "own")
    assert str(former_name("start")) == MISSING


def test_each_new_line_works() -> None:
    for line in MOVED.values():
        exec(line, {})


@pytest.mark.parametrize("name", ["nothing", "__wrapped__", "_start"])
def test_other_names_are_attribute_errors(name: str) -> None:
    with pytest.raises(AttributeError, match=f"'tutorial_lib' has no attribute '{name}'"):
        getattr(tutorial_lib, name)


def test_the_library_alone_needs_no_course(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tutorial_lib", tmp_path / "tutorial_lib", ignore=ignored)
    code = (
        "import importlib.metadata as m; m.entry_points = lambda **only: ()\n"  # not installed
        "from tutorial_lib import explorer, config\n"
        "import sys; assert 'coursekit' not in sys.modules\n"
        "from tutorial_lib import start"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert "ImportError: cannot import name 'start' from 'tutorial_lib'" in done.stderr


def test_the_newest_copy_is_the_one_to_open(settings: Settings) -> None:
    folder = settings.workspace / "notebooks"
    assert newest(settings, "00") is None
    copy_for_learner(settings)
    assert newest(settings, "00") == folder / "00_start_here.ipynb"
    new = folder / "01_connect_new.ipynb"
    new.write_text("{}", encoding="utf-8")  # changed, but still the new edition
    assert newest(settings, "01") == new


def test_after_a_reset_the_copy_itself_is_the_newest(settings: Settings) -> None:
    copy_for_learner(settings)
    reset(settings, "01")
    own = settings.workspace / "notebooks" / "01_connect.ipynb"
    own.write_text(own.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert newest(settings, "01") == own


def test_lab_opens_the_new_edition_of_the_lesson_it_names(old_workspace: Path) -> None:
    code = (
        "from coursekit.course import jupyterlab\n"
        "jupyterlab.serve = lambda root, notebook, *folder, **more: print('opens', notebook)\n"
        "from coursekit.cli import main; main()"
    )
    for words, opened in ((["1"], "01_connect_new"), ([], "00_start_here")):
        done = subprocess.run(
            [sys.executable, "-c", code, "lab", *words], capture_output=True, text=True
        )
        assert f"opens notebooks/{opened}" in done.stdout, done.stderr


def test_lab_refuses_a_lesson_that_does_not_exist(old_workspace: Path) -> None:
    done = tutorial("lab", "99", "--no-browser")
    assert done.returncode == 1
    assert "99" in done.stderr
