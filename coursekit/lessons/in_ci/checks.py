"""The checks of this lesson."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from coursekit.exercises import draws
from coursekit.exercises.database import Database, Row
from coursekit.exercises.items import CheckItem, NotStarted, ProbeResult, expect_equal, expect_that
from coursekit.exercises.rehearsal import allow_long_waits
from coursekit.exercises.schema import changes
from coursekit.exercises.statements import statement
from coursekit.exercises.submission import Submission
from coursekit.lessons.in_ci.starter import COUPONS, ENV, SHOP, THREE
from coursekit.lessons.in_ci.variants import (
    failing,
    in_other_words,
    wrong_downgrades,
    wrong_upgrades,
)

READ = "read what the error says, and the file that it names"


def round_trip(submission: Submission) -> Iterator[CheckItem]:
    """Check that three revisions are upgraded, downgraded and upgraded again."""
    if all(submission.files.get(name) == text for name, text in THREE.items()):
        raise NotStarted
    _fill_shop(submission)
    database = submission.copied_database
    before, rows = database.snapshot(), _rows(database)
    result = submission.alembic("upgrade head", go_on=True)
    yield expect_that("the three revisions go up", not result.error, "no error", result, READ)
    if result.error:
        return
    made = {
        f"{kind} {name}"
        for kind, name in database.snapshot().objects
        if kind in ("table", "index", "constraint") or name == "orders.gift_wrap"
    }
    lost = sorted(MADE - made)
    where = "def upgrade: it was right; begin again, and mend a way back instead"
    yield expect_equal("the way up makes what it made before", lost, [], where)
    result = submission.alembic("downgrade 0003", go_on=True)
    yield expect_that("they go down to 0003", not result.error, "no error", result, READ)
    if result.error:
        return
    found = changes(before, database.snapshot())
    left = [f"{one.what} {one.kind} {one.name}" for one in found]
    left += ["other values in users or orders"] * (not left and _rows(database) != rows)
    where = "def downgrade of each: is every line of its upgrade taken back?"
    yield expect_equal("after that, the database is as it was before 0004", left, [], where)
    result = submission.alembic("upgrade head", go_on=True)
    yield expect_that("they go up again", not result.error, "no error", result, READ)


def _fill_shop(submission: Submission) -> None:
    """Add customers and orders that a downgrade must leave as they are."""
    random = submission.random
    people = [{"id": 1000 + place, **one} for place, one in enumerate(draws.users(random))]
    submission.fill("users", people)
    submission.fill(
        "orders",
        [{"user_id": random.choice(people)["id"], "amount": one} for one in draws.amounts(random)],
    )


def _rows(database: Database) -> tuple[list[Row], list[Row]]:
    users = database.rows("users", "id", "name", "email", "password", by="id")
    return users, database.rows("orders", "id", "user_id", "amount", "created_at", by="id")


MADE = {
    "column orders.gift_wrap",
    "table deliveries",
    "index deliveries.ix_deliveries_day",
    "index orders.ix_orders_created_at",
    "table ratings",
    "constraint ratings.ck_ratings_stars_one_to_five",
}


def tested(submission: Submission) -> Iterator[CheckItem]:
    """Check tests that pass for a right revision and fail for wrong ones."""
    if not any(_has_test(text) for name, text in submission.files.items() if name[:5] == "test_"):
        raise NotStarted
    random = submission.random
    ups, downs = wrong_upgrades(random), wrong_downgrades(random)
    right, reworded, *wrong = _in_any_order(submission, {}, in_other_words(random), *ups, *downs)
    where = f"the output of %pytest: {READ}"
    yield expect_that(
        "your tests pass with 0004 as it is", not right.error, "they pass", right, where
    )
    if right.error:
        return
    what = "they pass with a 0004 that says the same in other words"
    where = "look at the rows that a revision leaves, and not at its text"
    yield expect_that(what, not reworded.error, "they pass", reworded, where)
    yield _noticed("the way up", "the amount of the order that you put in", wrong[: len(ups)])
    yield _noticed("the way back", "what you look at after the way", wrong[len(ups) :])


def _in_any_order(submission: Submission, *variants: Mapping[str, str]) -> list[ProbeResult]:
    """Run the tests on variants in an order that they can't know; return the results in ours."""
    order = submission.random.sample(range(len(variants)), len(variants))
    results = submission.pytest(*(variants[place] for place in order))
    return [results[order.index(place)] for place in range(len(variants))]


def _noticed(way: str, place: str, results: list[ProbeResult]) -> CheckItem:
    """Report whether the tests fail with each of the mistakes on one way."""
    where = f"{place}: would 20.00 show it? And is there an assert after each way?"
    passed = [result for result in results if not result.error]
    got = "they pass" if passed else results[0].error
    return expect_that(f"they fail when {way} loses the cents", not passed, "they fail", got, where)


def _has_test(source: str) -> bool:
    """Return whether a file has a test; a syntax error counts as an attempt."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return True
    return any(isinstance(one, ast.FunctionDef) and one.name[:5] == "test_" for one in nodes)


def turns(submission: Submission) -> Iterator[CheckItem]:
    """Check that of two deployments at once, one waits for the other."""
    same = all(submission.files.get(name) == text for name, text in COUPONS.items())
    if same and submission.files.get(ENV) == SHOP[ENV]:
        raise NotStarted
    result = submission.alembic("upgrade head")
    yield expect_that("one deployment alone runs", not result.error, "no error", result, READ)
    if result.error:
        return
    where = (
        "what env.py does on the connection before context.configure: a transaction that was "
        "begun there, and not ended, takes the migration with it. And does it still run them?"
    )
    done = _state(submission.copied_database)
    yield expect_equal("what it did is in the database", done, "at 0004, with coupons", where)
    if done != "at 0004, with coupons":
        return
    early, both = _race(submission)
    where = "who finds the lock taken: does it try again, or leave with the work undone?"
    yield expect_equal("nobody says that it is done while the other is at it", early, 0, where)
    failed = [each.error for each in both if each.error]
    where = (
        "how long the lock is held, and by whom: until the migration is committed, and the same "
        "lock in every process? Whoever comes second has to wait, not to fail"
    )
    yield expect_equal("two deployments at once both end well", failed, [], where)
    done = _state(submission.copied_database)
    yield expect_equal("together they have done the same", done, "at 0004, with coupons", where)
    result = submission.alembic("upgrade head", go_on=True, files=failing(submission.random))
    got = result.error or "no error"
    where = "what catches its error? Nobody would see that a deployment has failed"
    yield expect_that(
        "a revision that fails still fails", bool(result.error), "an error", got, where
    )


def _state(database: Database) -> str:
    table, column = "alembic_version", "version_num"
    heads = [str(one) for (one,) in database.rows(table, column, by=column)]
    return f"at {', '.join(heads)}, {'with' if database.has('coupons') else 'without'} coupons"


# Tests the lock: a session can't create the table while another's CREATE isn't committed.
GATE = "CREATE TABLE public.coupons ()"
WAITING = "SELECT datname, wait_event_type FROM pg_catalog.pg_stat_activity"
# Seconds for the second to arrive, once the first waits. The second may be waiting for a lock
# already, with a timeout of its own, which must not run out because this machine is slow.
PATIENCE, LONGEST = 0.7, 12.0


def _race(submission: Submission) -> tuple[int, list[ProbeResult]]:
    """Start two deployments at the same time, blocked until both have arrived.

    Returns:
        How many finished without an error while they were blocked, and the result of each.

    """
    first = submission.alembic("current")
    if first.error:
        return 0, [first]
    database = submission.copied_database
    allow_long_waits(database)
    with ThreadPoolExecutor(2) as threads:
        with database.session() as gate:
            gate(statement(GATE))
            both = [
                threads.submit(submission.alembic, "upgrade head", go_on=True) for _ in range(2)
            ]
            _wait_for(database, both)
            early = sum(each.done() and not each.result().error for each in both)
        return early, [each.result() for each in both]


def _wait_for(database: Database, both: list[Future[ProbeResult]]) -> None:
    """Wait until both wait, or one does and the other had time to, or one has ended.

    The other gets three times as long as the first took to arrive, but at most LONGEST.
    """
    started, end = time.monotonic(), 0.0
    while not any(each.done() for each in both):
        waiting = database.query(WAITING).count((database.url.database, "Lock"))
        now = time.monotonic()
        if waiting and not end:
            end = now + min(max(PATIENCE, 3 * (now - started)), LONGEST)
        if waiting > 1 or (end and now > end):
            return
        time.sleep(0.02)
