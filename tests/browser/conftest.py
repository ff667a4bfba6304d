"""One browser and one JupyterLab for all of them; what a failing test saw is kept."""

from __future__ import annotations

import re
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser.jupyterlab import HEIGHT, WIDE, Desk, Lab, find_browser, served
from coursekit.settings import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

KEPT = ROOT / "browser-failures"  # git ignores it
MISSING = (
    "No Chromium was found, and these tests prove nothing without one. "
    "On Debian: apt-get install chromium. Elsewhere install Chromium or Chrome on PATH."
)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab as `tutorial lab` serves it."""
    with served(tmp_path_factory.mktemp("learner")) as lab:
        yield lab


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium without a window."""
    program = find_browser()
    if not program:
        pytest.fail(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program)


@pytest.fixture(scope="session")
def desk(browser: Browser, lab: Lab) -> Desk:
    """A page with JupyterLab in it, at lesson 00."""
    return _desk(browser, lab)


@pytest.fixture
def keyboard(browser: Browser, lab: Lab, desk: Desk) -> Iterator[Desk]:
    """Another page, at lesson 00, in which nobody has clicked yet."""
    desk.leave()
    other = _desk(browser, lab, room="keyboard")
    yield other
    other.page.close()


def _desk(browser: Browser, lab: Lab, room: str = "") -> Desk:
    desk = Desk(browser.new_page(viewport={"width": WIDE, "height": HEIGHT}), lab)
    desk.sit_down(room)
    return desk


def pytest_configure() -> None:
    """Forget what an earlier run has kept."""
    shutil.rmtree(KEPT, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the page and the console of a test that fails, and say where."""
    report = yield
    funcargs: dict[str, Any] = getattr(item, "funcargs", {})
    desks = [value for value in funcargs.values() if isinstance(value, Desk)]
    if report.failed and desks:
        report.sections.append(("what the browser showed", str(_keep(item.name, desks[0]))))
        desks[0].let_go()
    return report


def _keep(name: str, desk: Desk) -> Path:
    """The picture of a page; the console lies beside it."""
    KEPT.mkdir(exist_ok=True)
    picture = KEPT / (re.sub(r"[^\w.-]+", "-", name) + ".png")
    desk.page.screenshot(path=picture)
    picture.with_suffix(".txt").write_text("\n".join(desk.console), encoding="utf-8")
    return picture
