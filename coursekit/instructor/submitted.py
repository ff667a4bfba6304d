"""Read a learner's notebook for grading, even if an editor or the learner has altered it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from coursekit.errors import NotebookError

FORMAT = 4  # of notebooks with a list of cells; older ones have worksheets


def read_submission(path: Path) -> dict[str, Any]:
    """Read a learner's notebook. Every cell has a type, a source and metadata afterwards.

    Raises:
        NotebookError: The file can't be read, or isn't a notebook.

    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))  # Notepad writes a BOM
    except RecursionError:
        raise _unreadable(path, "It's nested too deeply") from None
    except ValueError as error:
        raise _unreadable(path, f"It isn't JSON in UTF-8: {error}") from None
    except OSError as error:
        raise _unreadable(path, f"It can't be read: {error.strerror}") from None
    if problem := _problem(notebook):
        raise _unreadable(path, problem)
    for cell in notebook["cells"]:
        cell.setdefault("metadata", {})
    result: dict[str, Any] = notebook
    return result


def _problem(notebook: Any) -> str:
    """Return why something isn't a notebook, or ""."""
    if not isinstance(notebook, dict):
        return "It's JSON, but not an object"
    if notebook.get("nbformat", FORMAT) != FORMAT:
        return f"Its nbformat is {notebook['nbformat']!r}, not {FORMAT}"
    if not isinstance(notebook.get("cells"), list):
        return "It has no list of cells"
    wrong = (number for number, cell in enumerate(notebook["cells"], 1) if not _is_cell(cell))
    if number := next(wrong, 0):
        return f"Its cell {number} has a type, source or metadata that can't be read"
    return ""


def _is_cell(cell: Any) -> bool:
    if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
        return False
    metadata = cell.get("metadata", {})
    return isinstance(metadata, dict) and (
        isinstance(metadata.get("nbgrader", {}), dict) and _is_text(cell.get("source"))
    )


def _is_text(source: Any) -> bool:
    lines = source if isinstance(source, list) else [source]
    return all(isinstance(line, str) for line in lines)


def _unreadable(path: Path, why: str) -> NotebookError:
    return NotebookError(
        f"{path.name} can't be graded.",
        f"{why.rstrip('.')}.",
        "Open the notebook in JupyterLab and save it, or use an earlier copy.",
    )
