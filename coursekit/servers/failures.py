"""Errors for an embedded PostgreSQL that doesn't start, or that refuses a connection.

They quote PostgreSQL's own message. No advice here loses data: most causes are harmless.
"""

from __future__ import annotations

import re
from pathlib import Path

import psycopg2

from coursekit.errors import ServerError
from coursekit.servers.server import one_sentence

STOP = "`python3 start.py db stop`"
START = "`python3 start.py db start`"
FULL = ("too many clients", "connection slots are reserved", "too many connections")
LOCKED_OUT = ("password authentication failed", "not permitted to log in")
NO_DATABASE = ("does not exist", "not currently accepting connections")
NO_ROOM = ("No space left on device",)
# Phrases in PostgreSQL's message, and the advice for them. No advice loses data.
ADVICE = {
    FULL: f"Shut down kernels that you don't need, or run {STOP}, which ends all sessions.",
    LOCKED_OUT: f"Run {STOP}, then {START}; this restores the user and its password.",
    NO_DATABASE: f"Run {START} to restore the database.",
    ("Connection refused",): f"Run {START} to find the right port.",
    NO_ROOM: "Free some disk space, then try again.",
    ("starting up", "shutting down", "recovery mode"): "Wait a few seconds, then try again.",
    ("timeout expired",): "Try again when the machine is less busy, or end that process.",
}
SEVERE = re.compile(r"\b(FATAL|PANIC): ")


def is_locked_out(error: psycopg2.OperationalError) -> bool:
    """Return whether the server doesn't accept the kit's own user or password."""
    return _has(error, LOCKED_OUT)


def is_final(error: psycopg2.OperationalError) -> bool:
    """Return whether the same attempt can't succeed a moment later."""
    return _has(error, FULL + LOCKED_OUT + NO_ROOM)


def refused(error: psycopg2.OperationalError, pid: int | None) -> ServerError:
    """Return the error for a server that's running but accepts no connection."""
    reason = str(error).split("FATAL: ")[-1].split(" failed: ")[-1]
    advice = (do for phrases, do in ADVICE.items() if _has(error, phrases))
    return ServerError(
        f"PostgreSQL is running (process {pid}), but it doesn't accept a connection.",
        one_sentence(f"It reports: {reason}"),
        next(advice, f"Run {STOP}, then try again."),
    )


def suspended(pid: int | None) -> ServerError:
    """Return the error for a server whose process is suspended."""
    return ServerError(
        f"PostgreSQL is suspended (process {pid}).",
        "Something has suspended that process, so it doesn't respond.",
        f"Resume it (on Linux and macOS: `kill -CONT {pid}`) or end it, then try again.",
    )


def not_started(words: str, log: str, data: Path) -> ServerError:
    """Return the error for a postmaster that exited while starting.

    Args:
        words: What pg_ctl has printed.
        log: What the postmaster has logged.
        data: The data folder.

    """
    settings = data / "postgresql.auto.conf"
    return ServerError(
        "PostgreSQL doesn't start.",
        one_sentence(f"It reports: {last_lines(_until_severe(log) or words) or 'nothing'}"),
        "Fix the problem it reports, then try again; your data is still there."
        + (f" Values set with ALTER SYSTEM are in {settings}." if _holds_any(settings) else ""),
    )


def last_lines(text: str, count: int = 3) -> str:
    """Return the last lines that aren't blank, joined into one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-count:])


def _until_severe(log: str) -> str:
    """Return a log up to its first fatal error, the cause of all that follow."""
    found = SEVERE.search(log)
    return log if found is None else log[: log.find("\n", found.end())]


def _holds_any(settings: Path) -> bool:
    """Return whether a configuration file sets anything."""
    try:
        lines = settings.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.strip() and not line.startswith("#") for line in lines)


def _has(error: psycopg2.OperationalError, phrases: tuple[str, ...]) -> bool:
    return any(phrase in str(error) for phrase in phrases)
