"""The gates: what a source edition must be like before running it can prove anything.

nbval only compares stored outputs. It lets a cell that was never run pass, a failing shell
command, an unknown magic; the gates refuse them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coursekit.ansi import strip_ansi
from coursekit.course.notebooks import load_incomplete
from coursekit.errors import NotebookError
from coursekit.instructor.shell_gate import Found, commands

TAGS = {"raises-exception"}
FORMAT = (4, 5)
FOLDERS = (
    *("home", "root", "Users", "Volumes", "Library", "tmp", "var", "opt", "mnt", "media", "usr"),
    *("private", "srv", "run", "work", "workspace", "workspaces", "builds", "nix"),
)
ABSOLUTE = re.compile(
    rf"(?:(?<![\w.~/])|(?<=file://))/(?:{'|'.join(FOLDERS)})/[\w.-]+"
    r"|\b[A-Za-z]:(?:\\{1,2}|/(?!/))\w[\w.-]*"
    r"|(?<!\w)~[/\\](?:[\w.-]+[/\\])*[\w.-]+\.py\b"
)
PASSWORD_IN_URL = re.compile(r"://[^\s:/@]*:(?!\*\*\*@|None@)[^\s@]+@")
MARKER = re.compile(r"#+\s*(?:NBVAL_\w+|PYTEST_VALIDATE_IGNORE_OUTPUT)")


@dataclass(frozen=True)
class GateFinding:
    """Why a notebook is refused.

    Attributes:
        cell: The code cell, counted from 1; None for the whole notebook.
        problem: One sentence.
        fix: What to do about it.

    """

    cell: int | None
    problem: str
    fix: str

    def __str__(self) -> str:
        where = "" if self.cell is None else f"cell {self.cell}: "
        return f"{where}{self.problem} {self.fix}"


def check(path: Path) -> list[GateFinding]:
    """Return everything that's wrong with a source edition; an empty list lets it pass."""
    notebook = load_incomplete(path)
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
    """Return whether a file isn't a notebook, or is one whose cells can't be run."""
    try:
        return any(_malformed(load_incomplete(path), path))
    except NotebookError:
        return True


def _malformed(notebook: dict[str, Any], path: Path) -> Iterator[GateFinding]:
    """Find what's wrong according to the notebook format's own schema."""
    from nbformat.validator import iter_validate

    restore = f"Get it back with: git checkout notebooks/{path.name}"
    form = notebook.get("nbformat"), notebook.get("nbformat_minor")
    if form[0] != FORMAT[0] or not isinstance(form[1], int):
        yield GateFinding(None, f"Its format is {form[0]}.{form[1]}, not 4.5.", restore)
    elif form < FORMAT:
        yield GateFinding(None, "Its format is too old for cell ids.", _refresh(path))
    else:
        for error in iter_validate(notebook):
            where = ".".join(map(str, error.absolute_path)) or "the top"
            problem = error.message if len(error.message) < 80 else "the value isn't valid"
            yield GateFinding(None, f"It isn't a valid notebook: at {where}, {problem}.", restore)
        ids = [cell.get("id") for cell in notebook["cells"]]
        if len(set(ids)) < len(ids):
            yield GateFinding(None, "Two of its cells have the same id.", _refresh(path))


def _refresh(path: Path) -> str:
    return f"Run: python3 start.py refresh {path.name[:2]}"


def _notebook_findings(
    notebook: dict[str, Any], cells: list[dict[str, Any]], refresh: str
) -> Iterator[GateFinding]:
    if any(cell["cell_type"] == "raw" for cell in notebook["cells"]):
        problem = "It has a raw cell, which is neither run nor rendered."
        yield GateFinding(None, problem, "Make it code or Markdown.")
    if not cells:
        yield GateFinding(None, "It has no code cell, so a run proves nothing.", "Add one.")
    kernel = notebook["metadata"].get("kernelspec", {}).get("name")
    if kernel != "python3":
        yield GateFinding(None, f"Its kernel is {kernel!r}, not 'python3'.", refresh)
    if cells and not any(cell["outputs"] for cell in cells):
        yield GateFinding(None, "All its outputs were stripped.", refresh)


def _never_run(cell: dict[str, Any], number: int, refresh: str) -> Found:
    if not _source(cell).strip():
        yield "It's empty.", "Remove it."
    elif cell["execution_count"] is None:
        yield "It was never run, so its output isn't compared.", refresh
    elif cell["execution_count"] != number:
        yield f"Its count is {cell['execution_count']}: it was run out of order.", refresh


def _hidden(cell: dict[str, Any], number: int, refresh: str) -> Found:
    """Find cells that nbval was told not to run or not to compare."""
    tags = set(cell["metadata"].get("tags", []))
    for tag in sorted(tags - TAGS):
        yield f"Its tag {tag!r} may keep it from being run or compared.", "Remove the tag."
    if any(MARKER.fullmatch(line.strip()) for line in _source(cell).splitlines()):
        yield "A comment in it tells nbval to skip or ignore it.", "Remove the comment."


def _outputs(cell: dict[str, Any], number: int, refresh: str) -> Found:
    raising = "raises-exception" in cell["metadata"].get("tags", [])
    errors = [o for o in cell["outputs"] if o["output_type"] == "error"]
    if errors and not raising:
        yield (
            f"It ends with {errors[0]['ename']}, but isn't tagged raises-exception.",
            "Fix it, or add the tag if the error is intended.",
        )
    if raising and not errors:
        yield "It's tagged raises-exception, but raises nothing.", f"Remove the tag. {refresh}"
    if any(o.get("name") == "stderr" for o in cell["outputs"]):
        yield "It writes to stderr: a warning, or a magic that doesn't exist.", "Fix the cause."


def _private(cell: dict[str, Any], number: int, refresh: str) -> Found:
    for text in _strings(cell["outputs"]):
        path = ABSOLUTE.search(text)
        if path:
            yield f"An output contains the absolute path {path.group()}.", "Print a relative one."
        if PASSWORD_IN_URL.search(text):
            yield "An output contains a password in a URL.", "Print the URL without it."


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _strings(value: Any) -> Iterator[str]:
    """Yield every string in an output, whatever its type, without ANSI colors."""
    if isinstance(value, str):
        yield strip_ansi(value)
    elif isinstance(value, dict):
        yield from _strings([*value, *value.values()])
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
