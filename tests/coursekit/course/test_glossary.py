"""Every term that a lesson introduces has an entry, and every entry is introduced somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from coursekit.course import glossary
from coursekit.course.catalog import lessons
from coursekit.course.notebooks import load


def linked() -> list[tuple[str, str]]:
    """Return each lesson's number with each anchor that it links to."""
    return [
        (path.name[:2], anchor)
        for path in lessons().values()
        for cell in load(path)["cells"]
        if cell["cell_type"] == "markdown"
        for anchor in glossary.linked_in("".join(cell["source"]))
    ]


def test_every_bold_link_has_an_entry() -> None:
    entries = glossary.anchors()
    assert [link for link in linked() if link[1] not in entries] == []


def test_every_entry_has_a_link() -> None:
    used = {anchor for _, anchor in linked()}
    assert [entry for entry in glossary.anchors() if entry not in used] == []


def test_a_lesson_links_to_an_entry_once() -> None:
    found = linked()
    assert sorted(found) == sorted(set(found))


def test_the_entries_are_in_alphabetical_order() -> None:
    entries = glossary.anchors()
    assert entries == sorted(set(entries))


@pytest.mark.parametrize(
    ("text", "anchors"),
    [
        ("an [**engine**](../docs/glossary.md#engine) connects", ["engine"]),
        ("[**a**](../docs/glossary.md#a), [**b c**](../docs/glossary.md#b-c)", ["a", "b-c"]),
        ("[engine](../docs/glossary.md#engine) and **engine**", []),
    ],
)
def test_links_of_a_text(text: str, anchors: list[str]) -> None:
    assert glossary.linked_in(text) == anchors


@pytest.mark.parametrize(
    ("term", "anchor"),
    [("Server default", "server-default"), ("`MetaData`", "metadata"), ("pg_stat", "pg_stat")],
)
def test_an_anchor_is_the_one_that_a_repository_renders(term: str, anchor: str) -> None:
    assert glossary.anchor_of(term) == anchor


def test_the_learners_copy_is_updated(tmp_path: Path) -> None:
    copy = tmp_path / "docs" / "glossary.md"
    for before in (None, "old", glossary.GLOSSARY.read_text("utf-8")):
        if before is not None:
            copy.write_text(before, "utf-8")
        glossary.copy_glossary(tmp_path)
        assert copy.read_text("utf-8") == glossary.GLOSSARY.read_text("utf-8")
