"""Show a project's revisions: their order, the head, and the database's current revision."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from ..display import Picture
from ..errors import ExplorerError
from .binds import connected

LOST = "current, without a file"


@dataclass(frozen=True)
class Revision:
    """A revision file.

    Attributes:
        id: Its revision id.
        message: Its message.
        after: The ids of its down revisions.
        head: Whether it's a head.
        current: Whether the database is at it.

    """

    id: str
    message: str
    after: tuple[str, ...]
    head: bool
    current: bool

    @property
    def marks(self) -> str:
        """`head`, `current`, both, or an empty string."""
        return ", ".join(word for word in ("head", "current") if getattr(self, word))

    @property
    def label(self) -> str:
        """Id, message and marks on one line."""
        marks = f" ({self.marks})" if self.marks else ""
        return f"{self.id} {self.message}{marks}"


@dataclass(frozen=True, repr=False)
class History(Picture):
    """A project's revisions, oldest first, and the database's current revision.

    Attributes:
        revisions: The revisions.
        at_base: Whether the version table is empty or missing.
        lost: Ids in the version table that no revision file has.

    """

    revisions: tuple[Revision, ...]
    at_base: bool
    lost: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """Label of the empty state that precedes all revisions."""
        return "base (current)" if self.at_base else "base"

    def __repr__(self) -> str:
        return "\n".join([self.base, *(f"  {line}" for line in self._lines())])

    def _lines(self) -> Iterator[str]:
        for revision in self.revisions:
            yield f"{' and '.join(revision.after) or 'base'} -> {revision.label}"
        for one in self.lost:
            yield f"? -> {one} ({LOST})"

    def mermaid(self) -> str:
        """Return a graph from the base to the heads; the current revision has a thick border.

        An id without a file is in a separate, dashed box, since its down revision is unknown.
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
        for number, one in enumerate(self.lost):
            name = f"{one}<br>{LOST}".replace('"', "'")
            lines.append(f'    lost{number}["{name}"]')
            lines.append(f"    style lost{number} stroke-width:4px,stroke-dasharray:6 4")
        return "\n".join(lines)

    def html(self) -> str:
        """Return a numbered list."""
        items = "".join(f"<li>{html.escape(line)}</li>" for line in self._lines())
        return f"<p>{self.base}</p><ol>{items}</ol>"


def revisions(bind: Engine | Connection, project: Path | None = None) -> History:
    """Return a project's revisions, and which of them the database is at.

    Args:
        bind: The database.
        project: The folder that contains alembic.ini; by default the working directory.

    Raises:
        ExplorerError: There's no alembic.ini.

    """
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    folder = project or Path.cwd()
    if not (folder / "alembic.ini").is_file():
        raise ExplorerError(
            f"There is no alembic.ini in {folder.name}.",
            "That file says where the revisions are.",
            "Pass the project's folder, or run: alembic init alembic",
        )
    script = ScriptDirectory.from_config(Config(folder / "alembic.ini"))
    with connected(bind) as connection:
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
