"""What to run next, when a cell failed because cells were run out of order, or twice.

Each kernel of the course loads this module as an IPython extension when it starts, so that it also
helps in a kernel that was restarted and hasn't run a cell of its lesson.
"""

from __future__ import annotations

import re
import symtable
import traceback
from typing import Any

from coursekit.course.cell_names import Cell, slug_in

START = re.compile(r"""\b(?:start|begin)\(\s*["'][\d.]+["']""")
MAGICS = ("%alembic", "%pytest", "%squawk")
LINE = 60  # characters of a cell's first line; the rest isn't needed to find it

_ran_to_end: set[tuple[str, str]] = set()  # the ids of cells, and the texts that ran


def load_ipython_extension(shell: Any) -> None:
    """Print advice after the cells of this kernel that fail."""
    # Registering the same function twice registers it once.
    shell.events.register("post_run_cell", after_cell)


def after_cell(result: Any) -> None:
    """Print what to run next, from IPython's ExecutionResult, if that's known."""
    error = result.error_before_exec or result.error_in_exec
    cell_id, source = str(result.info.cell_id or ""), str(result.info.raw_cell)
    if error is None:
        _ran_to_end.add((cell_id, source))
    elif cell_id and isinstance(error, Exception):  # runners such as nbclient send no ids
        # Not at the top: it needs SQLAlchemy, which would delay each kernel's start.
        from coursekit.course.this_notebook import notebook_cells

        again = (cell_id, source) in _ran_to_end
        if advice := advice_for(error, cell_id, again, notebook_cells()):
            print(advice)


def advice_for(error: Exception, cell_id: str, again: bool, cells: list[Cell]) -> str:
    """Return what to run next after an error, or "" if there's nothing to say.

    Args:
        error: What the cell raised.
        cell_id: The id of the cell that failed.
        again: Whether the same cell, unchanged, ran to its end before.
        cells: The cells of the notebook.

    """
    place = next((n for n, cell in enumerate(cells) if cell.get("id") == cell_id), None)
    if place is None or hasattr(error, "do"):  # the course's own errors say what to do
        return ""
    begin = next((n for n, cell in enumerate(cells) if slug_in(cell, "exercises")), len(cells))
    in_lesson = place < begin
    own = range(begin) if in_lesson else range(begin, len(cells))
    name = _missing(error)
    if name:
        found = _where_defined(name, place, own, cells)
        return found and _run_first(name, found, in_lesson)
    return _once_more(cells[:begin]) if again and in_lesson else ""


def _missing(error: Exception) -> str:
    """Return the name, or the magic, that the notebook lacks; "" if the error is another one."""
    if type(error) is NameError:
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        of_notebook = frame.f_globals.get("__name__") == "__main__"  # not of an imported file
        return error.name or "" if of_notebook else ""
    return next((magic for magic in MAGICS if f"`{magic}` not found" in str(error)), "")


def _where_defined(name: str, place: int, own: range, cells: list[Cell]) -> str:
    """Return the first line of the cell that defines a name: the last one above, or one below."""
    places = [n for n in own if n != place and _defines(cells[n], name)]
    nearest = max((n for n in places if n < place), default=min(places, default=None))
    return "" if nearest is None else _first_line(cells[nearest])


def _defines(cell: Cell, name: str) -> bool:
    """Return whether a code cell defines a name at its top level."""
    text = "".join(cell["source"])
    if cell["cell_type"] != "code" or text.lstrip().startswith("%%"):
        return False
    if name in MAGICS:
        return bool(START.search(text))
    try:
        code = "\n".join(line for line in text.splitlines() if not line.startswith(("%", "!")))
        symbol = symtable.symtable(code, "<cell>", "exec").lookup(name)
    except (KeyError, SyntaxError, ValueError):
        return False
    return symbol.is_assigned() or symbol.is_imported()


def _first_line(cell: Cell) -> str:
    lines = (line.strip() for line in "".join(cell["source"]).splitlines())
    return next(line for line in lines if line and not line.startswith("#"))[:LINE]


def _run_first(name: str, found: str, in_lesson: bool) -> str:
    advice = f"{name} is defined by another cell, which hasn't succeeded in this kernel: `{found}`"
    if not in_lesson:
        return f"{advice}\nRun that cell, then this one again."
    return f"{advice}\nRun that cell first, or choose Run, Run All Above Selected Cell."


def _once_more(lesson: list[Cell]) -> str:
    sources = ("".join(cell["source"]) for cell in lesson if cell["cell_type"] == "code")
    call = next((found[0] for found in map(START.search, sources) if found), "")
    return call and (
        "This cell ran without an error before, and it depends on what the other cells have done "
        f"to the database and the files.\nTo repeat it, run {call}) again, then the cells after it."
    )
