"""Compare how a database's tables are defined, before and after the learner's function ran."""

from __future__ import annotations

from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, expect_equal
from coursekit.exercises.schema import changes
from coursekit.exercises.surroundings import surroundings

WHERE = (
    "The function changes rows, and nothing else. A change to the table is there for every "
    "program, and makes all of them wait: it belongs in a migration."
)


class Definition:
    """The tables of a database, and what belongs to them, as they are now."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._schema, self._others = database.snapshot(), surroundings(database)

    def kept(self) -> CheckItem:
        """Report whether all of it is as it was."""
        found = changes(self._schema, self._database.snapshot())
        changed = [str(change) for change in found if change.kind != "rows"]
        changed += sorted(surroundings(self._database) ^ self._others)
        got = ", ".join(changed) or "unchanged"
        return expect_equal("the table's definition is as it was", got, "unchanged", WHERE)
