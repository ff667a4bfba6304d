"""The private file in a project that names its database, without a password."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from coursekit.course.starting_state import NOTE
from coursekit.course.workspace import unusable_folder
from coursekit.errors import LessonError
from coursekit.files import write_atomic
from coursekit.settings import RENAMED


@dataclass(frozen=True)
class ProjectNote:
    """Which database belongs to a project, and how to find its server again.

    Attributes:
        database: The database's name.
        origin: Where its server comes from: external, embedded or container.
        netloc: The server's host and port, or its socket.
        settings: The TUTORIAL_* settings under which the lesson was started.
        seed: The seed of the rows that `begin` drew; "" if it drew none.

    """

    database: str
    origin: str
    netloc: str
    settings: Mapping[str, str]
    seed: str = ""


def write_project_note(project: Path, note: ProjectNote) -> None:
    """Write a project's note; only its owner can read it.

    Raises:
        LessonError: The folder can't be written to.

    """
    try:
        write_atomic(project / NOTE, json.dumps(asdict(note), indent=1), private=True)
    except OSError as error:
        raise unusable_folder(project, error) from None


def read_project_note(folder: Path) -> ProjectNote:
    """Read the note of the project that a folder is in, or is.

    Raises:
        LessonError: The folder isn't in a lesson's project, or the note can't be read.

    """
    for place in (folder, *folder.parents):
        if (place / NOTE).is_file():
            return _parse(place / NOTE)
    raise LessonError(
        f"{folder} is not in a lesson's project.",
        f"A project's {NOTE} file names its database.",
        "Change to a folder under workspace/projects, or start a lesson first.",
    )


def _parse(path: Path) -> ProjectNote:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        settings = {name: _current(name, value) for name, value in read["settings"].items()}
        origin = _current("TUTORIAL_POSTGRES", read["origin"])
        netloc = read["netloc"] if "netloc" in read else read["place"]  # its earlier name
        seed = str(read.get("seed", ""))
        return ProjectNote(read["database"], origin, netloc, settings, seed)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise LessonError(
            f"The file {path} cannot be read.",
            "This file names the project's database; it may have been edited by hand.",
            "Start the lesson again; your files in the project are kept.",
        ) from None


def _current(setting: str, value: str) -> str:
    """Return a setting's value under its current name: earlier editions wrote `own`."""
    return RENAMED.get((setting, value), value)
