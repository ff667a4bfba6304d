"""A lesson's project knows its database, whatever the shell's settings are."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import URL

from coursekit import servers
from coursekit.course.project_note import ProjectNote, read_project_note, write_project_note
from coursekit.errors import LessonError
from coursekit.servers.server import Server
from coursekit.settings import Settings, read_settings


def project_url(folder: Path | None = None) -> URL:
    """Return the URL of the database that belongs to a lesson's project.

    Args:
        folder: The project or a folder in it; by default the working directory.

    Raises:
        LessonError: The folder isn't in a project, or the server found now isn't the one on
            which the lesson was started.

    """
    note = read_project_note((folder or Path.cwd()).resolve())
    server = servers.find(read_settings({**os.environ, **note.settings}))
    same = (server.origin, server.netloc) == (note.origin, note.netloc)
    # The course's own servers may come back on another port.
    if same or server.origin == note.origin != "external":
        return server.url.set(database=note.database)
    raise LessonError(
        f"This project belongs to the {note.origin} server at {note.netloc}.",
        f"The settings now select the {server.origin} server at {server.netloc}.",
        "Set DATABASE_* and TUTORIAL_POSTGRES to the values you started the lesson with.",
    )


def noted_seed(project: Path) -> str:
    """Return the seed of the rows in a project's database; "" if it's unknown."""
    try:
        return read_project_note(project).seed
    except LessonError:
        return ""


def note_database(
    project: Path, settings: Settings, server: Server, name: str, seed: str = ""
) -> None:
    """Write down which database, on which server, belongs to a project.

    Args:
        project: The project's folder.
        settings: The settings with which the server was found.
        server: The server.
        name: The database's name.
        seed: The seed of its rows.

    Raises:
        LessonError: The folder can't be written to.

    """
    origin = {
        "TUTORIAL_WORKSPACE": str(settings.workspace),
        "TUTORIAL_SERVER_HOME": str(settings.server_home),
        "TUTORIAL_POSTGRES": server.origin,
    }
    write_project_note(project, ProjectNote(name, server.origin, server.netloc, origin, seed))
