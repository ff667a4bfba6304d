"""See what's in a database, and what a step changed. Nothing here writes.

Each kind of object has its own function: tables, views, functions and so on. Tab completion after
`explorer.` therefore shows what you can list. A single function with a `kind` argument wouldn't.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

# `snapshot` has the same name as its module, so it can't be imported lazily.
from .comparison import changes
from .snapshot import Snapshot, snapshot

if TYPE_CHECKING:
    from .connection import test_connection
    from .er_diagram import diagram
    from .history import revisions
    from .listings import (
        constraints,
        extensions,
        functions,
        grants,
        indexes,
        objects,
        schemas,
        sequences,
        triggers,
        types,
        views,
    )
    from .relations import columns, head, tables

_HOMES = {
    "connection": ["test_connection"],
    "er_diagram": ["diagram"],
    "history": ["revisions"],
    "listings": [
        *("constraints", "extensions", "functions", "grants", "indexes", "objects", "schemas"),
        *("sequences", "triggers", "types", "views"),
    ],
    "relations": ["columns", "head", "tables"],
}
_LAZY = {name: module for module, names in _HOMES.items() for name in names}
__all__ = [
    "Snapshot",
    "changes",
    "columns",
    "constraints",
    "diagram",
    "extensions",
    "functions",
    "grants",
    "head",
    "indexes",
    "objects",
    "revisions",
    "schemas",
    "sequences",
    "snapshot",
    "tables",
    "test_connection",
    "triggers",
    "types",
    "views",
]


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return __all__
