"""What a lesson or exercise starts from, and what it is once it's started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sqlalchemy import URL, Engine

from coursekit.servers.server import Server
from tutorial_lib.db import make_engine
from tutorial_lib.display import Card


@dataclass(frozen=True)
class LessonSpec:
    """Where somebody works: a database and a project folder, and how both begin.

    key    `06` for a lesson, `06-1` for an exercise of it
    base   the lesson whose database is taken at its beginning
    files  what lies in the project, path to text
    sql    statements that are run in the database then
    """

    key: str
    base: str
    files: Mapping[str, str]
    sql: str = ""

    @property
    def number(self) -> str:
        """As one writes it: `06` or `06.1`."""
        return self.key.replace("-", ".")

    @property
    def words(self) -> str:
        """What it is: `lesson 06`."""
        return f"{'exercise' if '.' in self.number else 'lesson'} {self.number}"

    @property
    def command(self) -> str:
        """What one types to begin it."""
        return f'{"begin" if "." in self.number else "start"}("{self.number}")'


@dataclass(frozen=True, repr=False)
class Lesson(Card):
    """A started lesson, or exercise.

    number   `01`, or `01.1` for an exercise
    server   the PostgreSQL it is on
    url      the address of the lesson's own database; repr and str hide the password
    project  the lesson's own folder, which is the working directory now
    """

    number: str
    server: Server
    url: URL
    project: Path
    resumed: bool = field(default=False)

    @cached_property
    def engine(self) -> Engine:
        """An engine for the lesson's database, with no parameters in its errors."""
        return make_engine(self.url)

    @property
    def rows(self) -> dict[str, str]:
        """What is shown of it, label and value."""
        state = "continued where you left it" if self.resumed else "at its beginning"
        return {
            "exercise" if "." in self.number else "lesson": f"{self.number}, {state}",
            "database": str(self.url.database),
            "server": f"PostgreSQL {self.server.release}, {self.server.origin}, "
            f"at {self.server.netloc}",
            "why this server": self.server.why,
        }
