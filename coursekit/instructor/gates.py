"""The gates: what a reference notebook must be before its run can mean anything.

nbval compares only what is there to be compared. A cell that was never run, a failing
shell command, an unknown magic: each passes there, and is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coursekit.course.notebooks import load
from coursekit.errors import NotebookError
from coursekit.instructor.shell_gate import Found, commands

TAGS = {"raises-exception"}
FORMAT = (4, 5)
COLOUR = re.compile(r"\x1b\[[\d;]*m")
PLACES = (
    *("home", "root", "Users", "Volumes", "Library", "tmp", "var", "opt", "mnt", "media", "usr"),
    *("private", "srv", "run", "work", "workspace", "workspaces", "builds", "nix"),
)
ABSOLUTE = re.compile(
    rf"(?:(?<![\w.~/])|(?<=file://))/(?:{'|'.join(PLACES)})/[\w.-]+"
    r"|\b[A-Za-z]:(?:\\{1,2}|/(?!/))\w[\w.-]*"
    r"|(?<!\w)~[/\\](?:[\w.-]+[/\\])*[\w.-]+\.py\b"
)
PASSWORD_IN_URL = re.compile(r"://[^\s:/@]*:(?!\*\*\*@|None@)[^\s@]+@")
MARKER = re.compile(r"#+\s*(?:NBVAL_\w+|PYTEST_VALIDATE_IGNORE_OUTPUT)")


@dataclass(frozen=True)
class GateFinding:
    """Why a notebook is refused: which cell (from 1, or None), what, and what mends it."""

    cell: int | None
    problem: str
    fix: str

    def __str__(self) -> str:
        where = "" if self.cell is None else f"cell {self.cell}: "
        return f"{where}{self.problem} {self.fix}"


def check(path: Path) -> list[GateFinding]:
    """All that is wrong with a reference notebook; an empty list lets it pass."""
    notebook = load(path)
    malformed = list(_malformed(notebook, path))
    if malformed:
        return malformed
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    refresh = _refresh(path)
    findings = list(_notebook_findings(notebook, cells, refresh))
    for number, cell in enumerate(cells, start=1):
        for gate in (_never_run, _hidden, commands, _outputs, _private):
            found = dict.fromkeys(gate(cell, number, refresh))
            findings += [GateFinding(number, *pair) for pair in found]
    return findings


def malformed(path: Path) -> bool:
    """Whether a file is no notebook, or one whose cells cannot be run."""
    try:
        return any(_malformed(load(path), path))
    except NotebookError:
        return True


Gate = Callable[[dict[str, Any], int, str], Found]


def _malformed(notebook: dict[str, Any], path: Path) -> Iterator[GateFinding]:
    """What the format's own schema says is wrong."""
    from nbformat.validator import iter_validate

    back = f"Get it back with: git checkout notebooks/{path.name}"
    form = notebook.get("nbformat"), notebook.get("nbformat_minor")
    if form[0] != FORMAT[0] or not isinstance(form[1], int):
        yield GateFinding(None, f"Its format is {form[0]}.{form[1]}, not 4.5.", back)
    elif form < FORMAT:
        yield GateFinding(None, "It has an old format, without cell ids.", _refresh(path))
    else:
        for error in iter_validate(notebook):
            place = ".".join(map(str, error.absolute_path))
            said = error.message if len(error.message) < 80 else "what stands there is not valid"
            yield GateFinding(None, f"It is no notebook: at {place or 'the top'}, {said}.", back)
        ids = [cell.get("id") for cell in notebook["cells"]]
        if len(set(ids)) < len(ids):
            yield GateFinding(None, "Two of its cells have the same id.", _refresh(path))


def _refresh(path: Path) -> str:
    return f"Run: python3 start.py refresh {path.name[:2]}"


def _notebook_findings(
    notebook: dict[str, Any], cells: list[dict[str, Any]], refresh: str
) -> Iterator[GateFinding]:
    if any(cell["cell_type"] == "raw" for cell in notebook["cells"]):
        yield GateFinding(None, "A raw cell is neither run nor text.", "Make it code or Markdown.")
    if not cells:
        yield GateFinding(None, "There is no code cell, so a run proves nothing.", "Add one.")
    kernel = notebook["metadata"].get("kernelspec", {}).get("name")
    if kernel != "python3":
        yield GateFinding(None, f"It asks for the kernel {kernel!r}, not 'python3'.", refresh)
    if cells and not any(cell["outputs"] for cell in cells):
        yield GateFinding(None, "All its outputs were stripped.", refresh)


def _never_run(cell: dict[str, Any], number: int, refresh: str) -> Found:
    if not _source(cell).strip():
        yield "It is empty.", "Remove it."
    elif cell["execution_count"] is None:
        yield "It was never run, so its output is not compared.", refresh
    elif cell["execution_count"] != number:
        yield f"It has the number {cell['execution_count']}: run out of order.", refresh


def _hidden(cell: dict[str, Any], number: int, refresh: str) -> Found:
    """Cells that nbval was told not to run or not to compare."""
    tags = set(cell["metadata"].get("tags", []))
    for tag in sorted(tags - TAGS):
        yield f"It has the tag {tag!r}, with which it may not be run or compared.", "Remove it."
    if any(MARKER.fullmatch(line.strip()) for line in _source(cell).splitlines()):
        yield "A comment in it tells nbval to skip or ignore it.", "Remove the comment."


def _outputs(cell: dict[str, Any], number: int, refresh: str) -> Found:
    raising = "raises-exception" in cell["metadata"].get("tags", [])
    errors = [o for o in cell["outputs"] if o["output_type"] == "error"]
    if errors and not raising:
        yield (
            f"It ends in {errors[0]['ename']}, which is not announced.",
            "Mend it, or tag it raises-exception if the error is the lesson.",
        )
    if raising and not errors:
        yield "It is tagged raises-exception, but raises none.", f"Remove the tag. {refresh}"
    if any(o.get("name") == "stderr" for o in cell["outputs"]):
        yield "It writes to stderr: a warning, or a magic that does not exist.", "Mend its cause."


def _private(cell: dict[str, Any], number: int, refresh: str) -> Found:
    for text in _texts(cell["outputs"]):
        path = ABSOLUTE.search(text)
        if path:
            yield f"An output holds the absolute path {path.group()}.", "Print a relative one."
        if PASSWORD_IN_URL.search(text):
            yield "An output holds a password in an address.", "Print the masked address."


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _texts(value: Any) -> Iterator[str]:
    """Every text in an output, whatever its type, without its colours."""
    if isinstance(value, str):
        yield COLOUR.sub("", value)
    elif isinstance(value, dict):
        yield from _texts([*value, *value.values()])
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
