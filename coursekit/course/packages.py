"""Compare the installed packages with constraints.txt and with what they require of each other.

    python -m coursekit.course.packages    print what's wrong; start.py runs it after installing

The second part is what `pip check` reports. An environment made by uv has no pip, and not
everyone has uv, so it reads the packages' metadata instead.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import (
    Distribution,
    PackageNotFoundError,
    distributions,
    metadata,
    version,
)
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from coursekit.settings import APP, ROOT

# The installers bring these, in versions of their own.
IGNORED = {"setuptools", "pip", "wheel"}
# An environment with this file contains other versions on purpose: `tutorial verify --unpinned`.
UNPINNED = Path(sys.prefix, "unpinned")


def wrong_packages() -> dict[str, str]:
    """Return what's wrong with each package that isn't as pinned, or that another one lacks."""
    pinned = () if UNPINNED.exists() else pins(ROOT / "constraints.txt")
    return {**not_installed(), **unmet_requirements(), **differing_pins(pinned)}


def supported_minors() -> range:
    """Return the versions of Python 3 that pyproject.toml allows, such as 11, 12 and 13."""
    requirement = metadata(APP)["Requires-Python"]
    first, end = sorted(int(minor) for minor in re.findall(r"3\.(\d+)", requirement))
    return range(first, end)


def pins(path: Path) -> Iterator[Requirement]:
    """Yield the pinned packages of constraints.txt that are meant for this machine."""
    for line in path.read_text(encoding="utf-8").splitlines():
        text = re.split(r"(?:^|\s)#", line)[0].strip()
        if text:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement


def differing_pins(pinned: Iterable[Requirement]) -> dict[str, str]:
    """Return the packages that are installed in another version than the pinned one.

    One that isn't installed may belong to an extra; `unmet_requirements` reports the others.
    """
    return {
        pin.name: f"{found}, but {pin.specifier} is pinned"
        for pin in pinned
        if (found := _installed(pin)) and not _fits(pin, found)
    }


def not_installed() -> dict[str, str]:
    """Return the kit itself if it isn't installed; being importable isn't enough."""
    return {} if _installed(Requirement(APP)) else {APP: "not installed"}


def unmet_requirements() -> dict[str, str]:
    """Return the packages that an installed one requires, and that are missing or don't fit."""
    return {
        need.name: f"{found or 'not installed'}, but {name} requires {need.name}{need.specifier}"
        for package in distributions()
        if (name := package.metadata["Name"])
        for need in _requirements(package)
        if not (found := _installed(need)) or not _fits(need, found)
    }


def _requirements(package: Distribution) -> Iterator[Requirement]:
    """Yield what a package requires on this machine, without its extras."""
    for requirement in map(Requirement, package.requires or ()):
        if not requirement.marker or requirement.marker.evaluate({"extra": ""}):
            yield requirement


def _installed(requirement: Requirement) -> str:
    """Return the version of a package that's installed, or "" if none is."""
    try:
        return version(requirement.name)
    except PackageNotFoundError:
        return ""


def _fits(requirement: Requirement, installed: str) -> bool:
    if canonicalize_name(requirement.name) in IGNORED:
        return True
    return requirement.specifier.contains(installed, prereleases=True)


if __name__ == "__main__":
    sys.exit("\n".join(f"{name}: {found}" for name, found in wrong_packages().items()) or None)
