"""A lesson's project knows its database: a private note in its folder, without a password."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import URL

from coursekit import servers
from coursekit.course import workspace
from coursekit.errors import LessonError
from coursekit.servers.server import Server
from coursekit.settings import Settings, read_settings


def project_url(folder: Path | None = None) -> URL:
    """The address of the database that belongs to the project of this folder.

    Raises LessonError outside a project, or when the server found now is not the one on
    which the lesson was started.
    """
    address = workspace.read_note((folder or Path.cwd()).resolve())
    settings = read_settings({**os.environ, **address["settings"]})
    server = servers.find(settings)
    same = [server.origin, server.netloc] == [address["origin"], address["place"]]
    # The kit's own servers may come back on another port.
    if same or server.origin == address["origin"] != "external":
        return server.url.set(database=address["database"])
    raise LessonError(
        f"This project belongs to the {address['origin']} server at {address['place']}.",
        f"Found instead: the {server.origin} server at {server.netloc}.",
        "Set DATABASE_* and TUTORIAL_POSTGRES as they were when the lesson was started.",
    )


def write_note(settings: Settings, server: Server, name: str, project: Path) -> None:
    """Note which database, on which server, belongs to a project."""
    address = {
        "database": name,
        "origin": server.origin,
        "place": server.netloc,
        "settings": {
            "TUTORIAL_WORKSPACE": str(settings.workspace),
            "TUTORIAL_SERVER_HOME": str(settings.server_home),
            "TUTORIAL_POSTGRES": server.origin,
        },
    }
    workspace.write_note_file(project, address)
