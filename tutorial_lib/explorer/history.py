"""The revisions of a project: their order, the head, and where the database stands."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from ..display import Picture
from ..errors import ExplorerError

LOST = "current, without a file"


@dataclass(frozen=True)
class Revision:
    """A revision file: its id, its message, the ids it comes after, and its marks."""

    id: str
    message: str
    after: tuple[str, ...]
    head: bool
    current: bool

    @property
    def marks(self) -> str:
        """`head`, `current`, both, or nothing."""
        return ", ".join(word for word in ("head", "current") if getattr(self, word))

    @property
    def label(self) -> str:
        """Id, message and marks in one line."""
        marks = f" ({self.marks})" if self.marks else ""
        return f"{self.id} {self.message}{marks}"


@dataclass(frozen=True, repr=False)
class History(Picture):
    """The revisions from the oldest to the newest, and whether the database is at none.

    lost  ids at which the database stands, and which no file has
    """

    revisions: tuple[Revision, ...]
    at_base: bool
    lost: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """The beginning, before any revision."""
        return "base (current)" if self.at_base else "base"

    def __repr__(self) -> str:
        return "\n".join([self.base, *(f"  {line}" for line in self._lines())])

    def _lines(self) -> Iterator[str]:
        for revision in self.revisions:
            yield f"{' and '.join(revision.after) or 'base'} -> {revision.label}"
        for one in self.lost:
            yield f"? -> {one} ({LOST})"

    def mermaid(self) -> str:
        """A graph from the base to the heads; the current revision has a thick border.

        An id without a file stands apart, in a dashed box: nobody knows what it follows.
        """
        lines = ["flowchart LR", "    accTitle: The revisions of this project"]
        lines.append(f'    base(["{self.base}"])')
        for revision in self.revisions:
            marks = f"<br>{revision.marks}" if revision.marks else ""
            name = f"{revision.id}<br>{revision.message}{marks}".replace('"', "'")
            lines.append(f'    r{revision.id}["{name}"]')
            lines += [f"    {_node(one)} --> r{revision.id}" for one in revision.after or ("",)]
            if revision.current:
                lines.append(f"    style r{revision.id} stroke-width:4px")
        for place, one in enumerate(self.lost):
            name = f"{one}<br>{LOST}".replace('"', "'")
            lines.append(f'    lost{place}["{name}"]')
            lines.append(f"    style lost{place} stroke-width:4px,stroke-dasharray:6 4")
        return "\n".join(lines)

    def html(self) -> str:
        """A numbered list."""
        items = "".join(f"<li>{html.escape(line)}</li>" for line in self._lines())
        return f"<p>{self.base}</p><ol>{items}</ol>"


def revisions(engine: Engine, project: Path | None = None) -> History:
    """The revisions in a project's folder, and which of them the database is at.

    project  the folder that holds alembic.ini; the working directory unless it is given

    Raises Problem when there is no alembic.ini.
    """
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    folder = project or Path.cwd()
    if not (folder / "alembic.ini").is_file():
        raise ExplorerError(
            f"There is no alembic.ini in {folder.name}.",
            "It tells where the revisions are.",
            "Run: %alembic init alembic",
        )
    script = ScriptDirectory.from_config(Config(folder / "alembic.ini"))
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_heads()
    found = [
        Revision(
            id=one.revision,
            message=one.doc or "",
            after=_ids(one.down_revision),
            head=one.is_head,
            current=one.revision in current,
        )
        for one in script.walk_revisions()
    ]
    lost = sorted(set(current) - {one.id for one in found})
    return History(tuple(reversed(found)), at_base=not current, lost=tuple(lost))


def _ids(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)  # type: ignore[arg-type]


def _node(revision: str) -> str:
    return f"r{revision}" if revision else "base"
