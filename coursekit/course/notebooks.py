"""Read, write and clear notebooks, as JSON.

nbformat isn't needed for any of this, and takes seconds to import.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from coursekit.errors import NotebookError


def load(path: Path) -> dict[str, Any]:
    """Read a notebook whose cells all have a type, a source and metadata.

    Raises:
        NotebookError: The file can't be read, or isn't such a notebook.

    """
    return _read(path, {"cell_type": str, "source": (str, list), "metadata": dict})


def load_incomplete(path: Path) -> dict[str, Any]:
    """Read a notebook that may lack parts, for a check that names them.

    Raises:
        NotebookError: The file can't be read, or isn't a notebook.

    """
    return _read(path, {"cell_type": str})


def _read(path: Path, parts: dict[str, Any]) -> dict[str, Any]:
    try:
        notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if all(isinstance(cell[name], parts[name]) for cell in notebook["cells"] for name in parts):
            return notebook
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise NotebookError(
        f"{path.name} is not a notebook.",
        "It cannot be read, or it is not JSON with cells in it.",
        f"Get it back with: git checkout notebooks/{path.name}",
    )


def dump(notebook: dict[str, Any]) -> str:
    """Return a notebook's text: indented by one, keys sorted, with a newline at the end."""
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def clear_outputs(notebook: dict[str, Any]) -> None:
    """Remove the outputs and execution counts of a notebook, in place."""
    for cell in code_cells(notebook):
        cell["outputs"], cell["execution_count"] = [], None


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the code cells of a notebook, in order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def quick_nbformat() -> None:
    """Keep nbformat from building a grammar that takes 1.7 seconds.

    jsonschema uses rfc3987_syntax, if it's installed, to check the format "iri", which no
    notebook contains. Without it, jsonschema skips that check.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
