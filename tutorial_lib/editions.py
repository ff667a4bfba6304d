"""The two editions of a notebook: the reference edition and the learner's copy.

Notebooks are handled as JSON; nbformat and nbclient are imported only to run one.
"""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tutorial_lib.config import Settings
from tutorial_lib.course import NOTEBOOKS, lesson_path, lessons
from tutorial_lib.errors import NotebookError
from tutorial_lib.runs import reference_run, use_workspace

MASKS = NOTEBOOKS / "sanitize.cfg"
CELL_TIMEOUT = 60  # seconds
# What is the same on every machine and for every version of Python.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
VOLATILE = ("execution", "ExecuteTime", "collapsed", "scrolled")


def copy_for_learner(settings: Settings) -> Path:
    """Put a copy of every notebook into the workspace, and give the folder.

    A notebook that is there already is the learner's, and stays as it is.
    """
    folder = settings.workspace / "notebooks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in lessons().values():
            target = folder / path.name
            if not target.exists():
                target.write_text(dump(cleared(load(path))), encoding="utf-8")
    except OSError as error:
        raise NotebookError(
            f"The folder {folder} cannot be written: {error.strerror or error}.",
            "Your copies of the notebooks go there.",
            "Make room or make it writable, or name another folder in TUTORIAL_WORKSPACE.",
        ) from None
    return folder


def cleared(notebook: dict[str, Any]) -> dict[str, Any]:
    """The same notebook as one that was never run."""
    for cell in _code(notebook):
        cell["outputs"], cell["execution_count"] = [], None
    return notebook


def refresh(number: str) -> bool:
    """Run a reference notebook, write its outputs; True when the file changed.

    Raises NotebookError when a cell fails that is not meant to; the file then stays as
    it was.
    """
    path = lesson_path(number)
    before = path.read_text(encoding="utf-8")
    with reference_run():
        use_workspace(path.stem)
        fresh = dump(canonical(_executed(path)))
    if fresh != before:
        path.write_text(fresh, encoding="utf-8", newline="\n")
    return fresh != before


def canonical(notebook: dict[str, Any]) -> dict[str, Any]:
    """The form in which notebooks are kept: what varies is masked or left out."""
    notebook["metadata"] = METADATA
    for cell in notebook["cells"]:
        kept = {k: v for k, v in cell["metadata"].items() if k not in VOLATILE}
        cell["metadata"] = kept
    for count, cell in enumerate(_code(notebook), start=1):
        cell["execution_count"] = count
        cell["outputs"] = [_masked(output, count) for output in _merged(cell["outputs"])]
    return notebook


def load(path: Path) -> dict[str, Any]:
    """Read a notebook; raises NotebookError when it is none."""
    try:
        notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _code(notebook)
    except (OSError, ValueError, KeyError, TypeError):
        raise NotebookError(
            f"{path.name} is not a notebook.",
            "It cannot be read, or it is not JSON with cells in it.",
            f"Get it back with: git checkout notebooks/{path.name}",
        ) from None
    return notebook


def dump(notebook: dict[str, Any]) -> str:
    """The text of a notebook: one indent, sorted keys, a newline at the end."""
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


@cache
def masks() -> list[tuple[re.Pattern[str], str]]:
    """The patterns of `sanitize.cfg`, in nbval's format, with what stands for each."""
    pairs = re.findall(r"^regex: (.*)$\n^replace: (.*)$", MASKS.read_text("utf-8"), re.M)
    return [(re.compile(regex), replace) for regex, replace in pairs]


def mask(value: Any) -> Any:
    """The same text, or list or dictionary of texts, with what varies replaced."""
    if isinstance(value, str):
        for regex, replace in masks():
            value = regex.sub(replace, value)
        return value
    if isinstance(value, list):
        return [mask(item) for item in value]
    if isinstance(value, dict):
        return {key: mask(item) for key, item in value.items()}
    return value


def quick_nbformat() -> None:
    """Let nbformat be imported without a grammar that costs 1.7 seconds to build.

    jsonschema uses rfc3987_syntax, where it is installed, to check the format "iri",
    which no notebook has; where it is missing jsonschema does without.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def _executed(path: Path) -> dict[str, Any]:
    quick_nbformat()
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, []
    client = nbclient.NotebookClient(
        notebook, timeout=CELL_TIMEOUT, resources={"metadata": {"path": str(path.parent)}}
    )
    try:
        client.execute()
    except (nbclient.exceptions.CellExecutionError, nbclient.exceptions.DeadKernelError) as error:
        raise _failed(path, notebook, error) from None
    executed: dict[str, Any] = json.loads(nbformat.writes(notebook, version=4))
    return executed


def _failed(path: Path, notebook: Any, error: Exception) -> NotebookError:
    ran = [cell for cell in _code(notebook) if cell["execution_count"] or cell["outputs"]]
    last = str(error).strip().splitlines()[-1:]
    return NotebookError(
        f"{path.name} fails in cell {len(ran)}.",
        f"It says: {mask(''.join(last))}",
        "Nothing was written. Mend the cell, then run: python3 start.py refresh " + path.name[:2],
    )


def _code(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _merged(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pieces of one stream as one output: how a text was cut depends on timing."""
    merged: list[dict[str, Any]] = []
    streams: dict[str, dict[str, Any]] = {}
    for output in outputs:
        name = output.get("name")
        if name in streams:
            streams[name]["text"] += "".join(output["text"])
            continue
        if name:
            output = streams[name] = {**output, "text": "".join(output["text"])}
        merged.append(output)
    return merged


def _masked(output: dict[str, Any], count: int) -> dict[str, Any]:
    output = mask(output)
    if "text" in output:
        output["text"] = output["text"].splitlines(keepends=True)
    if "execution_count" in output:
        output["execution_count"] = count
    return output
