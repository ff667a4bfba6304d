"""The stored outputs in a plain page, as VS Code and PyCharm show them: without mermaid."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from browser.findings import violations, wider
from browser.jupyterlab import SMALL, WIDE
from tutorial_lib.course import lesson_path, lessons
from tutorial_lib.exercises.exercise import Item
from tutorial_lib.exercises.manifest import find
from tutorial_lib.exercises.verdict import NOT_YET, Verdict

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
# In the order in which those editors choose; a kind that is not here they do not draw.
KINDS = ("text/html", "image/png", "text/plain")
COLOURS = {
    "light": "background: #ffffff; color: #1f1f1f",
    "dark": "background: #1e1e1e; color: #ccc",
}
each_lesson = pytest.mark.parametrize("number", lessons())
each_colour = pytest.mark.parametrize("colours", COLOURS)


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """An empty page."""
    page = browser.new_page()
    yield page
    page.close()


def test_the_diagram_of_the_tables_can_be_read(page: Page) -> None:
    _show(page, _outputs("07", "964ee03c"), "light")
    words = ("users", "id", "integer", "primary key", "email", "password_hash", "alembic_version")
    folded, told = _told(page)
    assert [word for word in words if word not in folded] == []
    assert [word for word in (*words[:3], "PK", *words[4:]) if word not in told] == []


def test_the_graph_of_the_revisions_can_be_read(page: Page) -> None:
    _show(page, _outputs("07", "03aa41f3"), "light")
    folded, told = _told(page)
    assert "base -> 0001 create users (head, current)" in folded
    assert "base -> 0001 create users (head, current)" in told


@each_lesson
def test_no_output_shows_the_source_of_a_drawing(page: Page, number: str) -> None:
    _show(page, _outputs(number), "light")
    text = page.locator("body").inner_text()
    assert [word for word in ("erDiagram", "flowchart", "accTitle", "<td") if word in text] == []


@each_lesson
@each_colour
def test_what_is_stored_fits_and_can_be_read(page: Page, number: str, colours: str) -> None:
    _show(page, _outputs(number), colours)
    for width in (WIDE, SMALL):
        page.set_viewport_size({"width": width, "height": 900})
        assert wider(page, "section") == []
    assert violations(page, "section", but="img.chart") == []


@each_colour
def test_an_answer_that_is_not_there_yet_can_be_read(page: Page, colours: str) -> None:
    items = (Item("it works", True), Item("it holds", False, "1", "2", "the last line"))
    box = Verdict(find("01.1"), NOT_YET, items)
    _show(page, [{"text/html": box._repr_html_()}], colours)
    assert "expected: 1" in page.locator("section").inner_text()
    assert violations(page, "section") == []


def _told(page: Page) -> tuple[str, str]:
    """What the page tells before and after its folded part was opened."""
    before = page.locator("body").inner_text()
    page.locator("summary").click()
    return before, page.locator("details").inner_text()


def _outputs(number: str, name: str = "") -> list[dict[str, Any]]:
    """The stored outputs of a lesson, or of one of its cells."""
    cells = json.loads(lesson_path(number).read_text(encoding="utf-8"))["cells"]
    return [
        output["data"]
        for cell in cells
        if cell["id"] == name or not name
        for output in cell.get("outputs", [])
        if "data" in output
    ]


def _show(page: Page, outputs: list[dict[str, Any]], colours: str) -> None:
    """Put outputs into the page, each in the kind that an editor would choose."""
    parts = "".join(f"<section>{_drawn(data)}</section>" for data in outputs)
    style = f"<style>body {{ {COLOURS[colours]} }} section {{ overflow-x: auto }}</style>"
    head = f"<!doctype html><html lang=en><title>Outputs</title>{style}"
    page.set_content(f"{head}<main><h1>Outputs</h1>{parts}</main>")


def _drawn(data: dict[str, Any]) -> str:
    kind = next(kind for kind in KINDS if kind in data)
    content = "".join(data[kind])
    if kind == "image/png":
        return f'<img class="chart" src="data:image/png;base64,{content}">'
    return content if kind == "text/html" else f"<pre>{html.escape(content)}</pre>"
