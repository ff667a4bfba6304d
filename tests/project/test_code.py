"""The code keeps its own rules: small modules, one direction, light imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coursekit.settings import ROOT

PACKAGES = ("tutorial_lib", "coursekit")
MODULES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
LINES, LONGEST_FUNCTION = 300, 40
LONGEST_PATH = 95
HEAVY = "pandas", "nbformat", "alembic", "testcontainers", "sqlalchemy", "IPython"
SHOW_REFUSED_PATHS = ("test_gates.py", "test_code.py")  # they contain what is refused


def test_imports_run_one_way() -> None:
    """The contracts are in pyproject.toml, under `[tool.importlinter]`."""
    pytest.importorskip("importlinter", reason="import-linter comes with TUTORIAL_DEV=1")
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_loads_nothing_heavy(package: str) -> None:
    code = f"import sys, {package}; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


@pytest.mark.parametrize("words", [["db", "status"], ["--help"]])
def test_a_quick_command_loads_no_notebooks_and_no_dataframes(words: list[str]) -> None:
    code = (
        "import sys; from coursekit.cli import main\n"
        f"sys.argv[1:] = {words!r}\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([name for name in ('pandas', 'nbformat', 'docker') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).endswith("[]\n")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_ships_its_types(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def test_no_module_is_too_long() -> None:
    sizes = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name: size for name, size in sizes.items() if size > LINES} == {}


def test_no_function_is_too_long() -> None:
    sizes = {
        f"{name_of(path)}:{function.lineno} {function.name}": lines_of(function)
        for path in MODULES
        for function in functions(path)
    }
    assert {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION} == {}


def test_no_file_contains_an_absolute_path_of_a_machine() -> None:
    refused = re.compile(r"(?<![\w.~-])/(?:home|root|Users|work|tmp)/[\w.-]+")
    found = {
        name_of(file): refused.findall(file.read_text("utf-8"))
        for file in tracked()
        if file.name not in SHOW_REFUSED_PATHS
    }
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_no_path_is_too_long_for_windows() -> None:
    """Its limit is 260 characters, and a clone's own path has to fit, too."""
    assert [name for name in map(name_of, tracked()) if len(name) > LONGEST_PATH] == []


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return all functions and methods of a module."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has, without its docstring."""
    docstring = function.body[0] if ast.get_docstring(function) else None
    without = docstring.end_lineno - docstring.lineno + 1 if docstring else 0  # type: ignore[operator]
    return function.end_lineno - function.lineno + 1 - without  # type: ignore[operator]


def tracked() -> list[Path]:
    """The text files that belong to the project."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.check_output(command, cwd=ROOT, text=True)
    paths = [ROOT / line for line in listing.splitlines()]
    return [path for path in paths if path.is_file() and path.suffix != ".png"]


def name_of(path: Path) -> str:
    """Return a path as it is in a clone: `coursekit/cli/course.py`."""
    return path.relative_to(ROOT).as_posix()
