"""The project tells the truth about itself: its lists agree, its documents are tested."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import typer
import yaml
from packaging.requirements import Requirement

from coursekit import cli
from coursekit.course.catalog import course_map, lessons
from coursekit.settings import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MANDATORY = (
    *("jupyterlab", "sqlalchemy", "psycopg2-binary", "alembic", "passlib"),
    *("argon2-cffi", "pandas", "nbval", "testcontainers"),
)
# Who may import whom: a module knows only those that stand before its own line.
LAYERS = (
    # The kernel's room stands alone: it knows nobody.
    "kernel kernel.dress kernel.process",
    "kernel.warm kernel.ready kernel.zygote",
    "kernel.provisioner kernel.server",
    "errors",
    "config display",
    "backfill course db hashing load locks.look turns",
    "locks.patience servers.server servers.private servers.binaries",
    "locks",
    "frames.query frames.place",
    "frames.copying",
    "frames.values",
    "frames.columns",
    "frames.tables",
    "frames.route",
    "frames",
    "masks reference",
    "models servers.cluster servers.own",
    "orders",
    "servers.embedded servers.docker",
    "servers.container",
    "servers",
    "databases workspace jupyter",
    "project",
    "commands",
    "migrations ci freshness runs starts",
    "explorer.look explorer.snapshot explorer.diagram explorer.history",
    "explorer",
    "needs",
    "lesson doctor",
    "exercises exercises.exercise exercises.given",
    "exercises.answer exercises.samples",
    "exercises.rehearsal",
    "GIVEN",
    "ANSWERS",
    "EXERCISES",
    "exercises.manifest",
    "exercises.cells exercises.local exercises.verdict exercises.records",
    "exercises.progress exercises.remote",
    "exercises.learner",
    "exercises.grading editions",
    "copies testing",
    "testing.commands testing.locks testing.answers testing.verification cli.paper",
    "testing.kernel testing.page testing.newest",
    "cli.course cli.database cli.learner",
    "cli",
    "testing.gates",
    "testing.findings",
    "testing.strict testing.leads testing.report",
    "testing.plugin",
)


def tracked() -> list[Path]:
    """The text files that belong to the project."""
    listing = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    paths = [ROOT / line for line in listing.splitlines()]
    return [path for path in paths if path.is_file() and path.suffix != ".png"]


def names(requirements: list[str]) -> set[str]:
    """The names in a list of requirements."""
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


def test_no_file_holds_an_absolute_path_of_a_machine() -> None:
    path = re.compile(r"(?<![\w.~-])/(?:home|root|Users|work|tmp)/[\w.-]+")
    found = {
        str(file.relative_to(ROOT)): path.findall(file.read_text(encoding="utf-8"))
        for file in tracked()
        if file.name not in ("test_gates.py", "test_house.py")  # they show what is refused
    }
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_notebooks_are_numbered_without_gaps() -> None:
    assert list(lessons()) == [f"{number:02}" for number in range(len(lessons()))]
    assert len(lessons()) == len(list((ROOT / "notebooks").glob("*.ipynb")))


def test_the_readme_lists_the_lessons_as_they_are() -> None:
    rows = re.findall(r"^\| \[(\d\d)\]\(notebooks/(\S+)\) \| (.*?) \| (.*?) \|$", README, re.M)
    assert rows == [(e.number, e.file, e.title, e.question) for e in course_map().entries]


def test_every_command_of_the_readme_exists() -> None:
    app = typer.main.get_command(cli.app)
    for line in re.findall(r"python3 start\.py ([a-z][a-z ]*)", README):
        words = line.split()
        if words[0] == "test":
            continue  # start.py hands it to pytest
        group = app.commands[words[0]]  # type: ignore[attr-defined]
        if words[0] == "db":
            assert words[1] in group.commands
    assert "python3 start.py test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_links_of_the_documents_lead_somewhere() -> None:
    documents = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
    pages = ("docs/frames.md", "docs/reference.md", "docs/runners.md")
    for name in (*documents, *pages):
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?://|#)([^)]+)\)", text):
            assert ((ROOT / name).parent / target).exists(), f"{name} -> {target}"


def test_the_parts_of_ci_are_those_that_are_described() -> None:
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (change,) = re.findall(r"^  set -- (prepare .*)$", run, re.M)
    (more,) = re.findall(r'set -- "\$\{@:1:8\}" (.*) "\$\{@:9\}"', run)
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text[text.index("| part |") : text.index("Who changes a lesson")]
    assert {*change.split(), *more.split()} == set(re.findall(r"^\| `(\w+)` \|", table, re.M))
    assert change.split()[7:] == ["newest", "tests"]


@pytest.mark.parametrize("path", lessons().values(), ids=lambda path: path.name)
def test_links_between_lessons_lead_somewhere(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for target in re.findall(r"\]\((?!https?://|#)([^)]+)\)", "".join(cell["source"])):
            assert (path.parent / target).exists(), target


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


# What the other modules of a lesson's exercises may build on.
FIRST = (".given", ".shop", ".answers")


def test_imports_run_one_way() -> None:
    place = {name: n for n, line in enumerate(LAYERS) for name in line.split()}
    modules = [path for path in (ROOT / "tutorial_lib").rglob("*.py") if _name(path)]
    for name in map(_name, modules):  # of all lessons alike
        if found := re.fullmatch(r"exercises\.lesson_\d\d(\.\w+)?", name):
            part = "GIVEN" if found[1] in FIRST else "ANSWERS" if found[1] else "EXERCISES"
            place[name] = place[part]
    for kind in ("GIVEN", "ANSWERS", "EXERCISES"):
        del place[kind]
    assert {_name(path) for path in modules} == set(place)
    for path in modules:
        for imported in _imports(path) & set(place):
            assert place[imported] < place[_name(path)], f"{_name(path)} imports {imported}"


def test_importing_the_library_loads_nothing_heavy() -> None:
    heavy = "pandas", "nbformat", "alembic", "testcontainers", "sqlalchemy", "IPython"
    code = f"import sys, tutorial_lib; print([name for name in {heavy!r} if name in sys.modules])"
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


def _name(path: Path) -> str:
    """`servers.own` for tutorial_lib/servers/own.py."""
    parts = path.relative_to(ROOT / "tutorial_lib").with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def _imports(path: Path) -> set[str]:
    """The modules of the kit that a module imports at its top."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tutorial_lib"):
            base = (node.module or "").removeprefix("tutorial_lib").removeprefix(".")
            for alias in node.names:
                below = f"{base}.{alias.name}".strip(".")
                found.add(below if _is_module(below) else base)
    return found


def _is_module(name: str) -> bool:
    path = ROOT / "tutorial_lib" / Path(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def test_no_module_has_outgrown_its_room() -> None:
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "tutorial_lib").rglob("*.py")
    }
    assert {name: size for name, size in sizes.items() if size > 300} == {}
