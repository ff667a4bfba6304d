"""What a lesson requires of a server: the learner's consent, a host, a version."""

from __future__ import annotations

from coursekit.course.catalog import number_of
from coursekit.errors import LessonError
from coursekit.servers.server import Server
from coursekit.settings import Settings

NEEDS_HOST = {"connect"}  # it takes a URL's five parts one by one; a unix socket has other parts
NEEDS_VERSION = {"without-stopping-the-site": 18}  # it shows what older servers don't have


def lacks_consent(settings: Settings) -> bool:
    """Return whether DATABASE_* is set without TUTORIAL_POSTGRES=external.

    Lessons create and drop databases, and DATABASE_* may name a production server.
    """
    return settings.url is not None and settings.postgres is None


def require_consent(settings: Settings) -> None:
    """Raise LessonError unless lessons may use the server that the settings name."""
    if lacks_consent(settings):
        raise LessonError(
            "DATABASE_* names a server of your own.",
            "A lesson creates and drops databases on its server, and DATABASE_* may have been "
            "set for another purpose.",
            "Set TUTORIAL_POSTGRES=external to use that server, or TUTORIAL_POSTGRES=embedded to "
            "use the kit's.",
        )


def require_server(lesson: str, server: Server) -> None:
    """Raise LessonError unless a lesson can be done on a server."""
    if problem := unmet(lesson, server):
        raise problem


def unmet(lesson: str, server: Server) -> LessonError | None:
    """Return why a lesson, named by its slug, can't be done on a server; None if it can."""
    if lesson in NEEDS_HOST and not server.url.host:
        return LessonError(
            f"Lesson {number_of(lesson)} needs a server with a host and a port.",
            f"It builds a URL from them, and {server.netloc} is a unix socket. "
            "The other lessons work on it.",
            "Name the server by its host in DATABASE_*, or set TUTORIAL_POSTGRES=embedded "
            "to use the kit's.",
        )
    if server.version // 10000 < (needed := NEEDS_VERSION.get(lesson, 0)):
        return LessonError(
            f"Lesson {number_of(lesson)} needs PostgreSQL {needed}.",
            f"The server at {server.netloc} is PostgreSQL {server.release}. "
            "The other lessons work on it.",
            "Set TUTORIAL_POSTGRES=embedded to use the kit's own, or name a newer server.",
        )
    return None
