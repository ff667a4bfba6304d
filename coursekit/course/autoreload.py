"""Let a kernel import a project's modules as their files are now.

Python imports a module once. A learner rewrites models.py and imports it again, and would
get the old classes; Alembic, in a process of its own, would see the new ones.
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
    """Before each cell of this kernel, forget the modules of projects whose files changed."""
    # A compiled file is told stale by seconds and size: a quick edit can escape it.
    sys.dont_write_bytecode = True
    unload(projects)
    if id(shell) not in _watching:
        shell.events.register(
            "pre_run_cell", lambda info=None: unload_changed(_watching[id(shell)])
        )
    _watching[id(shell)] = projects


def unload_changed(projects: Path) -> None:
    """Forget all modules of projects if the file of any has changed since it was imported.

    All of them: models.py holds the Base of db.py, and half of each would not fit together.
    """
    modules = _modules(projects)
    if any(_seen.setdefault(name, _time(path)) != _time(path) for name, path in modules.items()):
        unload(projects)


def unload(projects: Path) -> None:
    """Forget all modules that were imported from a folder of projects."""
    for name in _modules(projects):
        del sys.modules[name]
        _seen.pop(name, None)
    importlib.invalidate_caches()


def _modules(projects: Path) -> dict[str, Path]:
    """The imported modules whose file lies in a project, and the file."""
    inside = f"{projects}{os.sep}"  # a text: this runs before each cell, for all modules
    files = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    return {
        name: Path(file)
        for name, file in files.items()
        if isinstance(file, str) and file.startswith(inside)
    }


def _time(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0
