"""The notebook that this kernel runs, and the lessons that its numbers refer to.

A copy that you changed is never overwritten, so its calls keep the numbers of its edition. If the
lesson has moved since, `start("10")` in the copy still starts the lesson it was made from.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import PurePath

from coursekit.course.cell_names import Cell, slug_in
from coursekit.settings import read_settings

VARIABLE = "JPY_SESSION_NAME"  # Jupyter's server sets it for each kernel
CALL = re.compile(r"""\b(?:begin|check)\(\s*["'](\d\d\.\d+)["']""")


def notebook_path() -> PurePath | None:
    """Return the path of the notebook that this kernel runs, or None if it's unknown.

    Jupyter's server sets a variable; VS Code puts one into the kernel.
    """
    kernel = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    names = kernel.user_ns if kernel else {}
    path = os.environ.get(VARIABLE) or names.get("__vsc_ipynb_file__")
    return PurePath(str(path)) if path else None


def notebook_cells() -> list[Cell]:
    """Return the cells of this kernel's notebook as it was last saved; none if it's unknown."""
    path = notebook_path()
    try:
        # A relative path begins at the folder that Jupyter serves, the workspace.
        file = read_settings().workspace / path if path else None
        return list(json.loads(file.read_text(encoding="utf-8"))["cells"]) if file else []
    except (OSError, ValueError, KeyError, TypeError):
        return []  # a notebook that can't be read has been moved or isn't saved yet


def meaning_of(number: str) -> str:
    """Return the slug for a number in this kernel's notebook, or "" if it isn't in it."""
    try:
        return meanings(notebook_cells()).get(number, "")
    except (KeyError, TypeError, AttributeError):
        return ""  # a file that isn't a notebook


def meanings(cells: list[Cell]) -> dict[str, str]:
    """Return the slugs for the numbers in a notebook's calls, such as `10.1` and `10`."""
    found: dict[str, str] = {}
    lesson = ""
    for cell in cells:
        lesson = lesson or slug_in(cell, "exercises")
        slug, call = slug_in(cell, "begin", "check"), CALL.search("".join(cell["source"]))
        if slug and call:
            found |= {call[1]: slug, call[1][:2]: lesson}
    return found
