"""Database setup and migrations: the library the lessons build up and you take home.

    from tutorial_lib import explorer, frames, locks

Submodules are imported when they're first used, so `import tutorial_lib` costs nothing.
Nothing here depends on the course.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import advisory_lock, backfill, explorer, frames, locks, workload

__all__ = ["advisory_lock", "backfill", "explorer", "frames", "locks", "workload"]


def __getattr__(name: str) -> object:
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    if problem := _former_name(name):
        raise problem
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _former_name(name: str) -> Exception | None:
    """Return what an installed package reports about a name that this one used to have.

    A package registers a function `name -> Exception | None` as an entry point of the group
    `tutorial_lib.former_names`.
    """
    if name.startswith("_") or find_spec(f"{__name__}.{name}"):
        return None  # a submodule: the import statement loads it next
    reports = (point.load()(name) for point in entry_points(group="tutorial_lib.former_names"))
    return next((report for report in reports if report), None)
