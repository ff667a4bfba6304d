"""The starter files of this lesson, and the checks of two exercises."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from coursekit.exercises.items import CheckItem, NotStarted, ProbeResult, expect_equal, expect_that
from coursekit.exercises.rehearsal import allow_long_waits
from coursekit.exercises.revision_file import revision_file
from coursekit.exercises.submission import Submission
from tutorial_lib import locks

SHOP = """
INSERT INTO users (name, email, password)
SELECT 'User ' || n, 'user' || n || '@example.com', 'none' FROM generate_series(1, 100) n;
INSERT INTO orders (user_id, amount, created_at)
SELECT 1 + n % 100, 1 + n % 50, timestamptz '2026-01-01' + n * interval '1 minute'
FROM generate_series(1, 1000) n;
"""
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
# that also changed the table left its xmin there, and held the strong lock meanwhile.
CHECKS = """
SELECT convalidated, c.xmin::text NOT IN (
    SELECT d.xmin::text FROM pg_depend d
    WHERE d.classid = 'pg_constraint'::regclass AND d.objid = c.oid
    UNION SELECT xmin::text FROM pg_class WHERE oid = conrelid
    UNION SELECT xmin::text FROM pg_attribute WHERE attrelid = conrelid
    UNION SELECT xmin::text FROM pg_attrdef WHERE adrelid = conrelid
) AS apart
FROM pg_constraint c
WHERE conrelid = 'orders'::regclass AND contype = 'c' AND pg_get_constraintdef(oid) ~ 'amount'
"""


def amounts(submission: Submission) -> Iterator[CheckItem]:
    """Check that no amount is below zero, and no session waited while the rows were read."""
    if (
        submission.untouched
        and submission.current_revisions == ["0003"]
        and not submission.rows(CHECKS)
    ):
        raise NotStarted
    yield (new := _new_head(submission, "0003"))
    if not new.good:
        return
    ran = submission.alembic("upgrade head")
    yield expect_that(
        "alembic upgrade head runs on another database", not ran.error, "no error", ran, RUN
    )
    if not ran.error:
        yield from _amounts_there(submission.scratch_engine)
    yield _at_head(submission)
    valid = [row[0] for row in submission.rows(CHECKS)]
    got = "a rule that is NOT VALID" if valid else "no CHECK on orders.amount"
    where = "def upgrade, and when it ran: what was filled in later has not run. Begin again"
    if valid:
        where = "VALIDATE CONSTRAINT, in a revision that follows; then %alembic upgrade head"
    what = "your database has the rule, and it is valid"
    yield expect_that(
        what, valid == [True], "a valid rule", got if valid != [True] else "one", where
    )
    where = "what your revisions do to the rows; begin again to get them back"
    yield expect_equal("no order is gone", submission.rows(LEFT), [(1000, 1000)], where)


def _amounts_there(engine: Engine) -> Iterator[CheckItem]:
    """Report what the revisions did to another database."""
    taken = {amount: _taken(engine, amount) for amount in (-0.01, 0)}
    where = "the rule itself: which amounts does it let in?"
    yield expect_equal("there, -0.01 is refused", taken[-0.01], "refused", where)
    yield expect_equal("there, 0 is taken", taken[0], "taken", where)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(CHECKS))]
    where = "VALIDATE CONSTRAINT: as long as it has not run, the old rows are not known to be good"
    good = bool(found) and all(valid for valid, _ in found)
    got = "a rule that is NOT VALID" if found else "no CHECK on orders.amount"
    yield expect_that("there, the rule is valid for old rows, too", good, "valid", got, where)
    where = (
        "which transaction reads the rows: one command of Alembic is one transaction, unless "
        "env.py or the revision says otherwise; and it keeps the locks of all its steps to its end"
    )
    what = "the rows were read in a later transaction than that of ADD CONSTRAINT"
    if good:
        yield expect_that(what, all(apart for _, apart in found), "two transactions", "one", where)


def _taken(engine: Engine, amount: float) -> str:
    insert = text("INSERT INTO orders (user_id, amount) VALUES (1, :amount)")
    with engine.connect() as connection:  # never committed
        try:
            connection.execute(insert, {"amount": amount})
        except DBAPIError:
            return "refused"
    return "taken"


UNIQUE_INDEX = """    with op.get_context().autocommit_block():
        op.create_index(
            'uq_orders_once',
            'orders',
            ['user_id', 'created_at'],
            unique=True,
            if_not_exists=True,
            postgresql_concurrently=True,
        )
"""
DROP_INDEX = "    op.drop_index('uq_orders_once', table_name='orders')"
((FILE, COLLEAGUE),) = revision_file("0004", "no order twice", UNIQUE_INDEX, DROP_INDEX).items()
AGAIN = """
INSERT INTO orders (user_id, amount, created_at)
SELECT user_id, amount, created_at FROM orders WHERE id IN ({});
"""
# Two users at the same time: no duplicates.
SAME_MOMENT = """
UPDATE orders SET created_at = (SELECT created_at FROM orders WHERE id = 30) WHERE id = 31;
"""
DOUBLED = (
    f"{SHOP}{SAME_MOMENT}{AGAIN.format('7, 8')}UPDATE alembic_version SET version_num = '0004';"  # noqa: S608
)
ELSEWHERE = AGAIN.format("20, 21") + AGAIN.format("21")
RUIN = "CREATE UNIQUE INDEX CONCURRENTLY uq_orders_once ON orders (user_id, created_at)"
UNIQUE = """
SELECT string_agg(a.attname, ', ' ORDER BY a.attname)
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indexrelid
WHERE i.indrelid = 'orders'::regclass AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
      AND NOT i.indisprimary
GROUP BY i.indexrelid
"""
INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
LEFT = "SELECT count(*), max(id) FROM orders"
WRITE = "UPDATE orders SET amount = amount WHERE id = {}"


def ruin(submission: Submission) -> Iterator[CheckItem]:
    """Check that an invalid index is fixed, here and in the other databases."""
    if (
        submission.untouched
        and submission.current_revisions == ["0004"]
        and _left(submission.engine) == (1002, 1002)
    ):
        raise NotStarted
    same = submission.files.get(FILE) == COLLEAGUE
    where = "the other databases have run it, and will not run it again"
    yield expect_that("revision 0004 is as it was", same, "no change", f"a change in {FILE}", where)
    yield (new := _new_head(submission, "0004"))
    if not new.good:
        return
    _make_ruin(submission.scratch_engine)
    ran, writers = _upgraded(submission)
    what = "alembic upgrade head runs on another database, with other doubles"
    yield expect_that(what, not ran.error, "no error", ran, RUN)
    where = (
        "who waits for whom: CONCURRENTLY for the index that goes and the one that comes, no lock "
        "on the whole table, and no row changed that may stay as it is"
    )
    yield expect_equal("writers can go on while it runs", writers, "they go on", where)
    if not ran.error:
        yield from _fixed(submission.scratch_engine, "there")
    yield _at_head(submission)
    yield from _fixed(submission.engine, "in your database")


def _make_ruin(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as outside:
        outside.execute(text(ELSEWHERE))
        with suppress(DBAPIError):
            outside.execute(text(RUIN))


def _fixed(engine: Engine, place: str) -> Iterator[CheckItem]:
    """Report whether a database has the index and the right orders."""
    with engine.connect() as connection:
        ruins = list(connection.scalars(text(INVALID)))
        unique = list(connection.scalars(text(UNIQUE)))
    where = "pg_index: an invalid index must go before another one of its name can come"
    yield expect_equal(f"{place}, no index is invalid", ruins, [], where)
    where = "the new index: is it there, is it unique, and which are its columns?"
    what = f"{place}, a unique index forbids the same user and moment"
    yield expect_that(what, "created_at, user_id" in unique, "created_at, user_id", unique, where)
    where = "the DELETE: of each group all but the lowest id go, and no other order does"
    what, wanted = f"{place}, of each group the first order is left", (1000, 1000)
    yield expect_equal(f"{what}: how many, and the highest id", _left(engine), wanted, where)


def _left(engine: Engine) -> tuple[int, int]:
    """Return the number of orders, and the highest id."""
    with engine.connect() as connection:
        row = connection.execute(text(LEFT)).one()
    return int(row[0]), int(row[1] or 0)


def _upgraded(submission: Submission) -> tuple[ProbeResult, str]:
    """Upgrade the scratch database while others write; return the result, and how writers fared.

    A transaction that has changed an order is always open, so the upgrade waits at each step
    that waits for writers. Whenever it waits, the next writer starts.
    """
    engine = submission.scratch_engine
    allow_long_waits(engine)
    with ThreadPoolExecutor(1) as pool, ExitStack() as held:
        writer = held.enter_context(engine.connect())
        writer.execute(text(WRITE.format(1)))
        upgrade = pool.submit(submission.alembic, "upgrade head", go_on=True)
        writers, order = "they go on", 1
        while writers == "they go on" and _waits(engine, upgrade):
            order = order % 5 + 1
            before, writer = writer, held.enter_context(engine.connect())
            writers = _wrote(writer, order)
            before.close()
    return upgrade.result(), writers


def _waits(engine: Engine, upgrade: Future[ProbeResult]) -> bool:
    """Wait until the upgrade waits for a lock (True), or has ended."""
    while not upgrade.done():
        if len(locks.queue(engine, at_least=2, timeout=0.2)):
            return True
    return False


def _wrote(connection: Connection, order: int) -> str:
    try:
        connection.execute(text("SET LOCAL lock_timeout = '3s'"))
        connection.execute(text(WRITE.format(order)))
    except DBAPIError:
        return "they wait"
    return "they go on"
