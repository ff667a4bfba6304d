"""`tutorial remove`: delete what the kit has put on this machine, but not a learner's work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coursekit.cli.console import out
from coursekit.settings import ROOT, Settings, read_settings

if TYPE_CHECKING:
    from coursekit.servers.embedded import EmbeddedServer
    from coursekit.servers.server import Server

# Only these are deleted: a setting may name a folder that has other files, too.
ENVIRONMENT = (".venv", ".vnew", ".vold", ".venv.lock")
SERVER = ("data-*", "lock", "log", "server.json", "container.lock")
JUPYTER = ("jupyter", "runs.lock")
WORK = ("notebooks", "projects", "kept", "docs", "open", "progress.*", "copies.*", ".id*")


@dataclass(frozen=True)
class Part:
    """Something to remove: what it is, where it is, and what removes it."""

    what: str
    place: str
    delete: Callable[[], object]
    size: int = 0  # bytes

    def __str__(self) -> str:
        """Return a line that says what, how much and where."""
        size = f", {self.size / 1_000_000:.0f} MB" if self.size else ""
        return f"  {self.what}{size}: {self.place}"


def remove(
    work: Annotated[
        bool, typer.Option("--work", help="Also remove your notebooks, projects and progress.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Remove what the kit has put on this machine.

    That's the environment, the server with the lessons' databases, and Jupyter's files. It first
    shows what and how much. Your notebooks, projects and progress stay, unless you add --work.

    Example: python3 start.py remove
    """
    settings = read_settings()
    parts = list(_parts(settings, work))
    if not parts:
        out.print("There's nothing to remove.")
        return
    out.print("\n".join(("This will be removed:", *map(str, parts))))
    if not work and settings.workspace.exists():
        out.print(f"Your work stays in {settings.workspace}. To remove that too, add --work.")
    if not (yes or typer.confirm("Remove all of this?")):
        out.print("Nothing was removed.")
        raise typer.Exit(1)
    failed = _delete(parts)
    for folder in (settings.data / "servers", settings.data / "runs", settings.data):
        with suppress(OSError):  # it's in use, or it isn't there
            folder.rmdir()
    raise typer.Exit(failed)


def _delete(parts: list[Part]) -> int:
    """Remove everything, name what can't be removed, and return the exit code."""
    failed = 0
    for part in parts:
        try:
            part.delete()
        except OSError as error:
            failed = 1
            out.print(f"{part.place} can't be removed: {error.strerror}. Delete it yourself.")
    out.print("The rest has been removed." if failed else "Everything has been removed.")
    return failed


def _parts(settings: Settings, work: bool) -> Iterator[Part]:
    """Yield what there is. The environment comes last, because this process runs from it."""
    yield from _servers(settings)
    if not _other_servers(settings):
        yield from _files("Jupyter's own files and the list of fonts", settings.data, *JUPYTER)
    if work:
        yield from _files("your notebooks, projects and progress", settings.workspace, *WORK)
    yield from _files("the environment", ROOT, *ENVIRONMENT)


def _servers(settings: Settings) -> Iterator[Part]:
    """Yield the embedded server, the container, and the databases on an external server."""
    from coursekit.servers import origin_of
    from coursekit.servers.embedded import EmbeddedServer

    home = settings.server_home
    for part in _files("PostgreSQL's data with the lessons' databases", home, *SERVER):
        yield replace(part, delete=partial(_stop_and_delete, EmbeddedServer(home), part))
    if origin_of(settings) == "external":
        yield from _databases(settings)
    elif origin_of(settings) == "container":
        from coursekit.servers import container

        if container.find(settings, start=False):
            delete = partial(container.stop, settings)
            yield Part("the container with the lessons' databases", "in Docker", delete)


def _databases(settings: Settings) -> Iterator[Part]:
    """Yield this workspace's databases on an external server."""
    from coursekit.course import databases
    from coursekit.course.workspace import identity
    from coursekit.servers import find
    from coursekit.servers.server import admin

    if not settings.workspace.exists():
        return
    server, key = find(settings), identity(settings.workspace)
    with admin(server.url) as connection:
        names = databases.of_workspace(connection, key)
    for name in names:
        yield Part("database", f"{name} at {server.netloc}", partial(_drop, server, name))


def _drop(server: Server, name: str) -> None:
    from coursekit.course import databases
    from coursekit.servers.server import admin

    with admin(server.url) as connection:
        databases.drop(connection, name)


def _stop_and_delete(server: EmbeddedServer, part: Part) -> None:
    server.stop()
    part.delete()


def _other_servers(settings: Settings) -> bool:
    """Return whether another clone uses the same data folder."""
    return any(path != settings.server_home for path in (settings.data / "servers").glob("*"))


def _files(what: str, folder: Path, *patterns: str) -> Iterator[Part]:
    """Yield the files and folders with these names in a folder, as one part, if there are any."""
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    if found:
        place = str(found[0]) if len(found) == 1 else str(folder)
        yield Part(what, place, partial(_delete_files, folder, found), sum(map(_size, found)))


def _delete_files(folder: Path, found: list[Path]) -> None:
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    with suppress(OSError):  # it has other files
        folder.rmdir()


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder."""
    files = (Path(top, name) for top, _, names in os.walk(path) for name in names)
    return sum(file.lstat().st_size for file in files) if path.is_dir() else path.lstat().st_size
