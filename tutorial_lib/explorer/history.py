"""Show a project's revisions: their order, the head, and the database's current revision."""

from __future__ import annotations

import html
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..arguments import checked
from ..connections import Bind
from ..display import Picture
from ..errors import ExplorerError
from .reader import reading

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
        file: The name of its file.
        files: The number of files that have its id. With more than one, Alembic runs only one of
            them, and a database that's at this id may have run either.

    """

    id: str
    message: str
    after: tuple[str, ...]
    head: bool
    current: bool
    file: str = ""
    files: int = 1

    @property
    def marks(self) -> str:
        """`head`, `current`, that its id isn't unique, or an empty string."""
        words = [word for word in ("head", "current") if getattr(self, word)]
        if self.files > 1:
            words.append(f"one of {self.files} files with this id: {self.file}")
        return ", ".join(words)

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
        names = _nodes(self.revisions)
        for node, revision in zip(names, self.revisions, strict=True):
            marks = f"<br>{revision.marks}" if revision.marks else ""
            name = f"{revision.id}<br>{revision.message}{marks}".replace('"', "'")
            lines.append(f'    {node}["{name}"]')
            for one in revision.after or ("",):
                lines.append(f"    {_node(one) if one else 'base'} --> {node}")
            if style := _style(revision):
                lines.append(f"    style {node} {style}")
        for number, one in enumerate(self.lost):
            name = f"{one}<br>{LOST}".replace('"', "'")
            lines.append(f'    lost{number}["{name}"]')
            lines.append(f"    style lost{number} stroke-width:4px,stroke-dasharray:6 4")
        return "\n".join(lines)

    def html(self) -> str:
        """Return a numbered list."""
        items = "".join(f"<li>{html.escape(line)}</li>" for line in self._lines())
        return f"<p>{self.base}</p><ol>{items}</ol>"


@checked(ExplorerError)
def revisions(bind: Bind, project: Path | str | None = None) -> History:
    """Return a project's revisions, and which of them the database is at.

    Files that have the same id are all included, and marked.

    Args:
        bind: The database.
        project: The folder that contains alembic.ini; by default the working directory.

    Raises:
        ExplorerError: There's no alembic.ini, a file can't be loaded, or the revisions don't
            form a history: one follows itself, or follows a revision that no file has.

    """
    from alembic.runtime.migration import MigrationContext

    with reading(bind) as reader:
        current = MigrationContext.configure(reader.connection).get_current_heads()
    scripts, heads = _scripts(_folder(project))
    times = Counter(one.revision for one in scripts)
    found = [
        Revision(
            id=one.revision,
            message=one.doc or "",
            after=_ids(one.down_revision),
            head=one.revision in heads,
            current=one.revision in current,
            file=Path(one.path).name,
            files=times[one.revision],
        )
        for one in scripts
    ]
    lost = sorted(set(current) - {one.id for one in found})
    return History(tuple(found), at_base=not current, lost=tuple(lost))


def _folder(project: Path | str | None) -> Path:
    folder = Path(project) if isinstance(project, str | Path) else Path.cwd()
    if project is not None and not isinstance(project, str | Path):
        raise ExplorerError(
            f"The project is of type {type(project).__name__}.",
            do="Pass the folder that contains alembic.ini, as a path.",
        )
    if not (folder / "alembic.ini").is_file():
        raise ExplorerError(
            f"There is no alembic.ini in {folder.name}.",
            "That file says where the revisions are.",
            "Pass the project's folder, or run: alembic init alembic",
        )
    return folder


def _scripts(folder: Path) -> tuple[list[Any], Sequence[str]]:
    """Return the revision files, oldest first, and the heads.

    Alembic's own list keeps one file for each id, so the files are read a second time.
    """
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    try:
        script = ScriptDirectory.from_config(Config(folder / "alembic.ini"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # all that it warns of is shown, or raised
            ordered = [one.revision for one in script.walk_revisions()]
            heads = script.get_heads()
            loaded = list(script._load_revisions())
    except Exception as error:  # the files are Python code
        raise ExplorerError(
            f"Alembic can't read the revisions of {folder.name}.",
            f"{type(error).__name__}: {str(error).partition(chr(10))[0]}",
            "Run `alembic history`, which names the file.",
        ) from error
    place = {one: number for number, one in enumerate(reversed(ordered))}
    return sorted(loaded, key=lambda one: (place[one.revision], one.path)), heads


def _ids(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)  # type: ignore[arg-type]


def _nodes(revisions: Sequence[Revision]) -> list[str]:
    """Return a Mermaid id for each revision; a second file of the same id gets a number."""
    seen: Counter[str] = Counter()
    names = []
    for revision in revisions:
        seen[revision.id] += 1
        number = seen[revision.id]
        names.append(_node(revision.id) + (f"_{number}" if number > 1 else ""))
    return names


def _node(revision: str) -> str:
    return "r" + re.sub(r"\W", "_", revision)


def _style(revision: Revision) -> str:
    """Return the border: thick for the current revision, dashed if its id isn't unique."""
    borders = ["stroke-width:4px"] if revision.current else []
    return ",".join([*borders, *(["stroke-dasharray:6 4"] if revision.files > 1 else [])])
