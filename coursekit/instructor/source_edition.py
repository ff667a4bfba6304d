"""The reference edition of a notebook: reading it, running it, keeping its outputs.

Notebooks are handled as JSON; nbformat and nbclient are imported only to run one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from coursekit.course.catalog import lesson_path, navigation
from coursekit.course.notebooks import clear_outputs, code_cells, dump, load, quick_nbformat
from coursekit.course.project import project_url
from coursekit.course.sanitize import sanitize
from coursekit.course.starting_state import capture, store
from coursekit.course.workspace import project_folder
from coursekit.errors import NotebookError
from coursekit.exercises.cells import with_metadata
from coursekit.files import write_atomic
from coursekit.instructor.isolated_run import use_workspace
from coursekit.settings import read_settings
from tutorial_lib.db import make_engine

CELL_TIMEOUT = 60  # seconds
# What is the same on every machine and for every version of Python.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
NAVIGATION = "navigation"  # the id of the last cell, which is generated
VOLATILE = ("execution", "ExecuteTime", "collapsed", "scrolled")


def refresh(number: str) -> bool:
    """Run a reference notebook; write its outputs and what the next lesson begins with.

    True when that changed a file. Call it inside `reference_run()`. Raises NotebookError
    when a cell fails that is not meant to; everything then stays as it was.
    """
    path = lesson_path(number)
    stored = load(path)
    use_workspace(path.stem)
    fresh = _with_navigation(with_metadata(canonical(_executed(path)), path.name[:2]), path)
    new_start = _store_end(path.name[:2])
    text = dump(_with_old_pictures(fresh, stored))
    if text != path.read_text(encoding="utf-8"):
        write_atomic(path, text)
        return True
    return new_start


def canonical(notebook: dict[str, Any]) -> dict[str, Any]:
    """The form in which notebooks are kept: what varies is masked or left out."""
    notebook["metadata"] = METADATA
    for cell in notebook["cells"]:
        kept = {k: v for k, v in cell["metadata"].items() if k not in VOLATILE}
        cell["metadata"] = kept
    for count, cell in enumerate(code_cells(notebook), start=1):
        cell["execution_count"] = count
        cell["outputs"] = canonical_outputs(cell["outputs"], count)
    return notebook


def canonical_outputs(outputs: list[Any], count: int) -> list[dict[str, Any]]:
    """The form in which the outputs of the cell with this count are kept."""
    return [_masked(output, count) for output in _merged(outputs)]


def _with_navigation(notebook: dict[str, Any], path: Path) -> dict[str, Any]:
    """The same notebook, ending in links to its neighbours."""
    last = {"cell_type": "markdown", "id": NAVIGATION, "metadata": {}}
    cells = [cell for cell in notebook["cells"] if cell["id"] != NAVIGATION]
    source = navigation(path).splitlines(keepends=True)
    return {**notebook, "cells": [*cells, {**last, "source": source}]}


def _with_old_pictures(fresh: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    """Keep the stored picture of a cell in which nothing else changed.

    The picture of a measurement is another one on each run, and says the same.
    """
    before = {cell.get("id"): cell for cell in code_cells(stored)}
    for cell in code_cells(fresh):
        old = before.get(cell["id"])
        if old and _without_pictures(old) == _without_pictures(cell):
            cell["outputs"] = old["outputs"]
    return fresh


def _without_pictures(cell: dict[str, Any]) -> str:
    outputs = [
        {**output, "data": {k: v for k, v in output["data"].items() if k != "image/png"}}
        if "data" in output
        else output
        for output in cell["outputs"]
    ]
    return json.dumps([cell["source"], outputs], sort_keys=True)


def _store_end(number: str) -> bool:
    """Keep where the lesson that has just run left its project and its database."""
    project = project_folder(read_settings().workspace, number)
    if not project.is_dir():
        return False
    engine = make_engine(project_url(project))
    try:
        return store(number, capture(project, engine))
    finally:
        engine.dispose()


def _executed(path: Path) -> dict[str, Any]:
    quick_nbformat()
    import nbclient
    import nbformat

    load(path)  # for its message, when it is no notebook
    notebook = nbformat.v4.upgrade(nbformat.read(path, as_version=4))  # gives cells their ids
    clear_outputs(notebook)
    started: list[Any] = []
    client = nbclient.NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
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
    said = f"{error.ename}: {error.evalue}" if hasattr(error, "ename") else str(error)
    return NotebookError(
        f"{path.name} fails in cell {cell}." if cell else f"{path.name} cannot be run.",
        f"It says: {sanitize(said.strip().splitlines()[0]).rstrip('.')}.",
        "Nothing was written. Mend the cell, then run: python3 start.py refresh " + path.name[:2],
    )


def _merged(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pieces of one stream as one output: how a text was cut depends on timing."""
    merged: list[dict[str, Any]] = []
    for output in outputs:
        if "name" in output and merged and merged[-1].get("name") == output["name"]:
            merged[-1]["text"] += "".join(output["text"])
        elif "name" in output:
            merged.append({**output, "text": "".join(output["text"])})
        else:
            merged.append(output)
    return merged


def _masked(output: dict[str, Any], count: int) -> dict[str, Any]:
    output = sanitize(output)
    if "text" in output:
        output["text"] = output["text"].splitlines(keepends=True)
    if "execution_count" in output:
        output["execution_count"] = count
    return output
