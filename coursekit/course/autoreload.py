"""Let a kernel import a project's modules as their files are now.

Python imports a module once. A learner who rewrites models.py and imports it again would get
the old classes, while Alembic, in a new process, sees the new ones.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_seen: dict[str, int] = {}
_watching: dict[int, Path] = {}


def enable(shell: InteractiveShell, projects: Path) -> None:
    """Before each cell, unload the modules of projects if their files have changed.

    Args:
        shell: The shell of the kernel.
        projects: The folder that holds the projects.

    """
    # Python compares a compiled file by seconds and size, so it can miss a quick edit.
    sys.dont_write_bytecode = True
    unload(projects)
    if id(shell) not in _watching:
        shell.events.register(
            "pre_run_cell", lambda info=None: unload_changed(_watching[id(shell)])
        )
    _watching[id(shell)] = projects


def unload_changed(projects: Path) -> None:
    """Unload all modules of projects if any of their files has changed since it was imported.

    All of them, because they use each other: models.py has the Base of db.py.
    """
    modules = _modules(projects)
    if any(_seen.setdefault(name, _time(path)) != _time(path) for name, path in modules.items()):
        unload(projects)


def unload(projects: Path) -> None:
    """Unload all modules that were imported from a folder of projects."""
    for name in _modules(projects):
        del sys.modules[name]
        _seen.pop(name, None)
    importlib.invalidate_caches()


def _modules(projects: Path) -> dict[str, Path]:
    """Return the imported modules whose file is in a project, and that file."""
    inside = f"{projects}{os.sep}"  # a string is fast: this runs before each cell, for all modules
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.copy().items()}
    return {
        name: Path(file)
        for name, file in files.items()
        if isinstance(file, str) and file.startswith(inside)
    }


def _time(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0
