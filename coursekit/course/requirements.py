"""What a lesson needs of a server, beyond what all of them need."""

from __future__ import annotations

from coursekit.errors import LessonError
from coursekit.servers.server import Server

OVER_TCP = {"01"}  # it takes the five values of an address apart: a unix socket has other ones
VERSION = {"12": 18}  # what it shows, older servers do not have


def unmet(number: str, server: Server) -> LessonError | None:
    """Why a lesson cannot be done on a server; None when it can."""
    if number in OVER_TCP and not server.url.host:
        return LessonError(
            f"Lesson {number} needs a server with a host and a port.",
            f"It makes an address of them, and {server.netloc} is a unix socket. "
            "The other lessons work on it.",
            "Name the server by its host in DATABASE_*, or set TUTORIAL_POSTGRES=embedded "
            "to use the kit's.",
        )
    if server.version // 10000 < (needed := VERSION.get(number, 0)):
        return LessonError(
            f"Lesson {number} needs PostgreSQL {needed}.",
            f"The server at {server.netloc} is PostgreSQL {server.release}. "
            "The other lessons work on it.",
            "Set TUTORIAL_POSTGRES=embedded to use the kit's own, or name a newer server.",
        )
    return None
