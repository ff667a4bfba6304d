"""The starter files and the checks of this lesson."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from coursekit.course.starting_state import starting_state
from coursekit.exercises.items import (
    CheckItem,
    NotStarted,
    ProbeResult,
    expect_equal,
    expect_that,
    shorten,
)
from coursekit.exercises.submission import Submission
from tutorial_lib.explorer import snapshot

USERS = """
INSERT INTO users (name, email, password) VALUES
    ('Ann', 'ann@example.com', 'not a real hash'),
    ('Ben', 'ben@mail.example', 'not a real hash'),
    ('Cleo', 'cleo@example.org', 'not a real hash');
"""
# Ids with gaps, as cancelled orders leave them, and a few taxes entered by hand.
ORDERS = """
INSERT INTO users (name, email, password) VALUES ('Ann', 'ann@example.com', 'not a real hash');
ALTER TABLE orders ADD tax numeric(10, 2);
INSERT INTO orders (id, user_id, amount) SELECT n * 7, 1, 5 + n % 300 + n % 4 * 0.27
FROM generate_series(1, 5000) AS n;
UPDATE orders SET tax = 0 WHERE id % 350 = 0;
"""
CARTS = (
    USERS
    + """
INSERT INTO carts VALUES (1, 'Teapot', 1), (1, 'Cup', 6), (2, 'Kettle', 2);
"""
)
NEW_REVISION = '%alembic revision -m "..." --rev-id 0004, and down_revision in its file'
STALE = "what ran here was an earlier form of the revision: begin again, and run your answer"
READ_IT = "alembic/versions: open revision 0004, and find the line that fails"


def _rows(engine: Engine, query: str, **parameters: Any) -> ProbeResult:
    """Run and commit one statement; return its rows as lists, or its error."""
    try:
        with engine.begin() as connection:
            done = connection.execute(text(query), parameters)
            return ProbeResult([list(row) for row in done] if done.returns_rows else [])
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).strip()
        return ProbeResult(error=shorten(said.splitlines()[0]))


def _number(result: ProbeResult) -> ProbeResult:
    """Return the only number of a result, or its error."""
    return result if result.error else ProbeResult(result.value[0][0])


def _upgraded(
    submission: Submission, more: str = "", files: Mapping[str, str] | None = None
) -> Iterator[CheckItem]:
    """Run revision 0004 on a copy with `files`, after the SQL in `more`."""
    follows = submission.revisions.get("0004", "there is no revision 0004")
    yield expect_equal("revision 0004 follows 0003", follows, "0003", NEW_REVISION)
    if follows != "0003":
        return
    result = submission.alembic("upgrade 0003", files=files)
    if not result.error and more:
        _rows(submission.scratch_engine, more)
    result = result if result.error else submission.alembic("upgrade head", go_on=True)
    where = READ_IT
    if "contains null values" in result.error:
        where = "def upgrade: what stands in the new column, in the rows that are there?"
    if LATER in result.error:
        where = "def upgrade: it imports the model, which will have more columns one day"
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
FALSE = "SELECT count(*) FROM users WHERE domain IS DISTINCT FROM split_part(email, '@', 2)"
MORE = "INSERT INTO users (name, email, password) VALUES ('Dan', 'dan@shop.example', '-')"
DOMAINS = [
    ["ann@example.com", "example.com"],
    ["ben@mail.example", "mail.example"],
    ["cleo@example.org", "example.org"],
    ["dan@shop.example", "shop.example"],
]


def domain(submission: Submission) -> Iterator[CheckItem]:
    """Check a NOT NULL column, with the right value in each row."""
    own = snapshot(submission.engine).objects.get(("column", "users.domain"), "no such column")
    if submission.untouched and own == "no such column":
        raise NotStarted
    good = True
    for item in _upgraded(submission, MORE, GROWN):
        good = item.good
        yield item
    if not good:
        return
    wanted = "character varying(100), not null"
    got = snapshot(submission.scratch_engine).objects.get(
        ("column", "users.domain"), "no such column"
    )
    where = "def upgrade: its type, and NOT NULL as the last step"
    if "default" in got:
        where = "def upgrade: a default goes into each row that forgets its domain, unseen"
    if "generated" in got:
        where = "def upgrade: a generated column is no column that people can write"
    yield expect_equal("users has the column domain", got, wanted, where)
    if got == "no such column":
        return
    found = _rows(submission.scratch_engine, "SELECT email, domain FROM users ORDER BY email")
    where = "def upgrade: the UPDATE. It must be right for users that you have not seen, too"
    yield expect_equal("each user has the domain of the own e-mail", found, DOMAINS, where)
    where = STALE if own != "no such column" else "%alembic current, and %alembic upgrade head"
    yield expect_equal("your database has it as well", own, wanted, where)
    if own == wanted:
        wrong = _rows(submission.engine, FALSE)
        yield expect_equal("no user of your database has another domain", _number(wrong), 0, STALE)


# The first session that changes this order is terminated in the middle of its batch.
KILL = """
CREATE SEQUENCE kills;
CREATE FUNCTION kill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('kills') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER kill AFTER UPDATE ON orders FOR EACH ROW WHEN (NEW.id = 24493)
EXECUTE FUNCTION kill();
"""
DONE = "SELECT id, xmin::text FROM orders WHERE tax IS NOT NULL AND id % 350 <> 0 ORDER BY id"
AT_MOST = 1000
ENGINE = "fill: does it use the engine that it gets, and does it commit?"


def _fill(names: dict[str, Any], engine: Engine) -> None:
    names["fill"](engine)


def pieces(submission: Submission) -> Iterator[CheckItem]:
    """Check a backfill in batches, which resumes after it was killed."""
    engine = submission.scratch()
    _rows(engine, KILL)
    first = submission.call(_fill, engine)
    killed = _rows(engine, "SELECT is_called FROM kills").value == [[True]]
    before = _rows(engine, DONE).value or []
    where = ENGINE if killed else first.error or ENGINE
    finished = _rows(engine, "SELECT count(*) FROM orders WHERE tax IS NULL").value == [[0]]
    what = "when its session is ended in the middle, what was done before stays"
    yield expect_that(what, bool(before), "some orders with a tax", f"{len(before)} of them", where)
    good = bool(first.error) or finished or not killed
    what = "a call that was ended says so, or has gone on by itself"
    where = "fill: an error that is caught tells nobody that orders are left"
    yield expect_that(what, good, "an error", first, where)
    again = submission.call(_fill, engine)
    where = "fill: the second call finds orders that are done, and others that are not"
    yield expect_that("a second call runs to its end", not again.error, "no error", again, where)
    after = _rows(engine, DONE).value or []
    yield from _filled(engine)
    per = max([0, *_counts(after)])
    where = "fill: each batch needs a commit of its own" if per else again.error or ENGINE
    yield expect_that(
        f"no transaction has changed more than {AT_MOST:,} orders",
        0 < per <= AT_MOST,
        f"1 to {AT_MOST}",
        f"{per} in one" if per else "no order was changed",
        where,
    )
    kept = {tuple(row) for row in before} <= {tuple(row) for row in after}
    where = "fill: its WHERE. What is done needs no second change"
    yield expect_that(
        "the second call has left alone what was done", kept, "no change", "changes", where
    )


def _counts(rows: list[list[Any]]) -> list[int]:
    """Return the number of rows that each transaction wrote."""
    writers = [writer for _, writer in rows]
    return [writers.count(writer) for writer in set(writers)]


def _filled(engine: Engine) -> Iterator[CheckItem]:
    """Report whether all orders have a tax, and kept the one they had."""
    left = _rows(engine, "SELECT count(*) FROM orders WHERE tax IS NULL")
    where = "fill: ids have gaps, and rows that are done no longer match. Which rows are skipped?"
    yield expect_equal("no order is without a tax", _number(left), 0, where)
    query = "SELECT count(*) FROM orders WHERE id % 350 <> 0 AND tax <> round(amount / 6, 2)"
    where = "fill: the sixth part of the amount, rounded to two decimals as round() of SQL does it"
    yield expect_equal("no tax is wrong", _number(_rows(engine, query)), 0, where)
    query = "SELECT count(*) FROM orders WHERE id % 350 = 0 AND tax <> 0"
    where = "fill: its WHERE. People have written these taxes, with a reason"
    changed = _number(_rows(engine, query))
    yield expect_equal("taxes that were there before are the same", changed, 0, where)


def versions(submission: Submission) -> Iterator[CheckItem]:
    """Check that two versions of the code share a table, and each sees what the other writes."""
    own = snapshot(submission.engine).objects.get(("column", "carts.pieces"))
    if submission.untouched and own is None:
        raise NotStarted
    good = True
    for item in _upgraded(submission):
        good = item.good
        yield item
    if not good:
        return
    engine = submission.scratch_engine
    query = "SELECT product, {} FROM carts ORDER BY product"
    there = [["Cup", 6], ["Kettle", 2], ["Teapot", 1]]
    for version, column in (("old", "quantity"), ("new", "pieces")):
        found = _rows(engine, query.format(column))
        where = f"def upgrade: the {version} version reads carts.{column}, from its first second on"
        yield expect_equal(
            f"the {version} version reads the carts that were there", found, there, where
        )
        good = good and found.value == there
    if good:
        yield from _written(engine)
    where = "%alembic current, and %alembic upgrade head"
    yield expect_that(
        "your database has it as well", bool(own), "a column carts.pieces", own, where
    )
    if own:
        same = _rows(engine, TRIGGERS) == _rows(submission.engine, TRIGGERS)
        differ = _number(_rows(submission.engine, DIFFER))
        good = same and differ.value == 0
        got = f"{differ} carts that differ, and {'the same' if same else 'other'} triggers"
        yield expect_that(
            "your database is as your revision makes it", good, "no difference", got, STALE
        )


DIFFER = "SELECT count(*) FROM carts WHERE quantity IS DISTINCT FROM pieces"
TRIGGERS = """
SELECT pg_get_triggerdef(t.oid), prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid
WHERE tgrelid = 'carts'::regclass AND NOT tgisinternal ORDER BY 1
"""


PUT = "INSERT INTO carts (user_id, product, {}) VALUES (3, :product, :n)"
CHANGE = "UPDATE carts SET {} = :n WHERE product = :product"
READ = "SELECT {}, {} FROM carts WHERE product = :product"


def _written(engine: Engine) -> Iterator[CheckItem]:
    """Report whether each version reads what the other one writes."""
    sides = (("old", "quantity", "new", "pieces"), ("new", "pieces", "old", "quantity"))
    for place, (writer, write, reader, read) in enumerate(sides):
        product, amount = f"Spoon {place}", 31 + place
        for what, statement in (("puts in", PUT), ("changes", CHANGE)):
            said = _rows(engine, statement.format(write), product=product, n=amount)
            query = READ.format(write, read)
            found = said if said.error else _rows(engine, query, product=product)
            yield expect_equal(
                f"what the {writer} version {what}, the {reader} version finds",
                found,
                [[amount, amount]],
                f"def upgrade: when {write} is written, who writes {read}?",
            )
            amount += 10
        _rows(engine, "UPDATE carts SET user_id = 2 WHERE product = :product", product=product)
    differ = _number(_rows(engine, DIFFER))
    where = "def upgrade: what happens when neither of the two is written?"
    got = f"{differ} carts in which the two differ"
    yield expect_that(
        "a change of something else leaves both alone", differ.value == 0, "0", got, where
    )
