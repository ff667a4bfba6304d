"""The `external` origin: the server that DATABASE_* names, and never another one."""

from __future__ import annotations

import psycopg2
from sqlalchemy import URL

from coursekit.errors import ServerError
from coursekit.servers.server import Server, fetch_version, netloc, one_sentence, require_supported
from coursekit.settings import Settings
from tutorial_lib.errors import SettingsError

WHY = "DATABASE_* names it."

# A phrase in libpq's message, and what it means for the person who set DATABASE_*.
MEANINGS = (
    ("password authentication failed", "It doesn't accept this user name and password."),
    ("no password supplied", "It requires a password, and none is set."),
    ("could not translate host name", "No such host exists."),
    ("Connection refused", "No server is listening on that port."),
    ("timeout expired", "It doesn't respond; a firewall may be blocking the connection."),
    ("does not exist", "It has no such database or user."),
    ("no pg_hba.conf entry", "Its pg_hba.conf doesn't allow this user to connect from here."),
    ("does not support SSL", "It doesn't support SSL, which the URL requires."),
)


def find(settings: Settings) -> Server:
    """Connect to the server of DATABASE_* and return it.

    Raises:
        SettingsError: No DATABASE_* is set.
        ServerError: The connection fails, or the server is too old.

    """
    if settings.url is None:
        raise SettingsError(
            "TUTORIAL_POSTGRES is 'external', but no DATABASE_* is set.",
            "It means the server that DATABASE_* names.",
            "Set DATABASE_URL, or unset TUTORIAL_POSTGRES to use the kit's own server.",
        )
    try:
        version = fetch_version(settings.url)
    except psycopg2.Error as error:
        raise unreachable(settings.url, error) from None
    return Server(settings.url, "external", require_supported(version, netloc(settings.url)), WHY)


def unreachable(url: URL, error: Exception) -> ServerError:
    """Return the error for a failed connection, with libpq's message but no password."""
    message = one_sentence(str(error))
    if url.password:
        message = message.replace(str(url.password), "***")
    meaning = next((means for phrase, means in MEANINGS if phrase in message), "")
    return ServerError(
        f"Can't connect to {netloc(url)}, the server of DATABASE_*.",
        f"{meaning} The driver reports: {message}".strip(),
        "Correct DATABASE_*, or unset it: then the kit starts its own server.",
    )
