"""Logins to a scratch database, with a learner's function."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from coursekit.exercises.checked_out import counted
from coursekit.exercises.database import Database
from coursekit.exercises.items import ProbeResult
from coursekit.exercises.schema import Schema
from coursekit.exercises.sql_errors import about_sql
from coursekit.exercises.submission import Submission
from coursekit.lessons.passwords.trials import advice

QUOTE = (
    "the SQL: what's typed must not become part of it (SQL injection). Pass it as a bound "
    "parameter, :email"
)


def _entered(names: dict[str, Any], engine: Engine, email: str, typed: str) -> dict[str, Any]:
    """Log in; return the result, and how many connections weren't returned to the pool."""
    with counted(engine) as out:
        result = names["log_in"](engine, email, typed)
        if isinstance(result, tuple):
            result = list(result)
        taken = len(out)
    return {"result": result, "out": taken, "left": sorted(out.left)}


class Attempts:
    """Logins to a scratch database, and what they left behind.

    Args:
        submission: The submission.
        emails: Accounts that share a password.
        simple: The e-mail of one more account, and its password, which is in lower case.

    """

    def __init__(self, submission: Submission, emails: list[str], simple: tuple[str, str]) -> None:
        self.submission, self.engine = submission, submission.scratch()
        self.emails, self.simple = emails, simple
        self.database = Database(self.engine.url)
        self.not_returned = 0
        self.left: set[str] = set()

    def log_in(self, email: str, typed: str) -> ProbeResult:
        """Return what log_in returned."""
        result = self.submission.call(_entered, self.engine, email, typed)
        if result.error:
            return result
        self.not_returned += result.value["out"]
        self.left |= {*result.value["left"]}
        return ProbeResult(result.value["result"])

    def stored(self) -> dict[str, str]:
        """Return the hash of each account."""
        return dict(self.database.rows("accounts", "email", "password"))

    def state(self) -> tuple[dict[str, str], Schema]:
        """Return the hash of each account, and the tables and columns of the database."""
        return self.stored(), self.database.snapshot()


def where_to_look(result: ProbeResult, email: str, otherwise: str) -> str:
    """Return where to look after a login with this e-mail."""
    return about_sql(result.error, [email], QUOTE) or advice(result, "log_in", otherwise)
