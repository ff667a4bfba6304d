"""The documents are right about links, commands, sessions, examples and renamed functions."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Engine, text

from coursekit import cli
from coursekit.course.course_map import course_map
from coursekit.settings import ROOT
from tutorial_lib import workload

PAGES = sorted(ROOT.glob("docs/*.md"))
DOCUMENTS = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY")),
    *PAGES,
]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in DOCUMENTS}
README = TEXTS["README.md"]
COMMAND = re.compile(r"(?:py(?:thon3?)? start\.py|(?<![-./\w])tutorial)((?: [\w./-]+)*)")
SESSIONS = set(
    re.findall(
        r"^@nox\.session.*\ndef (\w+)", (ROOT / "noxfile.py").read_text("utf-8"), re.MULTILINE
    )
)


def code(text: str) -> list[str]:
    """Return a document's code spans, and the lines of its code blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [*re.findall(r"`([^`\n]+)`", rest), *"".join(blocks).splitlines()]


def commands(text: str) -> list[list[str]]:
    """Return the words after start.py or `tutorial`, for each command in a document."""
    return [words.split() for span in code(text) for words in COMMAND.findall(span)]


def find(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that the words name, and the words after it."""
    command = typer.main.get_command(cli.app)
    while words and words[0] in subcommands(command):
        command, words = subcommands(command)[words[0]], words[1:]
    return command, words


def subcommands(command: Any) -> dict[str, Any]:
    return getattr(command, "commands", {})


def options(command: Any) -> set[str]:
    return {name for one in command.params for name in (*one.opts, *one.secondary_opts)}


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 90


def test_the_readme_begins_with_the_two_commands() -> None:
    assert "There are two commands." in README.split("```")[0]
    assert "`python3 start.py`" in README.split("```")[0]
    assert "`python3 start.py test`" in README.split("```")[0]
    assert "python3 start.py test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_readme_lists_the_lessons_as_they_are() -> None:
    rows = re.findall(r"^\| \[(\d\d)\]\(notebooks/(\S+)\) \| (.*?) \| (.*?) \|$", README, re.M)
    assert rows == [(e.number, e.file, e.title, e.question) for e in course_map().entries]


@pytest.mark.parametrize("path", DOCUMENTS[1:], ids=lambda path: path.name)
def test_the_readme_links_every_page(path: Path) -> None:
    assert f"]({path.relative_to(ROOT).as_posix()})" in README


@pytest.mark.parametrize("name", TEXTS)
def test_links_of_the_documents_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)[^)]*\)", TEXTS[name]):
        assert ((ROOT / name).parent / target).exists(), target


@pytest.mark.parametrize("name", TEXTS)
def test_every_command_of_the_documents_exists(name: str) -> None:
    for words in commands(TEXTS[name]):
        if words[:1] == ["test"] or not words:
            continue  # start.py passes `test` to pytest
        command, rest = find(words)
        assert not subcommands(command), words
        named = {word for word in rest if word.startswith("-")}
        assert named <= options(command), words


@pytest.mark.parametrize("name", TEXTS)
def test_options_named_beside_a_command_are_options_of_it(name: str) -> None:
    for line in TEXTS[name].splitlines():
        found = [words for words in commands(line) if words and words[0] != "test"]
        known = set().union(*(options(find(words)[0]) for words in found))
        for span in re.findall(r"`(--[a-z-]+)[^`]*`", line) if found else ():
            assert span in known, line


def test_every_session_named_in_a_document_exists() -> None:
    named = {name for text in TEXTS.values() for name in re.findall(r"nox -s (\w+)", text)}
    assert {"browser", "lint", "new_lesson", "weekly"} <= named <= SESSIONS


def test_contributing_lists_every_session() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", TEXTS["CONTRIBUTING.md"].split("\n## ")[2], re.MULTILINE)
    assert sorted(rows) == sorted(SESSIONS)


def test_contributing_is_short() -> None:
    assert len(TEXTS["CONTRIBUTING.md"].splitlines()) <= 150


def test_every_path_that_a_document_names_exists() -> None:
    paths = re.findall(
        r"`((?:\.ci|tests|docs|coursekit|benchmarks|notebooks)/[\w./]+)`", "".join(TEXTS.values())
    )
    assert [path for path in paths if "NN" not in path and not (ROOT / path).exists()] == []


def test_new_names_in_the_changelog_exist() -> None:
    rows = re.findall(r"^\| .+ \| (`.+) \|$", TEXTS["CHANGELOG.md"], re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`((?:\w+\.)+\w+)", row)]
    assert len(names) >= 10
    for name in names:
        module, _, attribute = name.rpartition(".")
        home = module if module.startswith("coursekit") else f"tutorial_lib.{module}"
        assert hasattr(import_module(home), attribute), name


def test_the_examples_for_your_own_migrations_run(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id int PRIMARY KEY, amount numeric)"))
        connection.execute(text("INSERT INTO orders SELECT i, 6 * i FROM generate_series(1, 9) i"))
    names: dict[str, object] = {"engine": engine}
    page = TEXTS["docs/migrations.md"]
    for example in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(example, names)
    assert (names["done"].rows, names["done"].left) == (9, 0)  # type: ignore[attr-defined]
    report = names["report"]
    assert isinstance(report, workload.WorkloadReport)
    assert report.errors == []
    assert report.count("readers") > 0
    with engine.begin() as connection:
        connection.execute(text("UPDATE orders SET tax = NULL"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        with context.begin_transaction(_per_migration=True), Operations.context(context):
            names["upgrade"]()  # type: ignore[operator]
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT sum(tax) FROM orders")) == 45


def test_the_security_page_names_nobody() -> None:
    assert "@" not in TEXTS["SECURITY.md"]
