"""Finish a new environment, and check whether one is complete. Run by start.py, with its Python.

    python -I -S contents.py whole        print the version of Python, unless a file is missing
    python contents.py finish             prepare a new environment for the name `.venv`

It works without any package, so it needs only the standard library.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

FINAL = ".venv"
PACKAGES = "packages"  # a file in the environment: the names of what's installed in it
Infos = dict[str, Path]


def whole(folder: Path) -> bool:
    """Return whether every package is there, with every file its installer has recorded."""
    try:
        packages = (folder / PACKAGES).read_text("utf-8").split()
        return bool(packages) and next(missing(site_packages(folder), packages), None) is None
    except (OSError, ValueError):
        return False


def finish(folder: Path) -> None:
    """Prepare a new environment for its final name, and record what's in it."""
    site = site_packages(folder)
    make_relative(folder.parent, site)
    rename_in_scripts(folder)
    (folder / PACKAGES).write_text("\n".join(sorted(installed(site))), "utf-8")


def site_packages(folder: Path) -> Path:
    """Return where the packages of an environment of this Python are."""
    version = "python{}.{}".format(*sys.version_info[:2])
    return folder / ("Lib" if os.name == "nt" else f"lib/{version}") / "site-packages"


def installed(site: Path) -> Infos:
    """Return the folder of each package's metadata, by the package's name."""
    return {path.name.split("-")[0].lower(): path for path in site.glob("*.dist-info")}


def missing(site: Path, packages: Iterable[str]) -> Iterator[str]:
    """Yield which of these packages, and of their files, aren't there."""
    infos = installed(site)
    listings: dict[str, set[str]] = {}  # one for a folder is much faster than a look at each file
    for package in packages:
        record = infos.get(package, site / package) / "RECORD"
        if not record.is_file():
            yield package
            continue
        for folder, name in recorded(record):
            if folder not in listings:
                listings[folder] = listing(site / folder)
            if name not in listings[folder]:
                yield f"{folder}/{name}"


def recorded(record: Path) -> Iterator[tuple[str, str]]:
    """Yield the folder and the name of each file in an installer's list, except compiled files."""
    for line in record.read_text("utf-8").splitlines():
        folder, _, name = line.rsplit(",", 2)[0].strip('"').rpartition("/")
        if not name.endswith(".pyc"):
            yield folder, name


def listing(folder: Path) -> set[str]:
    """Return the names in a folder; none if it doesn't exist."""
    try:
        return set(os.listdir(folder))  # noqa: PTH208  ten times as fast as iterdir
    except OSError:
        return set()


def make_relative(clone: Path, site: Path) -> None:
    """Let the environment find the clone by a relative path.

    Python reads these files in the locale's encoding, which may not be able to represent the path.
    """
    for path in site.glob("_editable_impl_*.pth"):
        path.write_text(os.path.relpath(clone, site), "ascii")


def rename_in_scripts(folder: Path) -> None:
    """Write the final name into the files that contain the environment's path.

    Both names have the same length, because on Windows the scripts are binary.
    """
    assert len(folder.name) == len(FINAL)
    scripts = Path(sys.executable).parent
    for path in (folder / "pyvenv.cfg", *scripts.iterdir()):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if os.fsencode(folder.name) in content:
                path.write_bytes(content.replace(os.fsencode(folder.name), os.fsencode(FINAL)))


if __name__ == "__main__":
    environment = Path(sys.executable).parents[1]
    if sys.argv[1:] == ["finish"]:
        finish(environment)
    if whole(environment):
        print("whole", *sys.version_info[:2])
