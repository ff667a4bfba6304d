"""start.py: the entry point, with nothing but the standard library."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

from coursekit.settings import ROOT
from support import stand_in


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """start.py as a module whose environment is in this test's folder."""
    spec = importlib.util.spec_from_file_location("start", ROOT / "start.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.delenv("TUTORIAL_DEV", raising=False)
    return module


def old_python(minor: int) -> str | None:
    """Return a Python 3.`minor` of this machine that runs; pyenv's shims may not."""
    found = [shutil.which(f"python3.{minor}")]
    found += map(str, Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))
    works = [p for p in found if p and subprocess.call([p, "-c", ""], stderr=-3) == 0]
    return works[0] if works else None


SCRIPTS = ("start.py", "coursekit/environment/build.py", "coursekit/environment/contents.py")


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_needs_only_the_standard_library(script: str) -> None:
    tree = ast.parse((ROOT / script).read_text())
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in (
            node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")]
        )
    }
    assert names <= {*sys.stdlib_module_names, "start"}


def test_an_old_python_can_read_it() -> None:
    ast.parse((ROOT / "start.py").read_text(), feature_version=(3, 7))


@pytest.mark.parametrize("minor", [6, 7, 8, 9, 10])
def test_an_old_python_says_which_are_wanted(minor: int, tmp_path: Path) -> None:
    python = old_python(minor)
    if python is None:
        pytest.skip(f"this machine has no Python 3.{minor}")
    for name in ("start.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(
        [python, str(tmp_path / "start.py"), "doctor"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"This is Python 3.{minor}; the course needs Python 3.11 to 3.15. Install one of "
        "these versions, then use it to run this file, for example: python3.15 start.py\n"
    )


def test_a_python_without_ensurepip_says_which_package_to_install(tmp_path: Path) -> None:
    clone = stand_in.make(tmp_path / "clone")
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "ensurepip.py").write_text("raise ImportError('taken out, as on Debian')")
    done = subprocess.run(
        [sys.executable, str(clone / "start.py")],
        env={"PATH": str(tmp_path), "PYTHONPATH": str(blocked)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "This Python can't create an environment: its ensurepip module is missing. "
        "On Debian and Ubuntu: apt install python3-venv. Elsewhere: install uv, or Python from "
        "python.org. Then run start.py again.\n"
    )


def test_a_free_threaded_python_is_refused(
    start: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert start.unsuitable() == ""
    monkeypatch.setattr("sysconfig.get_config_var", {"Py_GIL_DISABLED": 1}.get)
    this = "{}.{}".format(*sys.version_info[:2])
    assert start.unsuitable() == (
        f"This is a free-threaded build of Python {this}; the course needs Python 3.11 to 3.15, "
        "in a standard build."
    )


@pytest.mark.parametrize(
    ("platform", "libc", "instead"),
    [
        ("win-arm64", "", "Install the 64-bit Python for x86 from python.org"),
        ("linux-x86_64", "x86_64-alpine-linux-musl", "Use a Linux with glibc"),
        ("linux-aarch64", "aarch64-alpine-linux-musl", "Use a Linux with glibc"),
        ("linux-riscv64", "riscv64-linux-gnu", "Use Linux, macOS or Windows on a 64-bit x86"),
    ],
)
def test_a_system_without_packages_is_told_before_anything_is_installed(
    start: types.ModuleType, monkeypatch: pytest.MonkeyPatch, platform: str, libc: str, instead: str
) -> None:
    monkeypatch.setattr("sysconfig.get_platform", lambda: platform)
    monkeypatch.setattr("sysconfig.get_config_var", {"HOST_GNU_TYPE": libc}.get)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit) as stopped:
        start.main()
    assert "aren't built for it" in str(stopped.value)
    assert instead in str(stopped.value)


def test_these_systems_have_packages(start: types.ModuleType) -> None:
    known = ("linux-x86_64", "linux-aarch64", "macosx-11.0-arm64", "macosx-10.13-universal2")
    assert all(start.SYSTEMS.fullmatch(name) for name in (*known, "win-amd64"))


def test_uv_brings_a_python_if_there_is_none(tmp_path: Path) -> None:
    clone = stand_in.make(tmp_path / "clone")
    old = next(filter(None, map(old_python, range(6, 11))), None)
    if old is None:
        pytest.skip("this machine has no old Python")
    code, lines = stand_in.run(clone, python=old, PATH=str(clone / "bin"))
    assert (code, lines[-1]) == (0, "ran 1 hello")
    assert lines[0] == "There's no suitable Python here. uv downloads Python 3.15 ..."


def test_if_uv_cannot_download_one_it_says_what_to_install(tmp_path: Path) -> None:
    clone = stand_in.make(tmp_path / "clone")
    old = next(filter(None, map(old_python, range(6, 11))), None)
    if old is None:
        pytest.skip("this machine has no old Python")
    code, lines = stand_in.run(clone, python=old, PATH=str(clone / "bin"), FAULT="network")
    assert (code, lines[1]) == (1, "error: no network")
    assert lines[-1].endswith("for example: python3.15 start.py")


def test_changed_jupyterlab_settings_are_installed(
    start: types.ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = tmp_path / "etc" / "settings.json"
    settings.parent.mkdir()
    settings.write_text("{}")
    before = start.wanted()
    monkeypatch.setattr(start, "SETTINGS", tmp_path)
    seen = {before, start.wanted()}
    settings.write_text("[]")
    assert len({*seen, start.wanted()}) == 3


def test_another_list_of_requirements_installs_again(
    start: types.ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.setattr(start, "ROOT", tmp_path)
    seen = {start.wanted()}
    with (tmp_path / "pyproject.toml").open("a") as file:
        file.write('[tool.other]\nsetting = "no matter"\n')
    seen.add(start.wanted())
    assert len(seen) == 1
    for name, text in (("constraints.txt", "another==1"), ("pyproject.toml", "[project.urls]")):
        with (tmp_path / name).open("a") as file:
            file.write(f"{text}\n")
        seen.add(start.wanted())
    assert len(seen) == 3


@pytest.mark.parametrize("wanted", ["", "[dev]"])
def test_the_tools_of_a_developer_stay_when_they_are_not_asked_for(
    start: types.ModuleType, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    start.VENV.mkdir()
    monkeypatch.setattr(start, "whole", lambda folder: True)
    (start.VENV / start.STAMP).write_text(start.wanted() + wanted)
    assert start.ready(start.VENV)
    monkeypatch.setenv("TUTORIAL_DEV", "1")
    assert start.ready(start.VENV) is (wanted == start.DEV)


def test_no_file_that_python_reads_at_its_start_contains_a_path() -> None:
    if not (ROOT / ".venv" / "installed").exists():
        pytest.skip("start.py hasn't made this environment")
    texts = [path.read_text("ascii") for path in (ROOT / ".venv").rglob("site-packages/*.pth")]
    assert [text for text in texts if str(ROOT) in text] == []


def test_words_go_to_pytest_or_to_the_command(
    start: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: list[tuple[str, ...]] = []
    monkeypatch.setattr(start, "ROOT", tmp_path)  # nothing is left over there
    monkeypatch.setattr(start, "ready", lambda folder: True)
    monkeypatch.setattr(start, "run", lambda *words: run.append(words) or 0)
    for words in (["test", "-q"], ["doctor"], []):
        monkeypatch.setattr(sys, "argv", ["start.py", *words])
        start.main()
    main = ("-c", "from coursekit.cli import main; main()")
    pytest_in_four = ("-m", "pytest", "-n", "4", "--dist", "loadfile", "-q")
    assert run == [pytest_in_four, (*main, "doctor"), (*main, "lab")]


def test_the_exit_code_is_the_one_of_what_was_run() -> None:
    code = "import start; start.python = lambda folder: start.sys.executable; "
    code += "raise SystemExit(start.run('-c', 'raise SystemExit(7)'))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 7
