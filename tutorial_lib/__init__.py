"""Database setup and migrations: the library the lessons build up and you take home.

    from tutorial_lib import explorer, frames, locks

Submodules are imported when they're first used, so `import tutorial_lib` costs nothing.
Nothing in here knows the course.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import advisory_lock, backfill, explorer, frames, locks, workload

__all__ = ["advisory_lock", "backfill", "explorer", "frames", "locks", "workload"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")
