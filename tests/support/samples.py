"""Answers that people give, written down in short: what all of them share, and what differs."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent, indent

from coursekit.exercises.revision_file import revision_source


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
    """Return wrong answers; their titles are `name -> words that the check must say`."""
    titled = ((*title.split(" -> "), code) for title, code in _bodies(start, text).items())
    return tuple(Wrong(name, code, says) for name, says, code in titled)


def revision(
    number: str, up: str, down: str = "pass", before: str = "", *, name: str = "new", top: str = ""
) -> str:
    """Return a cell that writes a revision with these steps.

    Args:
        number: Its id.
        up: The steps of `upgrade()`. `{}` keeps a place for `right` and `wrong` to fill.
        down: The steps of `downgrade()`, likewise.
        before: Its down_revision; by default the number before its own.
        name: The rest of the file's name.
        top: Code above `upgrade()`.
    """
    upgrade, downgrade = (
        steps if steps == "{}" else indent(dedent(steps).strip(), "    ") for steps in (up, down)
    )
    source = revision_source(number, name, upgrade, downgrade, follows=before)
    source = source.replace("\n\n\ndef upgrade", f"\n{top}\n\ndef upgrade") if top else source
    return f"%%writefile alembic/versions/{number}_{name}.py\n{source}"


def _bodies(start: str, text: str) -> dict[str, str]:
    parts = [part.partition("\n") for part in f"\n{text.strip()}".split("\n--- ")[1:]]
    return {title: _filled(start, body) for title, _, body in parts}


def _filled(start: str, body: str) -> str:
    if "{}" in start:
        return start.replace("{}", f"{body}\n")
    return f"{start}{indent(body, '    ')}\n"
