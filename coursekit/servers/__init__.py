"""Find the PostgreSQL to use, or start one. It has one of three origins.

`find()` chooses: the origin in TUTORIAL_POSTGRES if it's set, otherwise the server that DATABASE_*
names, otherwise the embedded one. If the chosen server fails, that's an error: no other server
takes its place.
"""

from __future__ import annotations

from coursekit.errors import ServerError
from coursekit.servers.server import Server
from coursekit.settings import Settings, read_settings

__all__ = ["Server", "find", "running", "stop"]


def find(settings: Settings | None = None) -> Server:
    """Return the server to use; start it first if it's the kit's own and isn't running.

    Raises:
        SettingsError: A setting is missing, incomplete or invalid.
        ServerError: The server can't be started or doesn't respond.

    """
    server = _locate(settings or read_settings(), start=True)
    assert server is not None
    return server


def running(settings: Settings | None = None) -> Server | None:
    """Return the server to use, or None if it isn't running; start nothing."""
    return _locate(settings or read_settings(), start=False)


def stop(settings: Settings | None = None) -> bool:
    """Stop the kit's own server, embedded or container.

    Returns:
        Whether a server was running.

    Raises:
        ServerError: The server is an external one, or it doesn't stop.

    """
    settings = settings or read_settings()
    origin = origin_of(settings)
    if origin == "external":
        raise ServerError(
            "DATABASE_* names an external server.",
            "The kit stops only what it started.",
            "Stop it with its own tools.",
        )
    if origin == "container":
        from coursekit.servers import container

        return container.stop(settings)
    from coursekit.servers.embedded import EmbeddedServer

    return EmbeddedServer(settings.server_home).stop()


def origin_of(settings: Settings) -> str:
    """Return the origin that the settings ask for."""
    return settings.postgres or ("external" if settings.url else "embedded")


def _locate(settings: Settings, start: bool) -> Server | None:
    # Each origin is imported only when it's needed: Docker's client alone takes half a second.
    origin = origin_of(settings)
    if origin == "external":
        from coursekit.servers import external

        return external.find(settings)
    if origin == "container":
        from coursekit.servers import container

        return container.find(settings, start)
    from coursekit.servers import embedded

    return embedded.find(settings, start)
