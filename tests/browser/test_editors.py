"""The stored outputs in a plain page, as VS Code and PyCharm show them: without mermaid."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from browser.findings import violations, wider
from browser.jupyterlab import SMALL, WIDE
from coursekit.course.catalog import lesson_path, lessons
from coursekit.exercises.items import CheckItem
from coursekit.exercises.manifest import find
from coursekit.exercises.verdict import NOT_YET, Verdict

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
# In the order in which those editors choose; a kind that is not here they do not draw.
KINDS = ("text/html", "image/png", "text/plain")
# Of VS Code: what stands on which ground, and the links.
COLOURS = {
    "light": ("background: #ffffff; color: #1f1f1f", "color: #005fb8"),
    "dark": ("background: #1e1e1e; color: #cccccc", "color: #4daafc"),
}
each_lesson = pytest.mark.parametrize("number", lessons())
each_colour = pytest.mark.parametrize("colours", COLOURS)


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """An empty page."""
    page = browser.new_page()
    yield page
    page.close()


@each_lesson
def test_what_a_drawing_tells_can_be_read_without_it(page: Page, number: str) -> None:
    """Its words are shown, and what is folded up below them says the same."""
    for cell in _cells(number):
        drawn, folded = [*_outputs(cell), {}, {}][:2]
        if "text/vnd.mermaid" in drawn:
            _show(page, [drawn, folded], "light")
            words = set(re.findall(r"[a-z_][\w.]*", "".join(drawn["text/plain"])))
            before = page.locator("body").inner_text()
            assert [word for word in words if word not in before] == []
            page.locator("summary").click()
            told = page.locator("details").inner_text()
            assert [word for word in words if word not in told] == []


def test_some_lesson_has_a_drawing() -> None:
    """Without one, the test above would prove nothing."""
    kinds = [kind for number in lessons() for cell in _cells(number) for data in _outputs(cell)
             for kind in data]  # fmt: skip
    assert kinds.count("text/vnd.mermaid") > 1


@each_lesson
def test_no_output_shows_the_source_of_a_drawing(page: Page, number: str) -> None:
    _show(page, _outputs(*_cells(number)), "light")
    text = page.locator("body").inner_text()
    assert [word for word in ("erDiagram", "flowchart", "accTitle", "<td") if word in text] == []


@each_lesson
@each_colour
def test_what_is_stored_fits_and_can_be_read(page: Page, number: str, colours: str) -> None:
    _show(page, _outputs(*_cells(number)), colours)
    for width in (WIDE, SMALL):
        page.set_viewport_size({"width": width, "height": 900})
        assert wider(page, "section") == []
    assert violations(page, "section", but="img.chart") == []


@each_colour
def test_an_answer_that_is_not_there_yet_can_be_read(page: Page, colours: str) -> None:
    items = (CheckItem("it works", True), CheckItem("it holds", False, "1", "2", "the last line"))
    box = Verdict(find("01.1"), NOT_YET, items)
    _show(page, [{"text/html": box._repr_html_()}], colours)
    assert "expected: 1" in page.locator("section").inner_text()
    assert violations(page, "section") == []


def _cells(number: str) -> list[dict[str, Any]]:
    """The cells of a lesson, with their stored outputs."""
    cells: list[dict[str, Any]] = json.loads(lesson_path(number).read_text(encoding="utf-8"))[
        "cells"
    ]
    return cells


def _outputs(*cells: dict[str, Any]) -> list[dict[str, Any]]:
    """What cells have displayed; a dictionary of kinds each."""
    return [out["data"] for cell in cells for out in cell.get("outputs", []) if "data" in out]


def _show(page: Page, outputs: list[dict[str, Any]], colours: str) -> None:
    """Put outputs into the page, each in the kind that an editor would choose."""
    parts = "".join(f"<section>{_drawn(data)}</section>" for data in outputs)
    text, links = COLOURS[colours]
    style = (
        f"<style>body {{ {text} }} a {{ {links} }} pre {{ white-space: pre-wrap }} "
        "section { overflow-x: auto }</style>"
    )
    head = f"<!doctype html><html lang=en><title>Outputs</title>{style}"
    page.set_content(f"{head}<main><h1>Outputs</h1>{parts}</main>")


def _drawn(data: dict[str, Any]) -> str:
    kind = next(kind for kind in KINDS if kind in data)
    content = "".join(data[kind])
    if kind == "image/png":
        return f'<img class="chart" src="data:image/png;base64,{content}">'
    return content if kind == "text/html" else f"<pre>{html.escape(content)}</pre>"
