"""The statements of a backfill: where the next batch ends, what changes it, what is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

from .catalog import Relation
from .keys import BatchKey, TextKey


@dataclass(frozen=True)
class Statements:
    """What one backfill sends to the server.

    Attributes:
        relation: The table, as the catalog knows it.
        table: The same table, in SQLAlchemy's terms.
        key: What orders the batches.
        values: The new values by column.
        where: The rows that need the change.

    """

    relation: Relation
    table: sa.TableClause
    key: BatchKey
    values: Mapping[str, Any]
    where: sa.ColumnElement[bool]

    @property
    def matching(self) -> sa.ColumnElement[bool]:
        """The condition; SQLAlchemy adds no parentheses around text with OR."""
        return Grouping(self.where)

    def end(self, *, last: bool) -> sa.Select[Any]:
        """Select the first or the last key of the table."""
        order = [one.desc() if last else one.asc() for one in self.key.columns]
        keys = sa.select(*self.key.as_text()).select_from(self.table)
        known = [] if self.key.unique else [self.key.known()]
        return keys.where(*known).order_by(*order).limit(1)

    def batch(self, after: TextKey, until: TextKey, size: int) -> sa.Select[Any]:
        """Select how many rows the next batch has, and the key of the last one.

        This takes no row locks, and the update repeats the condition. The batch is therefore
        correct even if other sessions change these rows. If rows can share a key, those that
        share the last one are counted, too.
        """
        return self._last(self.key.between(after, until), size)

    def batch_before(self, after: TextKey, key: TextKey, size: int) -> sa.Select[Any]:
        """Select the same for the rows before a key."""
        return self._last([*self.key.between(after, ()), self.key.before(key)], size)

    def _last(self, between: list[sa.ColumnElement[bool]], size: int) -> sa.Select[Any]:
        rows = sa.select(*self.key.columns).where(self.matching, *between)
        rows = rows.order_by(*self.key.columns)
        some = rows.limit(size) if self.key.unique else rows.fetch(size, with_ties=True)
        batch = some.subquery("batch")
        last = (batch.c[one.key].desc() for one in self.key.columns)
        return sa.select(sa.func.count().over(), *self.key.as_text(batch)).order_by(*last).limit(1)

    def update(self, after: TextKey, until: TextKey) -> sa.Update:
        """Update the rows of a batch."""
        change = sa.update(self.table).values(self.values)
        return change.where(self.matching, *self.key.between(after, until))

    def update_unlocked(self, after: TextKey, until: TextKey) -> sa.Update:
        """Update the rows of a batch that no other session has locked.

        A CTE is run once, so the rows that are locked are the rows that are updated.
        """
        free = sa.select(*self.key.columns).where(self.matching, *self.key.between(after, until))
        # As an UPDATE locks them that changes no key: children may be inserted meanwhile.
        locked = free.with_for_update(skip_locked=True, key_share=True).correlate(None).cte("free")
        chosen = sa.select(*(locked.c[one.key] for one in self.key.columns))
        return self.update(after, until).where(sa.tuple_(*self.key.columns).in_(chosen))

    def count(self, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
        """Count the rows that match, and meet all conditions."""
        matching = sa.select(sa.func.count()).select_from(self.table)
        return matching.where(self.matching, *conditions)

    def locker(self, after: TextKey, until: TextKey) -> sa.Select[Any]:
        """Select the transaction that locked the first row that matches, and the row's key."""
        xmax = sa.cast(sa.column("xmax", _selectable=self.table), sa.Text)
        rows = sa.select(xmax, *self.key.as_text())
        rows = rows.where(self.matching, *self.key.between(after, until))
        return rows.order_by(*self.key.columns).limit(1)
