"""What a learner does in JupyterLab: follows links, types an answer, uses keys alone."""

from __future__ import annotations

import re
import sys

import pytest

from browser.findings import violations, wider
from browser.jupyterlab import DARK, LIGHT, PANEL, SMALL, WIDE, Desk, until

pytestmark = pytest.mark.browser
TEXT_URL = 'return f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"'
SAFE_URL = 'return URL.create("postgresql+psycopg2", user, password, host, port, database)'
FOCUSED = "(what) => document.activeElement?.closest(what) !== null"


def test_links_lead_from_lesson_to_lesson(desk: Desk) -> None:
    desk.lesson("00")
    desk.page.locator(f"{PANEL} .jp-OutputArea a:text-is('Connect')").first.click()
    desk.ready("01")
    desk.page.locator(f"{PANEL} .jp-MarkdownOutput a:has-text('00 · Start here')").first.click()
    desk.ready("00")


def test_a_box_says_not_started_not_yet_and_done(desk: Desk) -> None:
    """Exercise 01.1, solved by typing; each box fits and can be read in every look."""
    desk.practise("01")
    said = [_checked(desk)]
    for answer in (TEXT_URL, SAFE_URL):
        desk.replace("01", "answer-url-for-any-password", answer)
        desk.run("01", "answer-url-for-any-password")
        said.append(_checked(desk))
    assert ["not started" in said[0], "not yet" in said[1], "done" in said[2]] == [True] * 3
    assert "expected:" in said[1]
    assert "TODO" not in said[2]


def test_a_hint_is_shown_as_text(desk: Desk) -> None:
    desk.practise("01")
    desk.replace("01", "exercises-connect-tools", 'hint("01.1")')
    said = desk.run("01", "exercises-connect-tools").locator(".jp-RenderedHTML").inner_text()
    assert said.startswith("Hint 1 of")


def test_a_cell_run_in_a_new_kernel_says_what_to_run_first(desk: Desk) -> None:
    desk.leave()
    desk.open("05")
    said = desk.run("05", "5bef0167").inner_text()
    assert "NameError: name 'Base' is not defined" in said
    assert "Run that cell first, or choose Run, Run All Above Selected Cell." in said


def test_a_lesson_goes_by_keyboard_alone(keyboard: Desk) -> None:
    """Lesson 00 from its first cell to the link at its end, and on into lesson 01."""
    press, cells = keyboard.page.keyboard.press, keyboard.cells("00")
    _tab_to(keyboard, ".jp-Notebook")
    press("Escape")
    for _ in cells:
        press("ArrowUp")
    for cell in cells[:-1]:
        press("Shift+Enter")
        if cell["cell_type"] == "code":
            keyboard.wait_for("00", cell["id"])
    _tab_to(keyboard, "a[href*='01_connect']")
    press("Enter")
    keyboard.ready("01")


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are a Unix shell's")
def test_a_terminal_takes_the_commands_of_lesson_03(desk: Desk) -> None:
    """It opens in the projects' folder, and finds alembic."""
    (cell,) = [cell for cell in desk.cells("03") if cell["id"] == "b7ab20c4"]
    commands = re.findall(r"```console\n(.*?)```", "".join(cell["source"]), re.DOTALL)[0]
    desk.terminal(*commands.splitlines(), "exit")
    practice = desk.lab.notebooks.parent / "projects" / "practice"
    made = {path.relative_to(practice).as_posix() for path in practice.rglob("*")}
    assert {"alembic.ini", "alembic/env.py", "alembic/versions"} <= made


def _checked(desk: Desk) -> str:
    """Run the check of 01.1; what its box says, after a look at it from all sides."""
    desk.run("01", "check-url-for-any-password")
    place = [cell["id"] for cell in desk.cells("01")].index("check-url-for-any-password")
    box = f"{PANEL} .jp-Cell[data-windowed-list-index='{place}'] .jp-OutputArea-output"
    for theme in sorted((LIGHT, DARK), key=lambda theme: theme != desk.theme()):
        for width in (SMALL, WIDE):
            desk.look(theme, width)
            assert wider(desk.page, box) == []
        assert violations(desk.page, box) == []
    return desk.page.locator(box).first.inner_text()


def _tab_to(desk: Desk, where: str) -> None:
    """Press Tab until the focus is there."""

    def there() -> bool:
        desk.page.keyboard.press("Tab")
        return bool(desk.page.evaluate(FOCUSED, where))

    if not desk.page.evaluate(FOCUSED, where):
        until(there)
