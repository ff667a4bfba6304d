"""The starter files and the checks of this lesson."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

from sqlalchemy import Engine

from coursekit.course.starting_state import starting_state
from coursekit.exercises import draws
from coursekit.exercises.database import Database, Row
from coursekit.exercises.items import (
    CheckItem,
    NotStarted,
    expect_equal,
    expect_that,
)
from coursekit.exercises.literal_rows import insert_rows
from coursekit.exercises.statements import statement
from coursekit.exercises.submission import Submission

# Ids with gaps, as cancelled orders leave them, and a few taxes entered by hand.
ORDERS = """
INSERT INTO users (name, email, password) VALUES ('Ann', 'ann@example.com', 'not a real hash');
ALTER TABLE orders ADD tax numeric(10, 2);
INSERT INTO orders (id, user_id, amount) SELECT n * 7, 1, 5 + n % 300 + n % 4 * 0.27
FROM generate_series(1, 5000) AS n;
UPDATE orders SET tax = 0 WHERE id % 350 = 0;
"""
NEW_REVISION = '%alembic revision -m "..." --rev-id 0004, and down_revision in its file'
STALE = "an earlier version of the revision ran here: begin again, then run your answer"
READ_IT = "alembic/versions: open revision 0004, and find the line that fails"


def users(random: Random) -> str:
    """Return a statement that adds three users."""
    return insert_rows("users", draws.people(random, 3))


def upgraded(submission: Submission, files: Mapping[str, str] | None = None) -> Iterator[CheckItem]:
    """Run revision 0004 on a copy with `files`."""
    follows = submission.revisions.get("0004", "there is no revision 0004")
    yield expect_equal("revision 0004 follows 0003", follows, "0003", NEW_REVISION)
    if follows != "0003":
        return
    result = submission.alembic("upgrade 0003", files=files)
    result = result if result.error else submission.alembic("upgrade head", go_on=True)
    where = READ_IT
    if "contains null values" in result.error:
        where = "def upgrade: which value does the new column get in the existing rows?"
    if LATER in result.error:
        where = "def upgrade: it imports the model, which may gain columns later"
    yield expect_that(
        "its upgrade runs, with rows in the table", not result.error, "no error", result, where
    )


# The model as it may be by the time the revision runs on another database.
LATER = "nickname"
MODELS = starting_state("history").files["models.py"]
GROWN = {
    "models.py": MODELS.replace(
        "    email:", f"    {LATER}: Mapped[str | None] = mapped_column(String(50))\n    email:"
    )
}


def domain(submission: Submission) -> Iterator[CheckItem]:
    """Check a NOT NULL column, with the right value in each row."""
    own = submission.database.column("users.domain")
    if submission.untouched and own == "no such column":
        raise NotStarted
    good = True
    submission.fill("users", draws.users(submission.random))
    for item in upgraded(submission, GROWN):
        good = item.good
        yield item
    if not good:
        return
    wanted = "character varying(100), not null"
    got = submission.copied_database.column("users.domain")
    where = "def upgrade: its type, and NOT NULL as the last step"
    if "default" in got:
        where = "def upgrade: with a default, a row without a domain goes unnoticed"
    if "generated" in got:
        where = "def upgrade: no one can write to a generated column"
    yield expect_equal("users has the column domain", got, wanted, where)
    if got == "no such column":
        return
    found = submission.copied_database.rows("users", "email", "domain", by="id")
    wanted_rows = _domains(submission.new_database("before").rows("users", "email", by="id"))
    where = "def upgrade: the UPDATE. It must also be right for users that you have not seen"
    yield expect_equal(
        "each user has the domain of their own e-mail address", found, wanted_rows, where
    )
    where = STALE if own != "no such column" else "%alembic current, and %alembic upgrade head"
    yield expect_equal("your database also has the column", own, wanted, where)
    if own == wanted:
        yield from _own_domains(submission)


def _own_domains(submission: Submission) -> Iterator[CheckItem]:
    """Report whether the learner's own database has its users, each with the right domain."""
    found = submission.database.rows("users", "email", "domain", by="id")
    wrong = sum(one != right for one, right in zip(found, _domains(found), strict=True))
    yield expect_equal("no user in your database has a wrong domain", wrong, 0, STALE)
    were = _domains(submission.initial_database.rows("users", "email", by="id"))
    left = [one for one in were if one in found]
    yield expect_equal("your three users are still there", left, were, STALE)


def _domains(found: list[Row]) -> list[Row]:
    """Return each user's e-mail with the domain that belongs to it."""
    return [(email, str(email).partition("@")[2]) for email, *_ in found]


# The first session that changes a certain order is terminated in the middle of its batch.
KILL = (
    "CREATE SEQUENCE public.kills",
    """
CREATE FUNCTION public.kill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.nextval('public.kills') OPERATOR(pg_catalog.=) 1::pg_catalog.int8 THEN
        PERFORM pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());
    END IF;
    RETURN NEW;
END $$
""",
    """
CREATE TRIGGER kill AFTER UPDATE ON public.orders FOR EACH ROW
WHEN (NEW.id OPERATOR(pg_catalog.=) {}) EXECUTE FUNCTION public.kill()
""",
)
AT_MOST = 1000
ENGINE = "fill: does it use the engine that is passed to it, and does it commit?"


def _fill(names: dict[str, Any], engine: Engine) -> None:
    names["fill"](engine)


def pieces(submission: Submission) -> Iterator[CheckItem]:
    """Check a backfill in batches, which resumes after it was killed."""
    random = submission.random
    submission.fill("orders", _orders(random))
    engine = submission.scratch()
    database = Database(engine.url)
    fixed = {number: tax for number, _, tax, _ in _state(database) if tax is not None}
    victim = 7 * (50 * random.randrange(60, 95) + random.randrange(1, 50))
    database.commit(*(statement(each.format(victim)) for each in KILL))
    first = submission.call(_fill, engine)
    killed = database.query("SELECT is_called FROM public.kills") == [(True,)]
    before = _done(database, fixed)
    where = ENGINE if killed else first.error or ENGINE
    finished = all(tax is not None for _, _, tax, _ in _state(database))
    what = "if its session is terminated halfway, earlier batches are kept"
    yield expect_that(what, bool(before), "some orders with a tax", f"{len(before)} of them", where)
    good = bool(first.error) or finished or not killed
    what = "an interrupted call raises an error, or resumes on its own"
    where = "fill: if it catches the error, no one learns that orders are left"
    yield expect_that(what, good, "an error", first, where)
    again = submission.call(_fill, engine)
    where = "fill: the second call finds some orders done and others not"
    if not again.ended:
        where = "fill: does its loop end, and how long does one batch take? The check stopped it"
    yield expect_that("a second call runs to its end", not again.error, "no error", again, where)
    after = _done(database, fixed)
    yield from _filled(database, fixed, stopped=bool(again.error))
    per = max([0, *_counts(after)])
    where = "fill: each batch needs a commit of its own" if per else again.error or ENGINE
    yield expect_that(
        f"no transaction has changed more than {AT_MOST:,} orders",
        0 < per <= AT_MOST,
        f"1 to {AT_MOST}",
        f"{per} in one" if per else "no order was changed",
        where,
    )
    kept = set(before) <= set(after)
    where = "fill: its WHERE. Finished orders need no second change"
    yield expect_that(
        "the second call changes no finished order", kept, "no change", "changes", where
    )


def _orders(random: Random) -> list[dict[str, Any]]:
    """Return orders with higher ids than the others, some with a tax entered by hand."""
    amounts = [*draws.amounts(random), *(draws.amount(random) for _ in range(20))]
    first = random.randrange(36_000, 90_000)
    return [
        {"id": first + 3 * place, "user_id": 1, "amount": amount, "tax": tax}
        for place, amount in enumerate(amounts)
        for tax in [draws.amount(random, 9) if place % 4 == 3 else None]
    ]


def _state(database: Database) -> list[Row]:
    """Return each order: id, amount, tax, and the transaction that wrote it."""
    return database.rows("orders", "id", "amount", "tax", "xmin", by="id")


def _done(database: Database, fixed: Mapping[int, Decimal]) -> list[tuple[int, str]]:
    """Return the orders that have got a tax, each with the transaction that wrote it."""
    return [
        (number, str(writer))
        for number, _, tax, writer in _state(database)
        if tax is not None and number not in fixed
    ]


def _counts(rows: list[tuple[int, str]]) -> list[int]:
    """Return the number of rows that each transaction wrote."""
    return list(Counter(writer for _, writer in rows).values())


def _filled(
    database: Database, fixed: Mapping[int, Decimal], *, stopped: bool
) -> Iterator[CheckItem]:
    """Report whether all orders have a tax, and kept the one they had."""
    state = {number: (amount, tax) for number, amount, tax, _ in _state(database)}
    left = sum(tax is None for _, tax in state.values())
    where = "fill: ids have gaps, and rows that are done no longer match. Which rows are skipped?"
    if stopped:
        where = "fill: the second call didn't run to its end. Look into that first"
    yield expect_equal("no order is without a tax", left, 0, where)
    new = [pair for number, pair in state.items() if number not in fixed]
    wrong = sum(tax is not None and tax != _tax(amount) for amount, tax in new)
    where = "fill: a sixth of the amount, rounded to two decimals as SQL's round() does"
    yield expect_equal("no tax is wrong", wrong, 0, where)
    changed = sum(state.get(number, (0, None))[1] != tax for number, tax in fixed.items())
    where = "fill: its WHERE. People entered these taxes by hand, for a reason"
    yield expect_equal("existing taxes are unchanged", changed, 0, where)


def _tax(amount: Decimal) -> Decimal:
    return (amount / 6).quantize(Decimal("0.01"), ROUND_HALF_UP)
