"""The gates: what a reference notebook must be before its run can mean anything.

nbval compares only what is there to be compared. A cell that was never run, a failing
shell command, an unknown magic: each passes there, and is refused here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tutorial_lib.editions import load

MAGICS = {"alembic", "xmode", "writefile"}
TAGS = {"raises-exception"}
FORMAT = (4, 5)
ABSOLUTE = re.compile(
    r"(?<![\w.~:/-])/(?:home|root|Users|tmp|var|opt|mnt|usr|private|srv|work)/[\w.-]+"
    r"|\b[A-Za-z]:\\{1,2}\w"
)
PASSWORD_IN_URL = re.compile(r"://[^\s:/@]+:(?!\*\*\*@|None@)[^\s@]+@")
MARKERS = re.compile(r"^\s*#+\s*(?:NBVAL_\w+|PYTEST_VALIDATE_IGNORE_OUTPUT)\s*$", re.M)


@dataclass(frozen=True)
class Finding:
    """Why a notebook is refused: which cell (from 1, or None), what, and what mends it."""

    cell: int | None
    problem: str
    mend: str

    def __str__(self) -> str:
        where = "" if self.cell is None else f"cell {self.cell}: "
        return f"{where}{self.problem} {self.mend}"


def check(path: Path) -> list[Finding]:
    """All that is wrong with a reference notebook; an empty list lets it pass."""
    notebook = load(path)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    refresh = f"Run: python3 start.py refresh {path.name[:2]}"
    findings = list(_notebook_findings(notebook, cells, refresh))
    for number, cell in enumerate(cells, start=1):
        for gate in (_never_run, _hidden, _commands, _outputs, _private):
            findings += [Finding(number, *found) for found in gate(cell, number, refresh)]
    return findings


Found = Iterator[tuple[str, str]]
Gate = Callable[[dict[str, Any], int, str], Found]


def _notebook_findings(
    notebook: dict[str, Any], cells: list[dict[str, Any]], refresh: str
) -> Iterator[Finding]:
    if (notebook.get("nbformat"), notebook.get("nbformat_minor")) < FORMAT:
        yield Finding(None, "The notebook has an old format, without cell ids.", refresh)
    if not cells:
        yield Finding(None, "There is no code cell, so a run proves nothing.", "Add one.")
    kernel = notebook.get("metadata", {}).get("kernelspec", {}).get("name")
    if kernel != "python3":
        yield Finding(None, f"It asks for the kernel {kernel!r}, not 'python3'.", refresh)
    if cells and not any(cell["outputs"] for cell in cells):
        yield Finding(None, "All its outputs were stripped.", refresh)


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
    if MARKERS.search(_source(cell)):
        yield "A comment in it tells nbval to skip or ignore it.", "Remove the comment."


def _commands(cell: dict[str, Any], number: int, refresh: str) -> Found:
    """Shell commands, whose failure nobody sees, and magics that the kit does not know."""
    for kind, name in _ipython_calls(_source(cell)):
        if kind == "magic" and name not in MAGICS:
            yield (
                f"The magic %{name} is not one of the course's; an unknown one passes unseen.",
                f"Use one of: {', '.join('%' + magic for magic in sorted(MAGICS))}.",
            )
        elif kind == "shell":
            yield (
                f"The shell command {name!r} may fail unseen.",
                "Use %alembic, or Python, which raise.",
            )


def _outputs(cell: dict[str, Any], number: int, refresh: str) -> Found:
    raising = "raises-exception" in cell["metadata"].get("tags", [])
    errors = [o for o in cell["outputs"] if o["output_type"] == "error"]
    if errors and not raising:
        yield (
            f"It ends in {errors[0]['ename']}, which is not announced.",
            ("Mend it, or tag it raises-exception if the error is the lesson."),
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
    """Every text in an output, whatever its mime type; a list of lines counts as one."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        yield "".join(value)
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _ipython_calls(source: str) -> Iterator[tuple[str, str]]:
    """The magics and shell commands of a cell, as IPython itself reads them."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        tree = ast.parse(TransformerManager().transform_cell(source))
    except SyntaxError:
        return  # it is the lesson, or it fails when it is run
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from _ipython_call(node.func.attr, node.args)


def _ipython_call(method: str, arguments: list[ast.expr]) -> Iterator[tuple[str, str]]:
    """What a call that IPython wrote is: a magic, a shell command, or neither."""
    first = arguments[0] if arguments else None
    name = str(first.value) if isinstance(first, ast.Constant) else ""
    if method in ("run_line_magic", "run_cell_magic"):
        yield "shell" if name in SHELL_MAGICS else "magic", name
    elif method in ("system", "getoutput"):
        yield "shell", name


SHELL_MAGICS = {"bash", "sh", "script", "system", "sx", "cmd", "!", "perl", "ruby"}
