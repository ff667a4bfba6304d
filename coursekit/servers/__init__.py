"""Find the PostgreSQL to work with: one small shape, three origins.

`find()` decides: TUTORIAL_POSTGRES when it is set, else the server that DATABASE_* names,
else the embedded one. A server that was named and fails is an error, never replaced.
"""

from __future__ import annotations

from coursekit.errors import ServerError
from coursekit.servers.server import Server
from coursekit.settings import Settings, read_settings

__all__ = ["Server", "find", "running", "stop"]


def find(settings: Settings | None = None) -> Server:
    """The server to use, started when it is the kit's own and does not run.

    Raises SettingsError or ServerError, with a paragraph that says what to do.
    """
    server = _locate(settings or read_settings(), start=True)
    assert server is not None
    return server


def running(settings: Settings | None = None) -> Server | None:
    """The server to use if it runs; starts nothing."""
    return _locate(settings or read_settings(), start=False)


def stop(settings: Settings | None = None) -> bool:
    """Stop the kit's own server, embedded or container; False when none was running."""
    settings = settings or read_settings()
    origin = origin_of(settings)
    if origin == "external":
        raise ServerError(
            "The server of DATABASE_* is not the kit's.",
            "The kit stops only what it started.",
            "Stop it with its own tools.",
        )
    if origin == "container":
        from coursekit.servers import container

        return container.stop(settings)
    from coursekit.servers.embedded import EmbeddedServer

    return EmbeddedServer(settings.server_home).stop()


def origin_of(settings: Settings) -> str:
    """Which origin the settings ask for."""
    return settings.postgres or ("external" if settings.url else "embedded")


def _locate(settings: Settings, start: bool) -> Server | None:
    # Each origin is imported when it is asked for: Docker's client alone costs half a second.
    origin = origin_of(settings)
    if origin == "external":
        from coursekit.servers import external

        return external.find(settings)
    if origin == "container":
        from coursekit.servers import container

        return container.find(settings, start)
    from coursekit.servers import embedded

    return embedded.find(settings, start)
