"""What an exercise starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class InitialState:
    """The database and the project that an exercise begins with.

    lesson  the lesson whose beginning it is; the end of 06 is the beginning of `07`
    sql     statements that are run in the database then
    files   path in the project to text, added to the lesson's
    """

    lesson: str
    sql: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
