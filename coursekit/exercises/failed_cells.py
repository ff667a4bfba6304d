"""Find the cells of an answer that failed in this kernel."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator

from coursekit.course.cell_names import slug_named
from coursekit.course.cell_runs import CellRun, last_runs, runs_since_mark
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.items import CheckItem, shorten

# nbgrader runs a notebook from top to bottom, and sends no ids of cells.
NBGRADER = "NBGRADER_EXECUTION"
LINE = 50  # characters of a cell's first line; the rest isn't needed to find it
# What a cell defines, roughly: for one with a syntax error, which `ast` can't read.
DEFINITION = re.compile(r"^(?:(?:async +)?def|class) +(\w+)|^(\w+)(?: *:[^=\n]+)? *=(?!=)", re.M)


def failed_cells(exercise: Exercise) -> tuple[CheckItem, ...]:
    """Return an item for each cell of an exercise's answer whose last run failed.

    A cell belongs to the answer if its id says so, or if it defines one of the names that the
    solution defines. A failed cell no longer counts once another cell has defined the same
    names. Under nbgrader, if the solution defines no names, every cell since
    `begin` belongs to the answer.
    """
    nameless = os.environ.get(NBGRADER) and not exercise.names
    runs = runs_since_mark() if nameless else _own(exercise)
    failed: list[CellRun] = []
    for run in runs:
        if run.error:
            failed.append(run)
        elif names := defined_in(run.source):
            failed = [each for each in failed if not _replaced(each, names)]
    return tuple(failed_item(run.source, run.error) for run in failed)


def failed_item(source: str, error: str) -> CheckItem:
    """Return the item for a cell of an answer that failed.

    Args:
        source: The cell's text. No front end shows a cell's id, so its first line names it.
        error: Its error.

    """
    code = (line.strip() for line in source.splitlines() if not line.lstrip().startswith("#"))
    first = next(filter(None, code), "")
    named = f'the cell "{first[:LINE]}"' if first else "the cell of your answer"
    where = f"{named}: correct it, run it, then check again. Nothing else was checked"
    return CheckItem(f"{named} runs to its end", False, "no error", shorten(error), where)


def _own(exercise: Exercise) -> Iterator[CellRun]:
    for run in last_runs():
        of_answer = slug_named(run.cell_id, "answer") == exercise.slug
        if of_answer or defined_in(run.source) & set(exercise.names):
            yield run


def _replaced(failed: CellRun, names: set[str]) -> bool:
    """Return whether a later cell has defined everything that a failed one was to define."""
    own = defined_in(failed.source)
    return bool(own) and own <= names


def defined_in(source: str) -> set[str]:
    """Return the names that a cell defines at its top level."""
    if source.lstrip().startswith("%%"):  # the rest isn't Python
        return set()
    try:
        nodes = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {found[1] or found[2] for found in DEFINITION.finditer(source)}
    return {name for node in nodes for name in _names_of(node)}


def _names_of(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for part in (part for target in targets for part in ast.walk(target)):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id
