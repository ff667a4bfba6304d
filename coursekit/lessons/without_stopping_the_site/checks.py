"""The checks of two exercises: a constraint and an index on a table in use."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from random import Random
from typing import Any

from sqlalchemy import Executable

from coursekit.exercises import draws
from coursekit.exercises.database import Database, Row
from coursekit.exercises.items import CheckItem, NotStarted, ProbeResult, expect_equal, expect_that
from coursekit.exercises.rehearsal import allow_long_waits
from coursekit.exercises.statements import insert, statement, update
from coursekit.exercises.submission import Submission
from coursekit.lessons.without_stopping_the_site.starters import COLLEAGUE, FILE
from tutorial_lib import locks

RUN = "alembic/versions: open the revision, and find the line that fails"


def _new_head(submission: Submission, old: str) -> CheckItem:
    heads, where = (
        submission.heads,
        "%alembic revision; the other databases get only what it says",
    )
    good = len(heads) == 1 and heads != [old]
    return expect_that(
        f"a new revision follows {old}, and is the only head", good, "one", heads, where
    )


def _at_head(submission: Submission) -> CheckItem:
    where = "%alembic current, and %alembic upgrade head"
    return expect_equal(
        "your database is at the new revision",
        submission.current_revisions,
        submission.heads,
        where,
    )


# A constraint has a row in pg_depend, which VALIDATE leaves alone, while it rewrites the
# constraint's own row. So the two rows have the xmin of two transactions, or of one. A transaction
# that also changed the table left its xmin there, and held the ACCESS EXCLUSIVE lock meanwhile.
RULES = """
SELECT n.nspname, t.relname, c.contype, c.oid, c.convalidated, c.xmin,
       pg_catalog.pg_get_constraintdef(c.oid)
FROM pg_catalog.pg_constraint c
     JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) c.conrelid
     JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.relnamespace
"""
WRITERS = """
SELECT d.xmin FROM pg_catalog.pg_depend d
WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass
      AND d.objid OPERATOR(pg_catalog.=) CAST(:oid AS pg_catalog.oid)
UNION ALL SELECT xmin FROM pg_catalog.pg_class
WHERE oid OPERATOR(pg_catalog.=) 'public.orders'::pg_catalog.regclass
UNION ALL SELECT xmin FROM pg_catalog.pg_attribute
WHERE attrelid OPERATOR(pg_catalog.=) 'public.orders'::pg_catalog.regclass
UNION ALL SELECT xmin FROM pg_catalog.pg_attrdef
WHERE adrelid OPERATOR(pg_catalog.=) 'public.orders'::pg_catalog.regclass
"""


def _rules(database: Database) -> list[tuple[bool, bool]]:
    """Return, for each CHECK on amount, whether it's valid and was validated separately."""
    return [
        (valid, xmin not in {one for (one,) in database.query(WRITERS, oid=oid)})
        for *home, oid, valid, xmin, definition in database.query(RULES)
        if home == ["public", "orders", "c"] and "amount" in definition
    ]


def amounts(submission: Submission) -> Iterator[CheckItem]:
    """Check that no amount is below zero, and no session waited while the rows were read."""
    if (
        submission.untouched
        and submission.current_revisions == ["0003"]
        and not _rules(submission.database)
    ):
        raise NotStarted
    yield (new := _new_head(submission, "0003"))
    if not new.good:
        return
    submission.fill("orders", _orders(submission.random))
    ran = submission.alembic("upgrade head")
    where = RUN
    if "is violated by some row" in ran.error:
        where = "the constraint: which amounts does it accept? Some orders there are for 0.00"
    what = "alembic upgrade head runs on another database"
    yield expect_that(what, not ran.error, "no error", ran, where)
    if not ran.error:
        yield from _amounts_there(submission)
    yield _at_head(submission)
    valid = [is_valid for is_valid, _ in _rules(submission.database)]
    got = "a constraint that is NOT VALID" if valid else "no CHECK on orders.amount"
    where = "def upgrade, and when it ran: code that you added later has not run. Begin again"
    if valid:
        where = "VALIDATE CONSTRAINT, in a revision that follows; then %alembic upgrade head"
    what = "your database has the constraint, and it is valid"
    yield expect_that(
        what, valid == [True], "a valid constraint", got if valid != [True] else "one", where
    )
    where = "what your revisions do to the rows; begin again to get them back"
    were, are = map(_identities, (submission.initial_database, submission.database))
    gone = were - are
    got = f"{len(gone)} of {len(were)} orders gone"
    yield expect_that("no order is gone", not gone, "no order gone", got, where)


def _identities(database: Database) -> set[Row]:
    """Return what makes an order the same one."""
    return set(database.rows("orders", "id", "user_id", "amount", "created_at"))


def _orders(random: Random) -> list[dict[str, Any]]:
    """Return orders that a constraint on amounts must accept: 0.00, 0.01, ..."""
    return [{"user_id": 1, "amount": amount} for amount in draws.amounts(random)]


def _amounts_there(submission: Submission) -> Iterator[CheckItem]:
    """Report what the revisions did to another database."""
    database, drawn = submission.copied_database, draws.amount(submission.random)
    below = [_taken(database, amount) for amount in (Decimal("-0.01"), -drawn)]
    where = "the constraint: which amounts does it accept?"
    yield expect_equal("there, -0.01 is refused", below, ["refused", "refused"], where)
    above = [_taken(database, amount) for amount in (Decimal(0), drawn)]
    yield expect_equal("there, 0 is accepted", above, ["accepted", "accepted"], where)
    was = submission.new_database("before").rows("orders", "id", "amount", by="id")
    where = "what your revisions do to the rows: an order of 0.00 is not a mistake"
    same = database.rows("orders", "id", "amount", by="id") == was
    yield expect_that(
        "there, no order was changed or deleted", same, "no change", "a change", where
    )
    found = _rules(database)
    where = "VALIDATE CONSTRAINT: until it has run, old rows may violate the constraint"
    good = bool(found) and all(valid for valid, _ in found)
    got = "a constraint that is NOT VALID" if found else "no CHECK on orders.amount"
    yield expect_that("there, the constraint is also valid for old rows", good, "valid", got, where)
    where = (
        "which transaction reads the rows? One Alembic command is one transaction, unless env.py "
        "or the revision says otherwise, and it holds the locks of all its steps until its end"
    )
    what = "the rows were read in a later transaction than ADD CONSTRAINT"
    if good:
        yield expect_that(what, all(apart for _, apart in found), "two transactions", "one", where)


def _taken(database: Database, amount: Decimal) -> str:
    said = database.attempt(insert("orders", user_id=1, amount=amount))
    return "refused" if said.error else "accepted"


INVALID_INDEX = (
    "CREATE UNIQUE INDEX CONCURRENTLY uq_orders_once ON public.orders (user_id, created_at)"
)
INDEXES = """
SELECT n.nspname, t.relname, i.relname, x.indisvalid, x.indisunique,
       x.indpred IS NULL AND NOT x.indisprimary, a.attname
FROM pg_catalog.pg_index x
     JOIN pg_catalog.pg_class i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid
     JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) x.indrelid
     JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.relnamespace
     JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) x.indexrelid
"""


def invalid_index(submission: Submission) -> Iterator[CheckItem]:
    """Check that an invalid index is fixed, here and in the other databases."""
    if (
        submission.untouched
        and submission.current_revisions == ["0004"]
        and _ids(submission.database) == _ids(submission.initial_database)
    ):
        raise NotStarted
    same = submission.files.get(FILE) == COLLEAGUE
    where = "the other databases have run it, and will not run it again"
    yield expect_that("revision 0004 is as it was", same, "no change", f"a change in {FILE}", where)
    yield (new := _new_head(submission, "0004"))
    if not new.good:
        return
    first = _leave_invalid_index(submission.copied_database, submission.random)
    ran, writers = _upgraded(submission)
    what = "alembic upgrade head runs on another database, with other duplicates"
    yield expect_that(what, not ran.error, "no error", ran, RUN)
    where = (
        "which session waits for which? Drop and create the index CONCURRENTLY, lock no whole "
        "table, and change no row that can stay as it is"
    )
    yield expect_equal("writers can go on while it runs", writers, "they go on", where)
    if not ran.error:
        yield from _fixed(submission.copied_database, "there", first)
    yield _at_head(submission)
    first = _first_of_each(submission.initial_database)
    yield from _fixed(submission.database, "in your database", first)


def _leave_invalid_index(database: Database, random: Random) -> list[int]:
    """Add duplicates and an invalid index; return the first order per user and timestamp."""
    rows = database.rows("orders", "user_id", "amount", "created_at", by="id")
    once, twice, more = random.sample(rows[10:1000], 3)
    doubles = (once, twice, twice, more, more, more)
    names = ("user_id", "amount", "created_at")
    database.fill("orders", [dict(zip(names, row, strict=True)) for row in doubles])
    database.outside(statement(INVALID_INDEX))
    return _first_of_each(database)


def _ids(database: Database) -> list[int]:
    return [number for (number,) in database.rows("orders", "id", by="id")]


def _first_of_each(database: Database) -> list[int]:
    """Return the lowest id of each user and moment."""
    first: dict[Row, int] = {}
    for number, *key in database.rows("orders", "id", "user_id", "created_at", by="id"):
        first.setdefault(tuple(key), number)
    return list(first.values())


def _fixed(database: Database, place: str, first: list[int]) -> Iterator[CheckItem]:
    """Report whether a database has the index, and exactly these orders."""
    columns: dict[str, list[str]] = {}
    invalid: set[str] = set()
    for *home, index, valid, unique, plain, column in database.query(INDEXES):
        if home == ["public", "orders"]:
            invalid |= set() if valid else {index}
            if valid and unique and plain:
                columns.setdefault(index, []).append(column)
    where = "pg_index: drop the invalid index before you create one with the same name"
    yield expect_equal(f"{place}, no index is invalid", sorted(invalid), [], where)
    where = "the new index: does it exist, is it unique, and what are its columns?"
    what = f"{place}, a unique index forbids the same user and timestamp"
    found = [", ".join(sorted(names)) for names in columns.values()]
    yield expect_that(what, "created_at, user_id" in found, "created_at, user_id", found, where)
    where = "the DELETE: of each group, delete all but the lowest id, and no other order"
    what = f"{place}, the first order of each group is left"
    left = _ids(database)
    got, wanted = ((len(ids), max(ids, default=0)) for ids in (left, first))
    same = sorted(left) == sorted(first)
    yield expect_that(f"{what}: how many, and the highest id", same, str(wanted), got, where)


def _upgraded(submission: Submission) -> tuple[ProbeResult, str]:
    """Upgrade the scratch database while others write; return the result, and how writers fared.

    A transaction that has changed an order is always open, so the upgrade waits at each step
    that waits for writers. Whenever it waits, the next writer starts.
    """
    database = submission.copied_database
    amounts: dict[int, Decimal] = dict(database.rows("orders", "id", "amount"))
    allow_long_waits(database)
    with ThreadPoolExecutor(1) as pool, ExitStack() as held:
        before = held.enter_context(ExitStack())
        before.enter_context(database.session())(_write(amounts, 1))
        upgrade = pool.submit(submission.alembic, "upgrade head", go_on=True)
        writers, order = "they go on", 1
        while writers == "they go on" and _waits(database, upgrade):
            order = order % 5 + 1
            after = held.enter_context(ExitStack())
            write = after.enter_context(database.session())
            write(statement("SET LOCAL lock_timeout TO '3s'"))
            writers = "they wait" if write(_write(amounts, order)).error else "they go on"
            before.close()
            before = after
    return upgrade.result(), writers


def _write(amounts: dict[int, Decimal], order: int) -> Executable:
    """Return a statement that writes an order's amount unchanged."""
    return update("orders", {"amount": amounts[order]}, id=order)


def _waits(database: Database, upgrade: Future[ProbeResult]) -> bool:
    """Wait until the upgrade waits for a lock (True), or has ended."""
    while not upgrade.done():
        if len(locks.queue(database.engine, at_least=2, timeout=0.2)):
            return True
    return False
