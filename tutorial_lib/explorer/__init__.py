"""See what's in a database: its server, tables, columns and revisions, and what a step changed.

Comparing two snapshots takes one module. The others are imported when they're first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

# `snapshot` has the same name as its module, so it can't be imported lazily.
from .snapshot import Snapshot, changes, snapshot

if TYPE_CHECKING:
    from .connection import test_connection
    from .er_diagram import diagram
    from .history import revisions
    from .inspect import columns, tables

__all__ = [
    "Snapshot",
    "changes",
    "columns",
    "diagram",
    "revisions",
    "snapshot",
    "tables",
    "test_connection",
]
_HOMES = {
    "columns": "inspect",
    "diagram": "er_diagram",
    "revisions": "history",
    "tables": "inspect",
    "test_connection": "connection",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
