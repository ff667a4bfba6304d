"""Why rows are left at the end of a backfill."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..errors import BackfillError
from .progress import BackfillProgress, many
from .reasons import hides_rows, holders_of_row, triggers
from .walk import Walk


def rows_left(walk: Walk, done: BackfillProgress) -> BackfillError:
    """Return the error for rows that still match, with the number of rows for each reason."""
    left = done.left or 0
    verb = "matches" if left == 1 else "match"
    return BackfillError(
        f"{many(left, 'row')} of {done.table} still {verb}; {many(done.rows, 'row')} changed.",
        " ".join(f"{reason}." for reason in _reasons(walk, left)),
        "What was committed stays. Remove the cause and run it again; "
        "strict=False accepts rows that are left.",
    )


def _reasons(walk: Walk, left: int) -> Iterator[str]:
    for number, reason in (_without_key(walk), _locked(walk)):
        if number:
            yield f"{many(number, 'row')}: {reason}"
            left -= number
    unchanged = min(left, walk.unchanged)
    names = [f"the trigger {name}" for name in triggers(walk.session, walk.statements)]
    if unchanged > 0:
        secure = hides_rows(walk.session, walk.statements)
        causes = [*names, *(["a row-level security policy"] if secure else []), "other sessions"]
        yield _found(unchanged, "were selected, but not updated", causes)
    if left > unchanged:
        causes = ["set= doesn't make where= false", *names, "other sessions"]
        yield _found(left - unchanged, "match again, or still", causes)


def _found(number: int, what: str, causes: list[str]) -> str:
    return f"{many(number, 'row')}: {what}. Possible causes: {', '.join(causes)}"


def _without_key(walk: Walk) -> tuple[int, str]:
    key = walk.statements.key
    if key.unique:
        return 0, ""
    count = walk.statements.count(sa.not_(key.known()))
    names = " or ".join(column.name for column in key.columns)
    return walk.session.read(count).scalar_one(), f"{names} is NULL, so no batch contains them"


def _locked(walk: Walk) -> tuple[int, str]:
    """Count the rows that stayed locked, and say which is the first and who has locked it."""
    number, reason = 0, ""
    for after, until in walk.locked:
        between = walk.statements.key.between(after, until)
        number += walk.session.read(walk.statements.count(*between)).scalar_one()
        reason = reason or _first_locked(walk, after, until)
    return number, reason


def _first_locked(walk: Walk, after: tuple[str, ...], until: tuple[str, ...]) -> str:
    try:
        found = walk.session.read(walk.statements.locker(after, until)).first()
    except DBAPIError:  # a view has no xmax
        found = None
    if found is None:
        return "locked by other sessions"
    holders = holders_of_row(walk.session, walk.statements, found[0])
    return f"locked; the first, {walk.statements.key.describe(tuple(found[1:]))}, by {holders}"
