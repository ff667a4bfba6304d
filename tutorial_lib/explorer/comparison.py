"""Compare two snapshots, and show what changed from one to the other."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..arguments import checked
from ..errors import ExplorerError
from .snapshot import Snapshot, place_of

NOTHING = "Nothing has changed."
COLOURS = {"added": "#2e7d32", "removed": "#c62828", "changed": "#b26a00"}
# Compared, and shown only when they change: most objects have them.
IMPLIED = {
    *(
        "owner",
        "definition",
        "function",
        "schema",
        "version",
        "on",
        "role",
        "not null",
        "type",
        "start",
    ),
    *("increment", "minimum", "maximum", "cache", "owned by", "values"),
}
TABULAR = {"table", "view", "materialized view", "foreign table"}
LONG = 120  # of a longer text, the first line that differs is shown


@dataclass(frozen=True)
class Change:
    """One object that was added, removed or changed.

    Attributes:
        what: "added", "removed" or "changed".
        kind: The kind of object, such as "table" or "index".
        name: Its name; that of its table comes first, as in `users.email`.
        detail: Its description, before and after if it changed.

    """

    what: str
    kind: str
    name: str
    detail: str

    @property
    def sign(self) -> str:
        """The sign of a diff, shown beside the word: colour alone doesn't reach everyone."""
        return {"added": "+", "removed": "-", "changed": "~"}[self.what]


@dataclass(frozen=True)
class Changes:
    """The changes between two snapshots, in the order table, column, constraint, ..., rows.

    Attributes:
        all: The changes.
        none: What to show if there are none: it says what was compared.

    """

    all: tuple[Change, ...]
    none: str = NOTHING

    def __len__(self) -> int:
        return len(self.all)

    def __repr__(self) -> str:
        if not self.all:
            return self.none
        kind, name = (
            max(len(part) for part in column)
            for column in zip(*((c.kind, c.name) for c in self.all), strict=True)
        )
        lines = (
            f"{c.sign} {c.what:<8} {c.kind:<{kind}}  {c.name:<{name}}  {c.detail}" for c in self.all
        )
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        if not self.all:
            return f"<p>{html.escape(self.none)}</p>"
        rows = (
            [
                f"{change.sign} {change.what}",
                *map(html.escape, (change.kind, change.name, change.detail)),
            ]
            for change in self.all
        )
        from ..display import LEFT, table  # checks compare snapshots without displaying them

        edge = f"{LEFT}; white-space: nowrap; border-left: 4px solid"
        styles = [f"{edge} {COLOURS[change.what]}" for change in self.all]
        return table(rows, ("change", "kind", "name", "detail"), row_head_style=styles)


@checked(ExplorerError)
def changes(before: Snapshot, after: Snapshot) -> Changes:
    """Return what changed from one snapshot to another.

    Rows are compared if both snapshots include them.

    Raises:
        ExplorerError: One of them isn't a snapshot, or their current schemas differ.

    """
    for one in (before, after):
        if not isinstance(one, Snapshot):
            raise ExplorerError(
                f"There's nothing to compare: this is of type {type(one).__name__}.",
                "Both have to be snapshots.",
                "Take one with explorer.snapshot(engine) before, and one after.",
            )
    if before.schema != after.schema:
        raise ExplorerError(
            f"These snapshots call the same table by two names: the first was taken in the schema "
            f"{before.schema!r}, the second in {after.schema!r}.",
            "The first schema of the search_path isn't part of a name.",
            "Take both with the same search_path.",
        )
    return Changes(tuple(_compare(before, after)), _none(before, after))


def _none(before: Snapshot, after: Snapshot) -> str:
    """Say that nothing has changed, as far as the snapshots show it."""
    if not (before.rows and after.rows):
        return "No change in the schema. To compare rows too, take both snapshots with rows=True."
    unread = sorted({*before.unread, *after.unread})
    if unread:
        return f"No change, except perhaps in what couldn't be read: {', '.join(unread)}."
    return NOTHING


def _compare(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    # sorted() is stable: within a kind, the snapshots' order stays, such as that of the columns.
    for key in sorted({**after.objects, **before.objects}, key=lambda key: place_of(key[0])):
        kind, name = key
        old, new = before.objects.get(key), after.objects.get(key)
        if kind in ("rows", "position"):
            if before.rows and after.rows and name not in (*before.unread, *after.unread):
                yield from _data_changes(key, before, after)
        elif old is None or new is None:
            one, what = (after, "added") if old is None else (before, "removed")
            yield Change(what, kind, name, _shown(one.objects[key], one.details.get(key, {})))
        else:
            differences = [
                *_differences(old, new),
                *_details(key, before, after),
                *_order(key, before, after),
            ]
            if differences:
                yield Change("changed", kind, name, "; ".join(differences))


def _data_changes(key: tuple[str, str], before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """Compare rows; a table that isn't there has none. A sequence has to be in both.

    Of a table with other columns than before, only the number of rows can be compared.
    """
    kind, name = key
    old, new = before.objects.get(key), after.objects.get(key)
    if kind == "position":
        if old and new and old != new:
            yield Change("changed", kind, name, f"{old} before, {new} after")
    elif (old or "0") != (new or "0"):
        yield Change("changed", kind, name, f"{old or 0} before, {new or 0} after")
    elif before.column_order.get(name) != after.column_order.get(name):
        return
    elif old and new and before.details.get(key) != after.details.get(key):
        yield Change("changed", kind, name, f"{old} before and after, with other values")


def _shown(about: str, details: Mapping[str, str]) -> str:
    more = [f"{label} {value}" for label, value in details.items() if label not in IMPLIED]
    return ", ".join(part for part in (about, *more) if part)


def _details(key: tuple[str, str], before: Snapshot, after: Snapshot) -> Iterator[str]:
    old, new = before.details.get(key, {}), after.details.get(key, {})
    for label in {**old, **new}:
        for one in _differences(old.get(label, "none"), new.get(label, "none")):
            yield f"{label}: {one}"


def _order(key: tuple[str, str], before: Snapshot, after: Snapshot) -> Iterator[str]:
    """Say if the columns that are in both are in another order."""
    if key[0] not in TABULAR:
        return
    old, new = (one.column_order.get(key[1], ()) for one in (before, after))
    ours, theirs = [one for one in old if one in new], [one for one in new if one in old]
    if ours != theirs:
        yield f"column order: {', '.join(ours)} before, {', '.join(theirs)} after"


def _differences(old: str, new: str) -> list[str]:
    """Return how a text has changed, or nothing if it hasn't."""
    if old == new:
        return []
    if "\n" in old + new or max(len(old), len(new)) > LONG:
        pairs = zip([*old.splitlines(), ""], [*new.splitlines(), ""], strict=False)
        sizes = (f"{len(old)} characters", f"{len(new)} characters")
        old, new = next((pair for pair in pairs if pair[0] != pair[1]), sizes)
    return [f"{_short(old)} before, {_short(new)} after"]


def _short(line: str) -> str:
    line = line.strip()
    return line if len(line) <= LONG else f"{line[:LONG]}..."
