"""Answers that people give, written down in short: what all of them share, and what differs."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent, indent


@dataclass(frozen=True)
class Wrong:
    """An answer of a kind that people give, and what the check must say to it.

    says  words of the item that is meant for it
    """

    name: str
    code: str
    says: str


def right(start: str, text: str) -> tuple[str, ...]:
    """Answers that are right: `start`, then what stands below each line `--- title`, indented.

    Where `start` holds `{}`, that is the place of what stands below, as it is.
    """
    return tuple(_bodies(start, text).values())


def wrong(start: str, text: str) -> tuple[Wrong, ...]:
    """Answers that are not; their titles are `name -> words that the check must say`."""
    titled = ((*title.split(" -> "), code) for title, code in _bodies(start, text).items())
    return tuple(Wrong(name, code, says) for name, says, code in titled)


def revision(number: str, up: str, down: str = "pass", before: str = "") -> str:
    """A cell that writes a revision with these steps; it follows the number before its own."""
    follows = before or f"{int(number) - 1:04}"
    upgrade, downgrade = (indent(dedent(steps).strip(), "    ") for steps in (up, down))
    return f"""%%writefile alembic/versions/{number}_new.py
import sqlalchemy as sa
from alembic import op

revision = "{number}"
down_revision = "{follows}"


def upgrade():
{upgrade}


def downgrade():
{downgrade}
"""


def _bodies(start: str, text: str) -> dict[str, str]:
    parts = [part.partition("\n") for part in f"\n{text.strip()}".split("\n--- ")[1:]]
    return {title: _filled(start, body) for title, _, body in parts}


def _filled(start: str, body: str) -> str:
    if "{}" in start:
        return start.replace("{}", f"{body}\n")
    return f"{start}{indent(body, '    ')}\n"
