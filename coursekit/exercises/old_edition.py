"""Copies of an earlier edition: their first cell imports from `tutorial_lib` what moved.

A learner's changed copy is never overwritten, so it keeps `from tutorial_lib import start`. The
entry point `tutorial_lib.former_names` brings that name here, and the cell shows one sentence
with the new edition and the command that opens it.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from coursekit.course.catalog import lessons
from coursekit.course.this_notebook import notebook_path
from coursekit.errors import NotebookError
from coursekit.exercises.copies import is_untouched, newest
from coursekit.settings import read_settings
from tutorial_lib.errors import SettingsError

# What notebooks of the first edition imported from tutorial_lib, and how it's imported now.
MOVED = {
    **{
        name: f"from coursekit import {name}"
        for name in (
            *("Lesson", "begin", "check", "doctor", "hint", "progress", "project_url"),
            *("solution", "start"),
        )
    },
    "course": "from coursekit import course_map",
    "load": "from tutorial_lib import workload",
    "turns": "from tutorial_lib import advisory_lock",
}
OLD = "This notebook is your copy from an earlier edition of the course"


def former_name(name: str) -> NotebookError | None:
    """Return the error for a name that was in `tutorial_lib`; None for any other name."""
    if name not in MOVED:
        return None
    notebook = notebook_path()
    number = _lesson_of(notebook.name) if notebook else None
    if number is None:
        return NotebookError(
            f"{OLD}; the new edition is in the same folder, where the name of a copy you "
            "changed now ends in _new.ipynb, and this command opens a lesson of it, such as 01: "
            "python3 start.py lab 01"
        )
    return NotebookError(_sentence(name, number, notebook))


def _sentence(name: str, number: str, notebook: PurePath | None) -> str:
    """Return what to do about an old copy of a lesson, as one sentence."""
    command = f"python3 start.py lab {number}"
    copy = _newest(number)
    if copy is None:
        return f"{OLD}; this command puts the new edition beside it and opens it: {command}"
    if notebook is None or copy.name != notebook.name:
        return (
            f"{OLD}; the new edition is {copy.name}, in the same folder, and this command "
            f"opens it: {command}"
        )
    if is_untouched(read_settings(), copy):
        return (
            f"This page shows an earlier edition of the course; the file {copy.name} is the new "
            f"edition already, so close this page without saving, and open the file with: {command}"
        )
    return (
        f"{name} was imported from tutorial_lib in an earlier edition of the course; the line is "
        f"`{MOVED[name]}` now, and this command makes a fresh copy of the lesson and keeps yours: "
        f"python3 start.py reset {number}"
    )


def _newest(number: str) -> Path | None:
    try:
        return newest(read_settings(), number)
    except SettingsError:  # the command reports it
        return None


def _lesson_of(name: str) -> str | None:
    """Return the number, today, of the lesson that a copy's file name belongs to."""
    for path in lessons().values():
        if re.fullmatch(rf"\d\d{path.stem[2:]}(_new\d*)?\.ipynb", name):
            return path.name[:2]
    return None
