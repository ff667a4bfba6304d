"""The own origin: the server that DATABASE_* names, and never another one."""

from __future__ import annotations

import psycopg2
from sqlalchemy import URL

from coursekit.errors import ServerError
from coursekit.servers.server import Server, ask_version, netloc, one_sentence, supported
from coursekit.settings import Settings
from tutorial_lib.errors import SettingsError

WHY = "DATABASE_* names it."

# What libpq says, and what it means for the person who set DATABASE_*.
MEANINGS = (
    ("password authentication failed", "It does not accept this user and password."),
    ("no password supplied", "It wants a password, and none is set."),
    ("could not translate host name", "There is no such host."),
    ("Connection refused", "Nobody listens on that port."),
    ("timeout expired", "It does not answer; a firewall may stand between."),
    ("does not exist", "It has no such database or user."),
    ("no pg_hba.conf entry", "It does not let this user in from here."),
    ("does not support SSL", "It does not speak SSL, which the address demands."),
)


def find(settings: Settings) -> Server:
    """The server of DATABASE_*; raises ServerError, which says why, when it fails."""
    if settings.url is None:
        raise SettingsError(
            "TUTORIAL_POSTGRES is 'external', but no DATABASE_* is set.",
            "So there is no server to use.",
            "Set DATABASE_URL, or leave TUTORIAL_POSTGRES out to use the kit's own server.",
        )
    try:
        version = ask_version(settings.url)
    except psycopg2.Error as error:
        raise unreachable(settings.url, error) from None
    return Server(settings.url, "external", supported(version, netloc(settings.url)), WHY)


def unreachable(url: URL, error: Exception) -> ServerError:
    """The error for an address that failed, with libpq's own words and no password."""
    said = one_sentence(str(error))
    if url.password:
        said = said.replace(str(url.password), "***")
    meaning = next((means for text, means in MEANINGS if text in said), "")
    return ServerError(
        f"The server of DATABASE_*, {netloc(url)}, does not let the kit in.",
        f"{meaning} PostgreSQL's driver says: {said}".strip(),
        "Correct DATABASE_*; or take it out, and the kit starts a server of its own.",
    )
