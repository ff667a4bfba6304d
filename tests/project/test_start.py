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


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """start.py as a module whose environment is in this test's folder."""
    spec = importlib.util.spec_from_file_location("start", ROOT / "start.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "installed")
    monkeypatch.delenv("TUTORIAL_DEV", raising=False)
    return module


def old_python(minor: int) -> str | None:
    """Return a Python 3.`minor` of this machine that runs; pyenv's shims may not."""
    found = [shutil.which(f"python3.{minor}")]
    found += map(str, Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))
    works = [p for p in found if p and subprocess.call([p, "-c", ""], stderr=-3) == 0]
    return works[0] if works else None


def test_it_needs_only_the_standard_library() -> None:
    tree = ast.parse((ROOT / "start.py").read_text())
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in (
            node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")]
        )
    }
    assert names <= sys.stdlib_module_names


def test_an_old_python_can_read_it() -> None:
    ast.parse((ROOT / "start.py").read_text(), feature_version=(3, 7))


@pytest.mark.parametrize("minor", [6, 7, 8, 9, 10])
def test_an_old_python_says_which_are_wanted(minor: int, tmp_path: Path) -> None:
    python = old_python(minor)
    if python is None:
        pytest.skip(f"this machine has no Python 3.{minor}")
    done = subprocess.run(
        [python, str(ROOT / "start.py"), "doctor"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "the course needs 3.11, 3.12 or 3.13." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_python_without_ensurepip_says_which_package_to_install(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("start.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, clone)
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
        "This Python can't create an environment: its module ensurepip is missing. "
        "On Debian and Ubuntu: apt install python3-venv. Elsewhere: install uv, or Python from "
        "python.org. Then run start.py again.\n"
    )


def test_a_second_start_installs_nothing(
    start: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "stamp", start.wanted)
    monkeypatch.setattr(start, "install", lambda: pytest.fail("it installed again"))
    monkeypatch.setattr(start, "run", lambda *words: 0)
    assert start.main() == 0


def test_another_list_of_requirements_installs_again(
    start: types.ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.setattr(start, "ROOT", tmp_path)
    before = start.wanted()
    with (tmp_path / "constraints.txt").open("a") as file:
        file.write("another==1\n")
    assert start.wanted() != before


def test_an_unfinished_environment_counts_as_none(start: types.ModuleType) -> None:
    start.VENV.mkdir()
    start.STAMP.write_text(start.wanted())
    assert start.stamp() == ""


def test_a_failed_installation_says_so_and_leaves_no_stamp(
    start: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start.shutil, "which", lambda name: sys.executable)
    with pytest.raises(SystemExit, match=r"The installation failed with exit code \d+"):
        start.install()
    assert not start.STAMP.exists()


def test_the_tools_of_a_developer_stay_when_they_are_not_asked_for(
    start: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "stamp", lambda: start.wanted() + start.DEV)
    monkeypatch.setattr(start, "install", lambda: pytest.fail("it installed again"))
    monkeypatch.setattr(start, "run", lambda *words: 0)
    assert start.main() == 0


def test_words_go_to_pytest_or_to_the_command(
    start: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: list[tuple[str, ...]] = []
    monkeypatch.setattr(start, "stamp", start.wanted)
    monkeypatch.setattr(start, "run", lambda *words: run.append(words) or 0)
    for words in (["test", "-q"], ["doctor"], []):
        monkeypatch.setattr(sys, "argv", ["start.py", *words])
        start.main()
    main = ("-c", "from coursekit.cli import main; main()")
    pytest_in_four = ("-m", "pytest", "-n", "4", "--dist", "loadfile", "-q")
    assert run == [pytest_in_four, (*main, "doctor"), (*main, "lab")]


def test_of_two_starts_one_waits_for_the_other(start: types.ModuleType) -> None:
    code = (
        "import importlib.util as u; s = u.spec_from_file_location('start', 'start.py')\n"
        "m = u.module_from_spec(s); s.loader.exec_module(m)\n"
        "print('starting', flush=True)\n"
        "with m.environment_lock(): print('mine', flush=True); input()"
    )
    with start.environment_lock():
        other = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdin=-1, stdout=-1, text=True
        )
        assert other.stdout
        assert other.stdout.readline() == "starting\n"
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(timeout=1)
    assert other.communicate("\n", timeout=300)[0] == "mine\n"


def test_the_exit_code_is_the_one_of_what_was_run() -> None:
    code = "import start; start.python = lambda: start.Path(start.sys.executable); "
    code += "raise SystemExit(start.run('-c', 'raise SystemExit(7)'))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 7
