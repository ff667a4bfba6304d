"""The checks of this lesson."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from sqlalchemy import Engine, text

from coursekit.exercises.items import CheckItem, NotStarted, ProbeResult, expect_equal, expect_that
from coursekit.exercises.rehearsal import allow_long_waits
from coursekit.exercises.submission import Submission
from coursekit.lessons.in_ci.starter import (
    BROKEN,
    COUPONS,
    ENV,
    IN_OTHER_WORDS,
    LOSES_CENTS,
    LOSES_ON_THE_WAY_BACK,
    SHOP,
    THREE,
)
from tutorial_lib.explorer import changes, snapshot

READ = "read what the error says, and the file that it names"


def round_trip(submission: Submission) -> Iterator[CheckItem]:
    """Check that three revisions are upgraded, downgraded and upgraded again."""
    if all(submission.files.get(name) == text for name, text in THREE.items()):
        raise NotStarted
    before = snapshot(submission.scratch())
    result = submission.alembic("upgrade head")
    yield expect_that("the three revisions go up", not result.error, "no error", result, READ)
    if result.error:
        return
    made = {
        f"{kind} {name}"
        for kind, name in snapshot(submission.scratch_engine).objects
        if kind in ("table", "index", "constraint") or name == "orders.gift_wrap"
    }
    lost = sorted(MADE - made)
    where = "def upgrade: it was right; begin again, and mend a way back instead"
    yield expect_equal("the way up makes what it made before", lost, [], where)
    result = submission.alembic("downgrade 0003", go_on=True)
    yield expect_that("they go down to 0003", not result.error, "no error", result, READ)
    if result.error:
        return
    found = changes(before, snapshot(submission.scratch_engine)).all
    left = [f"{one.what} {one.kind} {one.name}" for one in found]
    where = "def downgrade of each: is every line of its upgrade taken back?"
    yield expect_equal("after that, the database is as it was before 0004", left, [], where)
    result = submission.alembic("upgrade head", go_on=True)
    yield expect_that("they go up again", not result.error, "no error", result, READ)


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
    cases = (
        ("the way up loses the cents", LOSES_CENTS, "the amount of the order that you put in"),
        ("the way back loses the cents", LOSES_ON_THE_WAY_BACK, "what you look at after the way"),
    )
    wanted = (files for _, files, _ in cases)
    right, reworded, *wrong = submission.pytest({}, IN_OTHER_WORDS, *wanted)
    where = f"the output of %pytest: {READ}"
    yield expect_that(
        "your tests pass with 0004 as it is", not right.error, "they pass", right, where
    )
    if right.error:
        return
    what = "they pass with a 0004 that says the same in other words"
    where = "look at the rows that a revision leaves, and not at its text"
    yield expect_that(what, not reworded.error, "they pass", reworded, where)
    for (what, _, place), result in zip(cases, wrong, strict=True):
        where = f"{place}: would 20.00 show it? And is there an assert after each way?"
        got = result.error or "they pass"
        yield expect_that(f"they fail when {what}", bool(result.error), "they fail", got, where)


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
    done = _state(submission.scratch_engine)
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
    done = _state(submission.scratch_engine)
    yield expect_equal("together they have done the same", done, "at 0004, with coupons", where)
    result = submission.alembic("upgrade head", go_on=True, files=BROKEN)
    got = result.error or "no error"
    where = "what catches its error? Nobody would see that a deployment has failed"
    yield expect_that(
        "a revision that fails still fails", bool(result.error), "an error", got, where
    )


def _state(engine: Engine) -> str:
    with engine.connect() as connection:
        heads = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
        table = connection.scalar(text("SELECT to_regclass('coupons')"))
    return f"at {', '.join(heads)}, {'with' if table else 'without'} coupons"


# Tests the lock: a session can't create the table while another's CREATE isn't committed.
GATE = text("CREATE TABLE coupons ()")
WAITING = text("""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
""")
PATIENCE = 0.7  # seconds for the second to arrive, once the first waits


def _race(submission: Submission) -> tuple[int, list[ProbeResult]]:
    """Start two deployments at the same time, blocked until both have arrived.

    Returns:
        How many finished without an error while they were blocked, and the result of each.

    """
    first = submission.alembic("current")
    if first.error:
        return 0, [first]
    engine = submission.scratch_engine
    allow_long_waits(engine)
    with ThreadPoolExecutor(2) as threads:
        with engine.connect() as gate:
            gate.execute(GATE)
            both = [
                threads.submit(submission.alembic, "upgrade head", go_on=True) for _ in range(2)
            ]
            _wait_for(engine, both)
            early = sum(each.done() and not each.result().error for each in both)
        return early, [each.result() for each in both]


def _wait_for(engine: Engine, both: list[Future[ProbeResult]]) -> None:
    """Wait until both wait, or one does and the other had time to, or one has ended.

    The other gets three times as long as the first took to arrive.
    """
    started, end = time.monotonic(), 0.0
    while not any(each.done() for each in both):
        with engine.connect() as connection:
            waiting = connection.scalar(WAITING)
        now = time.monotonic()
        if waiting and not end:
            end = now + max(PATIENCE, 3 * (now - started))
        if waiting > 1 or (end and now > end):
            return
        time.sleep(0.02)
