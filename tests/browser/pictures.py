"""The pictures of the README: PYTHONPATH=tests python -m browser.pictures takes them again."""

from __future__ import annotations

import tempfile
from pathlib import Path

from browser.conftest import MISSING
from browser.jupyterlab import LIGHT, PANEL, WIDE, Desk, find_browser, served
from coursekit.instructor.isolated_run import isolated_run
from coursekit.settings import ROOT

DOCS = ROOT / "docs"
WRONG = 'return f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"'
MARGIN = 8  # pixels below what is shown; above it is the edge of the notebook


def main() -> None:
    """Take all of them."""
    from playwright.sync_api import sync_playwright

    if not find_browser():
        raise SystemExit(MISSING)
    with isolated_run(), tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser())
        with served(Path(folder)) as lab:
            desk = Desk(browser.new_page(viewport={"width": WIDE, "height": 900}), lab)
            desk.sit_down()
            lesson(desk)
            check(desk)
            changes(desk)


def lesson(desk: Desk) -> None:
    """Lesson 01 in JupyterLab, at the URL that is made from five values."""
    desk.lesson("01")
    desk.look(LIGHT, 1000)
    _to_the_top(desk, "h2:has-text('One URL')")
    desk.page.screenshot(path=DOCS / "lesson-01.png", clip=_box(0, 0, 1000, 760))


def check(desk: Desk) -> None:
    """Exercise 01.1 with an answer that is not right yet, and what the check says."""
    desk.replace("01", "answer-url-for-any-password", WRONG)
    desk.run("01", "answer-url-for-any-password")
    desk.run("01", "check-url-for-any-password")
    _cells(desk, "01", "answer-url-for-any-password", "check-url-for-any-password", "check.png")


def changes(desk: Desk) -> None:
    """What the upgrade of lesson 07 has changed."""
    desk.lesson("07")
    desk.look(LIGHT, 1000)
    _cells(desk, "07", "2cdb89f6", "2cdb89f6", "changes.png")


def _cells(desk: Desk, number: str, first: str, last: str, name: str) -> None:
    """The cells from one to another, without JupyterLab around them."""
    desk.page.set_viewport_size({"width": 1000, "height": 1400})
    desk.page.mouse.move(0, 0)  # the row under it would have another colour
    desk.cell(number, first).evaluate("(cell) => cell.scrollIntoView()")
    desk.page.wait_for_timeout(500)
    top, end = (desk.cell(number, one).bounding_box() for one in (first, last))
    assert top is not None
    assert end is not None
    height = end["y"] + end["height"] - top["y"]
    clip = _box(top["x"], top["y"], top["width"], height + MARGIN)
    desk.page.screenshot(path=DOCS / name, clip=clip)


def _to_the_top(desk: Desk, where: str) -> None:
    desk.page.locator(f"{PANEL} {where}").evaluate("(heading) => heading.scrollIntoView()")
    desk.page.wait_for_timeout(500)


def _box(x: float, y: float, width: float, height: float) -> dict[str, float]:
    return {"x": x, "y": y, "width": width, "height": height}


if __name__ == "__main__":
    main()
