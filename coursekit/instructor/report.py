"""A pytest plugin that reports to `verify`, in the files that two variables name.

TUTORIAL_EVENTS is a file: one line of JSON for each test that has ended. TUTORIAL_EXECUTED is a
folder for the executed copies of the notebooks that fail.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from nbval.plugin import IPyNbCell

from coursekit.instructor.findings import finding_of
from coursekit.instructor.verification import EVENTS, EXECUTED

FINDING = "finding"  # the user property in which pytest-xdist's workers send it
OUTPUTS = pytest.StashKey[list[Any]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep a cell's outputs and explain a failure, in the process that runs the notebook."""
    report = yield
    if isinstance(item, IPyNbCell) and call.when == "call":
        item.stash[OUTPUTS] = item.parent.kernel.recording.outputs if item.parent.kernel else []
    if report.failed and call.excinfo:
        lines = str(report.longrepr).splitlines() or [""]
        report.user_properties.append((FINDING, finding_of(item, lines[0]).as_dict()))
        _save_executed_copy(item)
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write a line for each test that has ended, in the process that `verify` started."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    if report.when == "call" or not report.passed:
        path, _, name = report.nodeid.partition("::")
        event = {
            "notebook": Path(path).name,
            "test": name,
            "when": report.when,
            "outcome": report.outcome,
            "seconds": report.duration,
            **dict(report.user_properties),
        }
        with Path(os.environ[EVENTS]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")


def _save_executed_copy(item: pytest.Item) -> None:
    """Write the notebook with the outputs of the cells that have run so far."""
    notebook = json.loads(item.path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    ran = [each for each in item.session.items if each.path == item.path and OUTPUTS in each.stash]
    for cell in cells:
        cell["outputs"], cell["execution_count"] = [], None
    for each in ran:
        number = int(each.name.removeprefix("cell "))
        cells[number - 1].update(outputs=each.stash[OUTPUTS], execution_count=number)
    target = Path(os.environ[EXECUTED]) / item.path.name
    target.write_text(json.dumps(notebook, indent=1, ensure_ascii=False), encoding="utf-8")
