"""Each lesson in JupyterLab: it runs, is drawn, fits, and can be read."""

from __future__ import annotations

import html
import json
import re

import pytest

from browser.findings import violations, wider
from browser.jupyterlab import DARK, LIGHT, PANEL, SMALL, WIDE, Desk
from coursekit.course.catalog import lesson_path, lessons, number_of

pytestmark = [pytest.mark.browser, pytest.mark.samples(3)]
OUTPUTS = f"{PANEL} .jp-OutputArea-output"
# Neither matplotlib nor JupyterLab has a place for a description. It's in the cell below: a test
# of the notebooks checks that.
CHARTS = ".jp-RenderedImage img"
DESCRIPTION = re.compile(r"accDescr \{(.*?)\}", re.DOTALL)
SHOWN_AS = {
    "text/vnd.mermaid": ".jp-RenderedMermaid img",
    "text/html": ".jp-RenderedHTML",
    "image/png": CHARTS,
}


@pytest.fixture(scope="module", params=list(map(number_of, lessons())))
def number(request: pytest.FixtureRequest) -> str:
    """One lesson after another: all tests of one, then all of the next."""
    return str(request.param)


def test_runs_to_its_first_open_exercise(desk: Desk, number: str) -> None:
    desk.lesson(number)
    code = [cell["id"] for cell in desk.cells(number) if cell["cell_type"] == "code"]
    at = code.index(desk.last(number)) + 1
    assert [name for name in code[:at] if not desk.count(number, name)] == []
    assert [name for name in code[at:] if desk.count(number, name)] == []


def test_shows_what_the_reference_edition_has_stored(desk: Desk, number: str) -> None:
    """A drawing is drawn, a table is a table, and neither shows its source."""
    desk.lesson(number)
    stored, page = _stored(number, desk.last(number)), desk.page
    for kind, selector in SHOWN_AS.items():
        there = sum(one == kind for one, _ in stored)
        assert page.locator(f"{PANEL} {selector}").count() == there, kind
    heads = [head for kind, text in stored if kind == "text/html" for head in _heads(text)]
    assert page.locator(f"{OUTPUTS} thead th").all_text_contents() == heads
    told = page.locator(PANEL).inner_text()
    for source in ("erDiagram", "flowchart", "accTitle", "accDescr", "<table", "<p>"):
        assert source not in told


def test_a_drawing_has_a_name_and_tells_the_same_in_words(desk: Desk, number: str) -> None:
    desk.lesson(number)
    stored = _stored(number, desk.last(number))
    drawings = [text for kind, text in stored if kind == "text/vnd.mermaid"]
    figures = desk.page.locator(f"{PANEL} .jp-RenderedMermaid figure").all()
    assert len(figures) == len(drawings)
    for figure, drawing in zip(figures, drawings, strict=True):
        picture, words = figure.locator("img"), figure.locator("figcaption")
        assert picture.evaluate("(image) => image.naturalWidth") > 100
        assert f"accTitle: {picture.get_attribute('alt')}\n" in drawing
        assert _words(words.text_content()) == _words(re.findall(DESCRIPTION, drawing)[0])


@pytest.mark.samples(3, each="theme")
@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_nothing_is_cut_off_or_hard_to_read(desk: Desk, number: str, theme: str) -> None:
    """Of what the kit shows, at both widths; what axe-core calls serious or critical."""
    desk.lesson(number)
    for width in (SMALL, WIDE):
        desk.look(theme, width)
        assert wider(desk.page, OUTPUTS) == [], width
    assert violations(desk.page, OUTPUTS, but=CHARTS) == []


def test_the_console_shows_no_error(desk: Desk, number: str) -> None:
    desk.lesson(number)
    assert [line for line in desk.console if line.startswith("error")] == []


def _stored(number: str, last: str) -> list[tuple[str, str]]:
    """Each output that is stored up to a cell, in its richest kind: the kind, and the text."""
    cells = json.loads(lesson_path(number).read_text(encoding="utf-8"))["cells"]
    end = next(place for place, cell in enumerate(cells) if cell["id"] == last) + 1
    bundles = [
        output["data"]
        for cell in cells[:end]
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    return [(kind, "".join(data[kind])) for data in bundles for kind in SHOWN_AS if kind in data]


def _heads(table: str) -> list[str]:
    """What stands in the heads of the tables in some HTML."""
    heads = "".join(re.findall("<thead.*?</thead>", table, re.DOTALL))
    return [html.unescape(text) for text in re.findall(r"<th\b[^>]*>(.*?)</th>", heads, re.DOTALL)]


def _words(text: str | None) -> list[str]:
    return (text or "").split()
