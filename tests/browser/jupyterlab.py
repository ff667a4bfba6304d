"""`tutorial lab` and a browser in front of it, in a workspace and data folder of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from coursekit.course.catalog import lesson_path, slug_of

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Locator, Page

PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"  # the notebook in front
WAITING = f"{PANEL} .jp-InputArea-prompt:has-text('*')"
UNDRAWN = f"{PANEL} .jp-RenderedMermaid:empty"
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"
HEIGHT = 900
WIDE, SMALL = 1280, 800
NARROW = 1000  # where a person folds the list of files away
# Seconds to wait at most. They only end a test that hangs, however busy the machine is.
TIMEOUT, LESSON_TIMEOUT = 300, 900
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Who learns has no nbgrader. Its buttons would stand in every picture.
WITHOUT = {"disabledExtensions": {"@jupyter/nbgrader": True}}


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that runs: its address, token included, and its folder of notebooks."""

    address: str
    notebooks: Path


@contextmanager
def served(folder: Path) -> Iterator[Lab]:
    """`tutorial lab`, with workspace and data below `folder`, until the end of the block."""
    data = folder / "data"
    _prepare(data / "jupyter")
    places = {"TUTORIAL_WORKSPACE": str(folder / "workspace"), "TUTORIAL_DATA": str(data)}
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("tutorial")), "lab", "--no-browser"],
        env={**os.environ, **places},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    while "press Ctrl-C" not in said and process.poll() is None:
        said += process.stdout.readline()
    try:
        yield Lab(re.findall(r"http://\S+", said)[-1], folder / "workspace" / "notebooks")
    finally:
        for one in (psutil.Process(process.pid), *psutil.Process(process.pid).children()):
            one.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT)


def _prepare(jupyter: Path) -> None:
    """Take over the list of fonts, which takes seconds to make, and leave nbgrader out."""
    if Path(os.environ["MPLCONFIGDIR"]).is_dir():
        shutil.copytree(os.environ["MPLCONFIGDIR"], jupyter / "matplotlib")
    settings = jupyter / "config" / "labconfig"
    settings.mkdir(parents=True)
    (settings / "page_config.json").write_text(json.dumps(WITHOUT), encoding="utf-8")


def find_browser() -> str:
    """The program of a Chromium; nothing when there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), "")


@dataclass
class Desk:
    """A page of the browser with JupyterLab in it, and what a person does there."""

    page: Page
    lab: Lab
    console: list[str] = field(default_factory=list)
    runs: str = ""  # the lesson that is open and has run

    def sit_down(self, room: str = "") -> None:
        """Go to the address that `tutorial lab` prints; `room` is a layout of its own."""
        self.page.set_default_timeout(1000 * TIMEOUT)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        layout = f"/lab/workspaces/{room}/tree/" if room else "/lab/tree/"
        self.page.goto(self.lab.address.replace("/lab/tree/", layout))
        self.ready("00")

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.console.append(f"{message.type}: {message.text}")

    def ready(self, number: str) -> None:
        """Wait until a lesson is in front, all its cells are there, and its kernel waits.

        JupyterLab fills a page from the top. What is asked of it before it has come to the
        end may be lost.
        """
        self.page.locator(f"{PANEL} h1:has-text('{number} ·')").wait_for(state="attached")
        self.page.locator(f"{PANEL} .jp-Cell").nth(len(self.cells(number)) - 1).wait_for(
            state="attached"
        )
        self.idle()

    def idle(self) -> None:
        """Wait until the kernel of the notebook in front has nothing to do."""
        self.page.locator(f"{PANEL} [data-status=idle]").first.wait_for(state="attached")

    def cells(self, number: str) -> list[dict[str, Any]]:
        """The cells of a learner's copy, as they were when it was made."""
        path = self.lab.notebooks / lesson_path(number).name
        cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return cells

    def lesson(self, number: str) -> None:
        """Bring a lesson to the front, run as far as it goes; the one before is closed.

        It runs once, until another one takes its place.
        """
        if number == self.runs:
            return
        self.leave()
        self.open(number)
        self.console.clear()
        self.runs = number
        self.menu("Run", "runmenu:run-all")
        first = next(cell["id"] for cell in self.cells(number) if cell["cell_type"] == "code")
        until(lambda: self.count(number, first) not in ("", "*"))
        until(lambda: self.page.locator(WAITING).count() == 0, LESSON_TIMEOUT)
        until(lambda: self.page.locator(UNDRAWN).count() == 0)
        self.idle()

    def practise(self, number: str) -> None:
        """Bring a lesson to the front of which only the tools of its exercises have run."""
        if self.runs != f"exercises of {number}":
            self.leave()
            self.open(number)
            self.run(number, f"exercises-{slug_of(lesson_path(number))}-tools")
            self.runs = f"exercises of {number}"

    def open(self, number: str) -> None:
        """Open a lesson from the list of files."""
        self.look(self.theme(), WIDE)
        name = lesson_path(number).name
        self.page.locator(f".jp-DirListing-item:has-text('{name}')").dblclick()
        self.ready(number)

    def leave(self) -> None:
        """Save and close all notebooks that are open, and end their kernels."""
        self.runs = ""
        notebooks = self.page.locator(".jp-NotebookPanel")
        while left := notebooks.count():
            self.menu("File", "docmanager:save")
            self.menu("File", "filemenu:close-and-cleanup")
            self.page.locator(".jp-Dialog .jp-mod-accept").click()
            notebooks.nth(left - 1).wait_for(state="detached")

    def let_go(self) -> None:
        """Close a menu or a dialog that a test left open, so that the next one can go on."""
        for _ in range(2):
            self.page.keyboard.press("Escape")

    def files(self, *, shown: bool) -> None:
        """Show the list of files beside the notebook, or fold it away."""
        if self.page.locator(".jp-DirListing").is_visible() != shown:
            self.page.keyboard.press("Control+b")
            self.page.locator(".jp-DirListing").wait_for(state="visible" if shown else "hidden")

    def last(self, number: str) -> str:
        """The id of the cell at which a run of the untouched copy ends.

        It is the first check, or the last cell with code where there are no exercises.
        """
        code = [cell["id"] for cell in self.cells(number) if cell["cell_type"] == "code"]
        return next((name for name in code if name.startswith("check-")), code[-1])

    def cell(self, number: str, name: str) -> Locator:
        """A cell of the lesson in front, by its id."""
        place = [cell["id"] for cell in self.cells(number)].index(name)
        return self.page.locator(f"{PANEL} .jp-Cell[data-windowed-list-index='{place}']")

    def count(self, number: str, name: str) -> str:
        """What stands in the brackets of a cell: a number, a star, or nothing."""
        return counted(self.cell(number, name))

    def wait_for(self, number: str, name: str, before: str = "") -> None:
        """Wait until a cell has run, and has another number than before."""
        cell = self.cell(number, name)
        until(lambda: counted(cell) not in ("", "*", before))
        self.idle()

    def run(self, number: str, name: str) -> Locator:
        """Run one cell; its outputs."""
        before = self.count(number, name)
        self.cell(number, name).locator(".jp-InputArea-editor").click()
        self.page.keyboard.press("Control+Enter")
        self.wait_for(number, name, before)
        return self.cell(number, name).locator(".jp-Cell-outputArea")

    def replace(self, number: str, name: str, text: str) -> None:
        """Type a line in place of the last one of a cell."""
        self.cell(number, name).locator(".cm-content").click()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.press("Shift+Home")
        self.page.keyboard.type(text)

    def menu(self, name: str, command: str) -> None:
        """Choose a command from a menu."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{name}$")).click()
        self.page.locator(f".lm-Menu-item[data-command='{command}']").click()

    def terminal(self, *lines: str) -> None:
        """Open a terminal from the menu, and type lines into it; the last one closes it."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^File$")).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile("^New$")).click()
        self.page.locator(".lm-Menu-item[data-command='terminal:create-new']").click()
        self.page.locator(".jp-Terminal .xterm-helper-textarea").focus()
        for line in lines:
            self.page.keyboard.type(f"{line}\n")
        self.page.locator(".jp-Terminal").wait_for(state="detached")

    def look(self, theme: str, width: int) -> None:
        """Change the theme and the width of the page, unless they are so already."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        self.files(shown=width > NARROW)
        if self.theme() != theme:
            self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Settings$")).click()
            self.page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Theme$")).click()
            self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{theme}$")).click()
            until(lambda: self.theme() == theme)
        self.page.wait_for_timeout(200)  # JupyterLab animates a change of width

    def theme(self) -> str:
        """The theme that is shown."""
        return str(self.page.evaluate("document.body.dataset.jpThemeName"))


def counted(cell: Locator) -> str:
    """What stands in the brackets of a cell: a number, a star, or nothing."""
    return (cell.locator(".jp-InputArea-prompt").text_content() or "").strip("[]: ")


def until(holds: Callable[[], bool], seconds: float = TIMEOUT) -> None:
    """Wait until something holds; fail if it doesn't in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"This did not happen within {seconds} seconds."
        time.sleep(0.05)
