"""Find the key of ON CONFLICT among a table's unique constraints and indexes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from ...errors import FrameError
from ..suggestions import similar
from .model import Model, column_named
from .target import Target, quoted, rows

Key = str | Sequence[str] | None
ACTIONS = (None, "nothing", "update")
_KEYS = """
SELECT relname AS name, conname IS NOT NULL AS is_constraint, indisprimary AS is_primary,
    indimmediate AS immediate, indisvalid AS valid, indisunique AS is_unique,
    indnullsnotdistinct AS nulls_equal,
    ARRAY(SELECT pg_get_indexdef(indexrelid, n, false)
          FROM generate_series(1, indnkeyatts) AS n ORDER BY n) AS parts,
    ARRAY(SELECT (SELECT attname FROM pg_attribute
                  WHERE attrelid = indrelid AND attnum = indkey[n - 1] AND attnum > 0)
          FROM generate_series(1, indnkeyatts) AS n ORDER BY n) AS columns,
    pg_get_expr(indpred, indrelid) AS predicate
FROM pg_index JOIN pg_class c ON c.oid = indexrelid
    LEFT JOIN pg_constraint ON conindid = indexrelid AND conrelid = indrelid
        AND contype IN ('p', 'u', 'x')
WHERE indrelid = :oid AND (indisunique OR indisexclusion) ORDER BY NOT indisprimary, name"""


@dataclass(frozen=True)
class Conflict:
    """What happens to a row whose key exists.

    Attributes:
        clause: The SQL from ON CONFLICT to its end.
        parts: The expressions of the key.
        predicate: The condition of a partial index, or None.
        nulls_equal: Whether two keys with NULL are equal.

    """

    clause: str
    parts: Sequence[str] = ()
    predicate: str | None = None
    nulls_equal: bool = False


@dataclass(frozen=True)
class _Found:
    name: str
    is_constraint: bool
    is_primary: bool
    immediate: bool
    valid: bool
    is_unique: bool
    nulls_equal: bool
    parts: Sequence[str]
    columns: Sequence[str | None]
    predicate: str | None

    @property
    def arbiter(self) -> str:
        """Return the conflict target."""
        if self.is_constraint:
            return f"ON CONSTRAINT {quoted(self.name)}"
        where = f" WHERE {self.predicate}" if self.predicate else ""
        return f"({', '.join(self.terms)}){where}"

    @property
    def terms(self) -> list[str]:
        """Return its columns and expressions, as SQL."""
        both = zip(self.columns, self.parts, strict=True)
        return [quoted(column) if column else f"({part})" for column, part in both]


def check_arguments(on_conflict: object, key: object) -> None:
    """Raise FrameError for arguments that make no sense."""
    if not isinstance(on_conflict, str | None) or on_conflict not in ACTIONS:
        is_text = isinstance(on_conflict, str)
        given = repr(on_conflict) if is_text else f"of type {type(on_conflict).__name__}"
        raise FrameError(f"on_conflict is {given}.", "It's 'nothing', 'update' or None.")
    if key is not None and on_conflict is None:
        do = "Pass on_conflict='update' or 'nothing' with it, or leave key out."
        raise FrameError("key is given without on_conflict.", "", do)
    if isinstance(key, str | None):
        return
    names = list(key) if isinstance(key, Sequence) else [None]
    if not names or not all(isinstance(each, str) for each in names):
        do = "Pass the name of a constraint or of a unique index, or a list of columns."
        raise FrameError("key isn't a name or a list of names.", "", do)


def conflict_of(
    connection: Connection, target: Target, model: Model, action: str | None, key: Key,
    given: Collection[str],
) -> Conflict | None:  # fmt: skip
    """Return the ON CONFLICT clause, or None for a plain INSERT.

    Args:
        connection: Where to read the keys.
        target: The table.
        model: The table as the caller describes it.
        action: "nothing", "update" or None.
        key: The name of a constraint or unique index, or columns; None for every key, or to
            update by the primary key.
        given: The DataFrame's columns, as the table calls them.

    Raises:
        FrameError: There is no such key, or the DataFrame doesn't have its columns.

    """
    if action is None:
        return None
    if key is None and action == "nothing":
        for each in _keys(connection, target):
            if not each.immediate:
                _usable(each)
        return Conflict("ON CONFLICT DO NOTHING")
    found = _find(connection, target, model, key)
    if action == "nothing":
        return Conflict(f"ON CONFLICT {found.arbiter} DO NOTHING")
    missing = [name for name in found.columns if name and name not in given]
    if missing:
        what = f"The DataFrame has no column {', '.join(missing)}, which is in the key."
        raise FrameError(what, "Without it, no row can be found to update.", "Add it.")
    changed = [name for name in given if name not in found.columns] or list(given)
    changes = ", ".join(f"{quoted(name)} = EXCLUDED.{quoted(name)}" for name in changed)
    clause = f"ON CONFLICT {found.arbiter} DO UPDATE SET {changes}"
    return Conflict(clause, found.terms, found.predicate, found.nulls_equal)


def _find(connection: Connection, target: Target, model: Model, key: Key) -> _Found:
    known = _keys(connection, target)
    if key is None:
        chosen = [each for each in known if each.is_primary]
        what = f"{target.name} has no primary key to update by."
    elif isinstance(key, str) and any(each.name == key for each in known):
        chosen, what = [each for each in known if each.name == key], ""
    else:
        names = [column_named(model, each) for each in ([key] if isinstance(key, str) else key)]
        chosen = _by_columns(known, target, names)
        what = f"No unique constraint or index of {target.name} is on {', '.join(names)}."
    if not chosen:
        raise FrameError(what, similar(str(key), map(_label, known)), "Pass one of them as key=.")
    # A partial index is a key for some of the rows only.
    return _usable(min(chosen, key=lambda each: each.predicate is not None))


def _keys(connection: Connection, target: Target) -> list[_Found]:
    return [_Found(**row._mapping) for row in rows(connection, _KEYS, oid=target.oid)]


def _usable(found: _Found) -> _Found:
    if found.immediate and found.valid:
        return found
    state = "invalid" if found.immediate else "deferrable"
    why = "ON CONFLICT can't use it, so PostgreSQL would refuse every row."
    raise FrameError(f"The key {found.name} is {state}.", why, "Name another one as key=.")


def _by_columns(known: Sequence[_Found], target: Target, names: Sequence[str]) -> list[_Found]:
    """Return the keys on these columns, in any order; for a view, PostgreSQL finds them."""
    if target.relkind == "v":
        return [_Found("", False, False, True, True, True, False, names, names, None)]
    return [each for each in known if set(each.columns) == set(names) and each.is_unique]


def _label(found: _Found) -> str:
    return f"{found.name} ({', '.join(found.parts)})"
