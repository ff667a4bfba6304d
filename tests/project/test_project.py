"""The project's lists of requirements agree, and its notebooks are in order."""

from __future__ import annotations

import json
import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from coursekit.course.catalog import lessons, slug_of
from coursekit.course.packages import supported_minors
from coursekit.course.starting_state import STARTS
from coursekit.exercises.manifest import all_exercises
from coursekit.settings import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MANDATORY = (
    *("jupyterlab", "sqlalchemy", "psycopg2-binary", "alembic", "passlib"),
    *("argon2-cffi", "pandas", "nbval", "testcontainers"),
)


def names(requirements: list[str]) -> set[str]:
    """Return the names in a list of requirements."""
    return {Requirement(text).name for text in requirements}


def test_all_packages_of_the_course_are_required() -> None:
    assert set(MANDATORY) <= names(PROJECT["dependencies"])


def test_conda_installs_the_same_list() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == PROJECT["name"]
    pip = next(part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    assert pip[:2] == ["--constraint constraints.txt", "--editable ."]
    assert names(pip[2:]) == names(PROJECT["dependencies"])
    markers = {str(Requirement(text).marker) for text in pip[2:]}
    assert markers == {str(Requirement(text).marker) for text in PROJECT["dependencies"]}


def test_every_text_names_the_same_versions_of_python() -> None:
    minors = supported_minors()
    assert PROJECT["requires-python"] == f">=3.{minors[0]},<3.{minors[-1] + 1}"
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["dependencies"][0] == f"python {PROJECT['requires-python']}"
    both = f"3.{minors[0]} to 3.{minors[-1]}"
    for name in ("README.md", "constraints.txt"):
        assert re.findall(r"3\.\d+ to 3\.\d+", (ROOT / name).read_text("utf-8")) == [both], name


def test_every_requirement_is_pinned() -> None:
    pinned = names(
        [
            re.split(r"\s+#", line)[0]
            for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
            if line and not line.lstrip().startswith("#")
        ]
    )
    assert names(PROJECT["dependencies"]) <= pinned
    assert names(PROJECT["optional-dependencies"]["dev"]) <= pinned


def test_no_list_of_requirements_names_a_host() -> None:
    for name in ("pyproject.toml", "constraints.txt", "environment.yml", "start.py"):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8"), name


def test_notebooks_are_numbered_without_gaps() -> None:
    numbers = [path.name[:2] for path in lessons().values()]
    assert numbers == [f"{number:02}" for number in range(len(numbers))]
    assert len(lessons()) == len(list((ROOT / "notebooks").glob("*.ipynb")))


@pytest.mark.parametrize("path", lessons().values(), ids=lambda path: path.name)
def test_links_between_lessons_lead_somewhere(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for target in re.findall(r"\]\((?!https?://|#)([^)]+)\)", "".join(cell["source"])):
            assert (path.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("path", lessons().values(), ids=lambda path: path.name)
def test_headings_of_a_lesson_are_in_order(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", prose, re.M)]
    assert levels[0] == 1
    assert all(2 <= level <= before + 1 for before, level in pairwise(levels))


@pytest.mark.parametrize("path", lessons().values(), ids=lambda path: path.name)
def test_what_a_chart_shows_is_told_in_words_below(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for cell, below in pairwise(cells):
        shown = [output.get("data", {}) for output in cell.get("outputs", [])]
        if any("image/png" in data for data in shown):
            assert below["cell_type"] == "markdown", cell["id"]


CALL = re.compile(r"""\b(?:start|begin|check|hint|solution)\(["'](\d\d)""")
LINK = re.compile(r"\[[^\]]*?(\d\d)\b[^\]]*\]\((\d\d)_\w+\.ipynb\)")


@pytest.mark.parametrize("path", lessons().values(), ids=lambda path: path.name)
def test_the_numbers_in_a_lesson_are_those_of_today(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if slug_of(path) != "start-here":  # it shows what other lessons do
            assert set(CALL.findall(source)) <= {path.name[:2]}, f"{cell['id']}: a stale call"
        stale = [found[0] for found in LINK.finditer(source) if found[1] != found[2]]
        assert stale == [], cell["id"]


def test_slugs_are_unique_and_fit_into_the_id_of_a_cell() -> None:
    slugs = [*lessons(), *(exercise.slug for exercise in all_exercises())]
    assert len(set(slugs)) == len(slugs)
    for slug in slugs:
        assert re.fullmatch(r"(?!.*-new\d*$)[a-z][a-z0-9]*(-[a-z0-9]+)*", slug), slug
        assert len(f"exercises-{slug}-tools") <= 64, slug


def test_every_starting_state_and_package_belongs_to_a_lesson() -> None:
    starts = {path.name for path in STARTS.iterdir()}
    packages = {path.parent.name for path in ROOT.glob("coursekit/lessons/*/__init__.py")}
    assert starts <= set(lessons())
    assert {name.replace("_", "-") for name in packages} <= set(lessons())
