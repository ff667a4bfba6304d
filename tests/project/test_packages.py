"""The README's test command needs no packages for developers."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from coursekit.settings import ROOT

TESTS = ROOT / "tests"
OWN = {"coursekit", "tutorial_lib", *(path.stem for path in TESTS.rglob("*"))} - {"tests"}
SKIPS = "importorskip", "find_spec"  # a file that looks first may import anything


def installed_for_learners() -> set[str]:
    """Return the modules of the kit's requirements, and of theirs."""
    found: set[str] = set()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    waiting = [("", frozenset[str]())]
    while waiting:
        name, extras = waiting.pop()
        for text in _requirements(name) if name else project["dependencies"]:
            requirement = Requirement(text)
            marker = requirement.marker
            wanted = any(marker.evaluate({"extra": e}) for e in {"", *extras}) if marker else True
            key = f"{requirement.name}[{','.join(requirement.extras)}]"
            if wanted and key not in found:
                found.add(key)
                waiting.append((requirement.name, frozenset(requirement.extras)))
    names = {_canonical(key.partition("[")[0]) for key in found}
    modules = metadata.packages_distributions()
    return {module for module, owners in modules.items() if names & set(map(_canonical, owners))}


def _requirements(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # for another system
        return []


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-")


def imported(path: Path) -> set[str]:
    """Return the packages that a file imports when it's loaded."""
    found: set[str] = set()
    for statement in ast.parse(path.read_text("utf-8")).body:
        if isinstance(statement, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            found.add(statement.module.partition(".")[0])
    return found


def test_tests_import_only_what_the_test_command_installs() -> None:
    known = installed_for_learners() | OWN | set(sys.stdlib_module_names)
    files = [
        path for path in TESTS.rglob("test_*.py")
        if not any(word in path.read_text("utf-8") for word in SKIPS)
    ]  # fmt: skip
    others = {path.name: imported(path) - known for path in files}
    assert {name: modules for name, modules in others.items() if modules} == {}


@pytest.mark.parametrize(("module", "there"), [("greenlet", True), ("polars", False)])
def test_which_modules_those_are(module: str, there: bool) -> None:
    assert (module in installed_for_learners()) is there
