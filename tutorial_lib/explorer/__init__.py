"""The Database Explorer of the kit: who answers, what is there, and what a step changed."""

from tutorial_lib.explorer.diagram import diagram
from tutorial_lib.explorer.history import revisions
from tutorial_lib.explorer.look import columns, open_with, tables, test_connection
from tutorial_lib.explorer.snapshot import Snapshot, changes, snapshot

__all__ = [
    "Snapshot",
    "changes",
    "columns",
    "diagram",
    "open_with",
    "revisions",
    "snapshot",
    "tables",
    "test_connection",
]
