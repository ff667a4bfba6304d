"""The page of rules is collected from the lessons, for any lesson that has some."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from coursekit.course import catalog
from coursekit.course.catalog import lessons
from coursekit.errors import NotebookError
from coursekit.instructor import rules_page
from coursekit.settings import ROOT


def lesson(folder: Path, *cells: str, kind: str = "markdown") -> None:
    """Create a course of one lesson with these cells below its title."""
    parts = [{"cell_type": "markdown", "source": ["# 01 · Small\n", "\n", "**How small?**"]}]
    parts += [{"cell_type": kind, "source": cell.splitlines(keepends=True)} for cell in cells]
    parts = [{**part, "metadata": {}} for part in parts]
    (folder / "01_small.ipynb").write_text(json.dumps({"cells": parts}), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(catalog, "NOTEBOOKS", tmp_path)
    return tmp_path


def rows() -> list[str]:
    return [rule.row for rule in rules_page.rules()]


def test_the_page_is_what_the_lessons_say() -> None:
    assert rules_page.PAGE.read_text(encoding="utf-8") == rules_page.page(), (
        "Run: python3 start.py refresh"
    )


def test_every_rule_is_on_the_page_once() -> None:
    cells = [
        "".join(cell["source"])
        for path in lessons().values()
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
    ]
    marked = [
        paragraph for cell in cells for paragraph in cell.split("\n\n") if "**Rule." in paragraph
    ]
    assert len(marked) == len(rows())
    assert all(one.startswith(rules_page.MARK) for one in marked), (
        "a rule is a paragraph of its own"
    )


def test_the_readme_leads_to_the_page() -> None:
    assert "(docs/reference.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_no_two_rules_are_for_the_same_situation() -> None:
    situations = [rule.situation for rule in rules_page.rules()]
    assert len(set(situations)) == len(situations)


def test_a_rule_is_a_row_with_a_link(folder: Path) -> None:
    lesson(folder, "Prose.", "> **Rule.** When it rains: take an umbrella. It helps.")
    assert rows() == [
        "| it rains | Take an umbrella. It helps. | [01 · Small](../notebooks/01_small.ipynb) |\n"
    ]


def test_a_cell_may_hold_prose_and_rules(folder: Path) -> None:
    lesson(folder, "Prose.\n\n> **Rule.** When a: b\n\n> **Rule.** When c: d")
    assert [row.split(" | ")[:2] for row in rows()] == [["| a", "B"], ["| c", "D"]]


def test_a_rule_may_have_several_lines_links_and_bars(folder: Path) -> None:
    lesson(folder, "> **Rule.** When `a|b`\n> changes: see [this](02_x.ipynb): it\n> helps.")
    assert rows() == [
        r"| `a\|b` changes | See [this](../notebooks/02_x.ipynb): it helps. "
        "| [01 · Small](../notebooks/01_small.ipynb) |\n"
    ]


def test_what_is_no_rule_is_left_out(folder: Path) -> None:
    lesson(folder, "> A quotation: nothing else.", "The **Rule.** here is prose.")
    assert rows() == []
    lesson(folder, "> **Rule.** When: code", kind="code")
    assert rows() == []


@pytest.mark.parametrize("text", ["Take an umbrella.", "When it rains:", ""])
def test_a_rule_without_situation_or_action_is_refused(text: str, folder: Path) -> None:
    lesson(folder, f"> **Rule.** {text}")
    with pytest.raises(NotebookError, match=re.escape("A rule of 01_small.ipynb has no situation")):
        rows()


def test_it_is_written_only_when_it_changes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules_page, "PAGE", tmp_path / "reference.md")
    lesson(folder, "> **Rule.** When it rains: take an umbrella.")
    assert [rules_page.write(), rules_page.write()] == [True, False]
    assert rules_page.PAGE.read_text(encoding="utf-8").endswith(rows()[0])
