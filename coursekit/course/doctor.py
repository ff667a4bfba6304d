"""Look at everything a lesson needs, and say for each bad line how to mend it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from coursekit import servers
from coursekit.settings import APP, ROOT, Settings, read_settings
from tutorial_lib.display import Card
from tutorial_lib.errors import Problem

OLDEST, NEWEST = (3, 11), (3, 13)
ENOUGH = 500  # megabytes for a few lessons' databases
REINSTALL_ADVICE = "Delete the folder .venv, then run start.py again; it installs what is pinned."


@dataclass(frozen=True)
class Line:
    """One line of the table: what was looked at, what was found, and what mends it."""

    topic: str
    found: str
    fix: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing has to be done."""
        return not self.fix


@dataclass(frozen=True, repr=False)
class Report(Card):
    """The same for a cell: `ok`, or what to do, for each topic that a lesson needs."""

    lines: tuple[Line, ...]

    @property
    def rows(self) -> Mapping[str, str]:
        """What is shown, in order."""
        return {line.topic: line.fix or "ok" for line in self.lines}


def examine() -> Iterator[Line]:
    """All lines, one after the other; a part that fails becomes a bad line."""
    yield from _needed()
    yield from _kernel_start()
    yield from _docker()


def doctor() -> Report:
    """Look at what a lesson needs, for a cell of a notebook."""
    return Report(tuple(_needed()))


def _needed() -> Iterator[Line]:
    parts = {"Python": _python, "notebook kernel": _kernel, "packages": _packages}
    for topic, part in {**parts, "folder alembic/": _alembic, "settings": _places}.items():
        yield from _guarded(topic, part)


def _guarded(topic: str, part: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    """The lines of a part; a problem that it raises is a bad line."""
    try:
        yield from part()
    except Problem as error:
        yield Line(topic, f"{error.what} {error.why}".strip(), error.do)
    except Exception as error:  # the doctor is asked when anything may be broken
        yield Line(topic, f"{type(error).__name__}: {error}", REINSTALL_ADVICE)


def _python() -> Iterator[Line]:
    found = f"{sys.version.split()[0]} at {sys.executable}"
    fits = OLDEST <= sys.version_info[:2] <= NEWEST
    yield Line("Python", found, "" if fits else "Use Python 3.11, 3.12 or 3.13.")


def _kernel() -> Iterator[Line]:
    from coursekit.course.jupyterlab import kernel_interpreter

    kernel = kernel_interpreter()
    # Compared as they are: two environments may share one real interpreter.
    same = os.path.normcase(kernel) == os.path.normcase(sys.executable)
    found = "the same as above" if same else kernel
    yield Line("notebook kernel", found, "" if same else "Start JupyterLab with start.py.")


def _kernel_start() -> Iterator[Line]:
    from coursekit.course.jupyterlab import kernel_start

    yield Line("kernel start", kernel_start())


def _packages() -> Iterator[Line]:
    wrong = wrong_packages()
    if wrong:
        yield from wrong
    else:
        yield Line("packages", "all as pinned in constraints.txt")


def wrong_packages() -> list[Line]:
    """A bad line for each package that is not as pinned."""
    return [line for line in map(_pinned, pins(ROOT / "constraints.txt")) if line]


def pins(path: Path) -> Iterator[Requirement]:
    """The pinned packages of constraints.txt that this machine needs."""
    for line in path.read_text(encoding="utf-8").splitlines():
        text = re.split(r"(?:^|\s)#", line)[0].strip()
        if text:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement


def _pinned(pin: Requirement) -> Line | None:
    """A bad line for a package that is here in another version; those not here may be extras."""
    try:
        found = version(pin.name)
    except PackageNotFoundError:
        needed = pin.name in _required()
        return Line(pin.name, "not installed", REINSTALL_ADVICE) if needed else None
    if pin.specifier.contains(found, prereleases=True) or pin.name not in _asked_for():
        return None
    return Line(pin.name, f"{found}, but {pin.specifier} is pinned", REINSTALL_ADVICE)


@cache
def _required() -> set[str]:
    """The packages that the kit asks for on this machine; the others may be extras."""
    return {one.name for one in _requirements(APP, "")}


@cache
def _asked_for() -> set[str]:
    """The packages that the kit and its tools need, and what these need.

    Python 3.11 puts setuptools into every environment, asked or not.
    """
    found: set[tuple[str, str]] = set()  # with each of the extras that are asked for
    left = [Requirement(f"{APP}[dev]")]
    while left:
        one = left.pop()
        for extra in {"", *one.extras}:
            if (one.name, extra) not in found:
                found.add((one.name, extra))
                left += _requirements(one.name, extra)
    return {canonicalize_name(name) for name, _ in found}


def _requirements(name: str, extra: str) -> list[Requirement]:
    """What a package with an extra asks for on this machine; nothing when it is not here."""
    try:
        asked = map(Requirement, requires(name) or ())
    except PackageNotFoundError:
        return []
    return [one for one in asked if not one.marker or one.marker.evaluate({"extra": extra})]


def _alembic() -> Iterator[Line]:
    """A folder alembic/ with __init__.py would hide the library of that name."""
    extra = ROOT / "alembic" / "__init__.py"
    fix = "Delete it: it hides the library alembic." if extra.exists() else ""
    yield Line("folder alembic/", "has an __init__.py" if fix else "without __init__.py", fix)


def _places() -> Iterator[Line]:
    settings = read_settings()
    yield from _folders(settings)
    yield from _guarded("server", partial(_server, settings))


def _folders(settings: Settings) -> Iterator[Line]:
    for topic, folder in (("workspace", settings.workspace), ("data folder", settings.data)):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(there).free // 1_000_000
        fix = ""
        if not os.access(there, os.W_OK):
            fix = f"Make it writable, or set {_variable(topic)} to another folder."
        elif free < ENOUGH:
            fix = f"Make room, or set {_variable(topic)} to a folder on another disk."
        yield Line(topic, f"{folder}, {free / 1000:.1f} GB free", fix)


def _variable(topic: str) -> str:
    return "TUTORIAL_WORKSPACE" if topic == "workspace" else "TUTORIAL_DATA"


def _server(settings: Settings) -> Iterator[Line]:
    server = servers.find(settings)
    yield Line("server", f"PostgreSQL {server.release}, {server.origin}, at {server.netloc}")
    yield Line("why this server", server.why, _consent(settings))


def _consent(settings: Settings) -> str:
    if settings.url is None or settings.postgres:
        return ""
    return "Lessons need TUTORIAL_POSTGRES=external to use it, or =embedded to use the kit's."


def _docker() -> Iterator[Line]:
    from coursekit.servers.docker import docker_state

    yield Line("Docker (not needed)", docker_state())
