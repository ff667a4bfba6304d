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
    """What a lesson or exercise starts from.

    Attributes:
        slug: Its id; its project and its database are named after it.
        number: Its number in the notebook: `06` or `06.1`.
        lesson: The slug of the lesson; for an exercise, of the lesson it belongs to.
        base: The slug of the lesson whose starting state the database has.
        files: The project's files: their paths in it, and their text.
        sql: Statements to run in the database afterwards.
        seed: The seed of the rows in `sql`; "" if none were drawn.

    """

    slug: str
    number: str
    lesson: str
    base: str
    files: Mapping[str, str]
    sql: str = ""
    seed: str = ""

    @property
    def kind(self) -> str:
        """`lesson` or `exercise`."""
        return "lesson" if self.slug == self.lesson else "exercise"

    @property
    def label(self) -> str:
        """`lesson 06` or `exercise 06.1`."""
        return f"{self.kind} {self.number}"

    @property
    def command(self) -> str:
        """The call that starts it: `start("06")` or `begin("06.1")`."""
        return f'{"start" if self.kind == "lesson" else "begin"}("{self.number}")'


@dataclass(frozen=True, repr=False)
class Lesson(Card):
    """A started lesson or exercise.

    Attributes:
        number: `01`, or `01.1` for an exercise.
        server: The PostgreSQL server it's on.
        url: The URL of its own database; repr and str hide the password.
        project: Its own folder, the working directory after `start`.
        resumed: Whether it continues where you left it.
        seed: The seed of the rows that `begin` drew; "" if it's unknown.

    """

    number: str
    server: Server
    url: URL
    project: Path
    resumed: bool = field(default=False)
    seed: str = ""

    @cached_property
    def engine(self) -> Engine:
        """An engine for the lesson's database; its errors show no parameters."""
        return make_engine(self.url)

    @property
    def rows(self) -> dict[str, str]:
        """What is shown, label and value."""
        state = "continued where you left it" if self.resumed else "in its initial state"
        return {
            "exercise" if "." in self.number else "lesson": f"{self.number}, {state}",
            "database": str(self.url.database),
            "server": f"PostgreSQL {self.server.release}, {self.server.origin}, "
            f"at {self.server.netloc}",
            "why this server": self.server.why,
        }
