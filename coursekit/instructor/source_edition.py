"""Refresh a source edition: run the notebook, and store its outputs in canonical form.

Notebooks are handled as JSON; nbformat and nbclient are imported only to run one.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from coursekit import limits
from coursekit.course.catalog import lesson_path, slug_of
from coursekit.course.course_map import navigation
from coursekit.course.lesson_time import state_time
from coursekit.course.notebooks import clear_outputs, code_cells, dump, load
from coursekit.course.project import project_url
from coursekit.course.sanitize import sanitize
from coursekit.course.workspace import project_folder
from coursekit.errors import NotebookError
from coursekit.exercises.cells import write_nbgrader_metadata
from coursekit.exercises.manifest import exercises_of
from coursekit.files import write_atomic
from coursekit.instructor.isolated_run import use_workspace
from coursekit.instructor.starting_states import capture, save
from coursekit.settings import read_settings
from tutorial_lib.db import make_engine

# The same on every machine and with every version of Python.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
NAVIGATION = "navigation"  # the id of the last cell, which is generated
FIX = "Fix the cell, then run"
VOLATILE = ("execution", "ExecuteTime", "collapsed", "scrolled")


def refresh(number: str) -> bool:
    """Run a source edition; write its outputs and the next lesson's starting state.

    Call it inside `isolated_run()`.

    Args:
        number: The lesson, `06`, or its slug.

    Returns:
        Whether that changed a file.

    Raises:
        NotebookError: A cell failed that isn't meant to. Nothing was written.

    """
    path = lesson_path(number)
    stored = load(path)
    use_workspace(path.stem)
    fresh = canonical(_executed(path))
    write_nbgrader_metadata(fresh, slug_of(path))
    state_time(fresh, len(exercises_of(slug_of(path))))
    _replace_navigation(fresh, path)
    _restore_pictures(fresh, stored)
    changed = _save_end(slug_of(path))
    text = dump(fresh)
    if text != path.read_text(encoding="utf-8"):
        write_atomic(path, text, lasting=True)
        return True
    return changed


def canonical(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a copy in the form in which notebooks are stored: nothing in it varies by run."""
    cells = deepcopy(notebook["cells"])
    for cell in cells:
        cell["metadata"] = {k: v for k, v in cell["metadata"].items() if k not in VOLATILE}
    for count, cell in enumerate(code_cells({"cells": cells}), start=1):
        cell["execution_count"] = count
        cell["outputs"] = canonical_outputs(cell["outputs"], count)
    return {**notebook, "cells": cells, "metadata": METADATA}


def canonical_outputs(outputs: list[Any], count: int) -> list[dict[str, Any]]:
    """Return outputs in the form in which they are stored.

    Args:
        outputs: The outputs of one cell. They aren't changed.
        count: The cell's execution count.

    """
    return [_sanitized(output, count) for output in _merged(outputs)]


def _merged(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join the pieces of a stream: where the kernel cuts it depends on timing."""
    merged: list[dict[str, Any]] = []
    for output in outputs:
        if "name" in output and merged and merged[-1].get("name") == output["name"]:
            merged[-1]["text"] += "".join(output["text"])
        elif "name" in output:
            merged.append({**output, "text": "".join(output["text"])})
        else:
            merged.append(output)
    return merged


def _sanitized(output: dict[str, Any], count: int) -> dict[str, Any]:
    output = sanitize(output)
    if "text" in output:
        output["text"] = output["text"].splitlines(keepends=True)
    if "execution_count" in output:
        output["execution_count"] = count
    return output


def _replace_navigation(notebook: dict[str, Any], path: Path) -> None:
    """Make the last cell the links to the lesson's neighbors, in place."""
    last = {"cell_type": "markdown", "id": NAVIGATION, "metadata": {}}
    cells = [cell for cell in notebook["cells"] if cell["id"] != NAVIGATION]
    source = navigation(path).splitlines(keepends=True)
    notebook["cells"] = [*cells, {**last, "source": source}]


def _restore_pictures(fresh: dict[str, Any], stored: dict[str, Any]) -> None:
    """Put the stored picture back into cells in which only the picture changed, in place.

    The picture of a measurement differs on each run, and says the same.
    """
    before = {cell.get("id"): cell for cell in code_cells(stored)}
    for cell in code_cells(fresh):
        old = before.get(cell["id"])
        if old and _without_pictures(old) == _without_pictures(cell):
            cell["outputs"] = old["outputs"]


def _without_pictures(cell: dict[str, Any]) -> str:
    outputs = [
        {**output, "data": {k: v for k, v in output["data"].items() if k != "image/png"}}
        if "data" in output
        else output
        for output in cell["outputs"]
    ]
    return json.dumps([cell["source"], outputs], sort_keys=True)


def _save_end(lesson: str) -> bool:
    """Save the state that the lesson has just left; return whether that changed a file."""
    project = project_folder(read_settings().workspace, lesson)
    if not project.is_dir():
        return False
    engine = make_engine(project_url(project))
    try:
        return save(lesson, capture(project, engine))
    finally:
        engine.dispose()


def _executed(path: Path) -> dict[str, Any]:
    """Run a notebook, and return it with the new outputs."""
    import nbclient
    import nbformat

    load(path)  # for its message if it isn't a notebook
    notebook = nbformat.v4.upgrade(nbformat.read(path, as_version=4))  # adds missing cell ids
    clear_outputs(notebook)
    started: list[Any] = []
    client = nbclient.NotebookClient(
        notebook,
        timeout=round(limits.CELL_TIMEOUT),
        kernel_name=METADATA["kernelspec"]["name"],
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=lambda cell, cell_index: started.append(cell),
    )
    try:
        client.execute()
    except (nbclient.exceptions.CellControlSignal, RuntimeError) as error:
        raise _failed(path, len(code_cells({"cells": started})), error) from None
    executed: dict[str, Any] = json.loads(nbformat.writes(notebook, version=4))
    return executed


def _failed(path: Path, cell: int, error: Any) -> NotebookError:
    message = f"{error.ename}: {error.evalue}" if hasattr(error, "ename") else str(error)
    return NotebookError(
        f"{path.name} fails in cell {cell}." if cell else f"{path.name} can't be run.",
        f"The error was {sanitize(message.strip().splitlines()[0]).rstrip('.')}.",
        f"Nothing was written. {FIX}: python3 start.py refresh {path.name[:2]}",
    )
