"""Each lesson in JupyterLab: it runs, is drawn, fits, and can be read."""

from __future__ import annotations

import json

import pytest

from browser.findings import violations, wider
from browser.jupyterlab import DARK, LIGHT, PANEL, SMALL, WIDE, Desk
from tutorial_lib.course import lesson_path, lessons

pytestmark = pytest.mark.browser
OUTPUTS = f"{PANEL} .jp-OutputArea-output"
# matplotlib draws them and JupyterLab shows them; neither has a place for a text. It stands
# in the cell below: a test of the course's text holds that.
CHARTS = ".jp-RenderedImage"
SHOWN_AS = {
    "text/vnd.mermaid": ".jp-RenderedMermaid img",
    "text/html": ".jp-RenderedHTML",
    "image/png": f"{CHARTS} img",
}


@pytest.fixture(scope="module", params=list(lessons()))
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
    stored, told = _stored(number, desk.last(number)), desk.page.locator(PANEL).inner_text()
    for kind, selector in SHOWN_AS.items():
        assert desk.page.locator(f"{PANEL} {selector}").count() == stored.count(kind), kind
    for source in ("erDiagram", "flowchart LR", "accTitle", "<table", "<p>"):
        assert source not in told


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("width", [WIDE, SMALL])
def test_nothing_is_cut_off(desk: Desk, number: str, theme: str, width: int) -> None:
    desk.lesson(number)
    desk.look(theme, width)
    assert wider(desk.page, OUTPUTS) == []


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_axe_finds_no_serious_violation(desk: Desk, number: str, theme: str) -> None:
    desk.lesson(number)
    desk.look(theme, WIDE)
    assert violations(desk.page, OUTPUTS, but=CHARTS) == []


def test_the_console_shows_no_error(desk: Desk, number: str) -> None:
    desk.lesson(number)
    assert [line for line in desk.console if line.startswith("error")] == []


def _stored(number: str, last: str) -> list[str]:
    """The richest kind of each output that is stored, up to the cell at which a run ends."""
    cells = json.loads(lesson_path(number).read_text(encoding="utf-8"))["cells"]
    end = next(place for place, cell in enumerate(cells) if cell["id"] == last) + 1
    bundles = [
        output["data"]
        for cell in cells[:end]
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    return [kind for data in bundles for kind in SHOWN_AS if kind in data]
