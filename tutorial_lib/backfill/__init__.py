"""Backfill a column in batches, while the table is in use.

    tax = {"tax": text("round(amount / 6, 2)")}
    backfill.run(engine, "orders", set=tax, where="tax IS NULL", progress=True)

Each batch is its own transaction. Other sessions therefore wait no longer than one batch
takes, finished batches stay committed, and the same call continues where the last one stopped.
"""

from __future__ import annotations

from .progress import BackfillProgress, Key
from .runner import run

__all__ = ["BackfillProgress", "Key", "run"]
