"""The Database Explorer of the kit: who answers, what is there, and what a step changed."""

from .diagram import diagram
from .history import revisions
from .inspect import columns, tables, test_connection
from .snapshot import Snapshot, changes, snapshot

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
