"""What the exercises of lesson 11 begin with, and what their checks look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from tutorial_lib.exercises.answer import Answer
from tutorial_lib.exercises.exercise import Item, NotStarted, Outcome, claim, expect, shorten
from tutorial_lib.explorer import snapshot
from tutorial_lib.starts import start_of

USERS = """
INSERT INTO users (name, email, password) VALUES
    ('Ann', 'ann@example.com', 'not a real hash'),
    ('Ben', 'ben@mail.example', 'not a real hash'),
    ('Cleo', 'cleo@example.org', 'not a real hash');
"""
# Ids with gaps, as orders that were cancelled leave them; a few taxes that people have written.
ORDERS = """
INSERT INTO users (name, email, password) VALUES ('Ann', 'ann@example.com', 'not a real hash');
ALTER TABLE orders ADD tax numeric(10, 2);
INSERT INTO orders (id, user_id, amount) SELECT n * 7, 1, 5 + n % 300
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
READ_IT = "alembic/versions: open revision 0004, and find the line that fails"


def _rows(engine: Engine, query: str, **parameters: Any) -> Outcome:
    """Run one statement, as code of the shop would: its rows as lists, or its error."""
    try:
        with engine.begin() as connection:
            done = connection.execute(text(query), parameters)
            return Outcome([list(row) for row in done] if done.returns_rows else [])
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).strip()
        return Outcome(error=shorten(said.splitlines()[0]))


def _begun(answer: Answer) -> bool:
    """Whether there is something of an answer: a file is new, or another one."""
    begin = answer.exercise.begin
    assert begin is not None, "all exercises of this lesson have a database"
    return answer.files != {**start_of(begin.lesson).files, **begin.files}


def _upgraded(answer: Answer, more: str = "") -> Iterator[Item]:
    """Run revision 0004 on a copy; `more` is run in its database before."""
    follows = answer.revisions.get("0004", "there is no revision 0004")
    yield expect("revision 0004 follows 0003", follows, "0003", NEW_REVISION)
    if follows != "0003":
        return
    told = answer.alembic("upgrade 0003")
    if not told.error and more:
        _rows(answer.scratch_engine, more)
    told = told if told.error else answer.alembic("upgrade head", go_on=True)
    where = READ_IT
    if "contains null values" in told.error:
        where = "def upgrade: what stands in the new column, in the rows that are there?"
    yield claim("its upgrade runs, with rows in the table", not told.error, "no error", told, where)


MORE = "INSERT INTO users (name, email, password) VALUES ('Dan', 'dan@shop.example', '-')"
DOMAINS = [
    ["ann@example.com", "example.com"],
    ["ben@mail.example", "mail.example"],
    ["cleo@example.org", "example.org"],
    ["dan@shop.example", "shop.example"],
]


def domain(answer: Answer) -> Iterator[Item]:
    """11.1: a column that is not NULL, with a true value in each row."""
    own = snapshot(answer.engine).things.get(("column", "users.domain"), "no such column")
    if not _begun(answer) and own == "no such column":
        raise NotStarted
    good = True
    for item in _upgraded(answer, MORE):
        good = item.good
        yield item
    if not good:
        return
    wanted = "character varying(100), not null"
    got = snapshot(answer.scratch_engine).things.get(("column", "users.domain"), "no such column")
    where = "def upgrade: its type, and NOT NULL as the last step"
    if "default" in got:
        where = "def upgrade: a default goes into each row that forgets its domain, unseen"
    yield expect("users has the column domain", got, wanted, where)
    if got == "no such column":
        return
    found = _rows(answer.scratch_engine, "SELECT email, domain FROM users ORDER BY email")
    where = "def upgrade: the UPDATE. It must be right for users that you have not seen, too"
    yield expect("each user has the domain of the own e-mail", found, DOMAINS, where)
    where = "%alembic current, and %alembic upgrade head"
    yield expect("your database has it as well", own, wanted, where)


# The session that changes this order is ended in the middle of its batch, the first time.
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


def pieces(answer: Answer) -> Iterator[Item]:
    """11.2: a backfill in batches, which goes on after it was killed."""
    engine = answer.scratch()
    _rows(engine, KILL)
    first = answer.ask(_fill, engine)
    killed = _rows(engine, "SELECT is_called FROM kills").value == [[True]]
    before = _rows(engine, DONE).value or []
    where = ENGINE if killed else first.error or ENGINE
    what = "when its session is ended in the middle, what was done before stays"
    yield claim(what, bool(before), "some orders with a tax", f"{len(before)} of them", where)
    again = answer.ask(_fill, engine)
    where = "fill: the second call finds orders that are done, and others that are not"
    yield claim("a second call runs to its end", not again.error, "no error", again, where)
    after = _rows(engine, DONE).value or []
    yield from _filled(engine)
    per = max([0, *_counts(after)])
    where = "fill: each batch needs a commit of its own"
    yield claim(
        f"no transaction has changed more than {AT_MOST:,} orders",
        0 < per <= AT_MOST,
        f"at most {AT_MOST}",
        f"{per} in one",
        where,
    )
    kept = {tuple(row) for row in before} <= {tuple(row) for row in after}
    where = "fill: its WHERE. What is done needs no second change"
    yield claim("the second call has left alone what was done", kept, "no change", "changes", where)


def _counts(rows: list[list[Any]]) -> list[int]:
    """How many rows each transaction has written."""
    writers = [writer for _, writer in rows]
    return [writers.count(writer) for writer in set(writers)]


def _filled(engine: Engine) -> Iterator[Item]:
    """All orders have a tax, and those that had one have kept it."""
    left = _rows(engine, "SELECT count(*) FROM orders WHERE tax IS NULL")
    where = "fill: ids have gaps, and rows that are done no longer match. Which rows are skipped?"
    yield expect("no order is without a tax", left, [[0]], where)
    query = "SELECT count(*) FROM orders WHERE id % 350 <> 0 AND tax <> round(amount / 6, 2)"
    where = "fill: the sixth part of the amount, rounded to two decimals"
    yield expect("no tax is wrong", _rows(engine, query), [[0]], where)
    query = "SELECT count(*) FROM orders WHERE id % 350 = 0 AND tax <> 0"
    where = "fill: its WHERE. People have written these taxes, with a reason"
    yield expect("taxes that were there before are the same", _rows(engine, query), [[0]], where)


def versions(answer: Answer) -> Iterator[Item]:
    """11.3: two versions of the code use one table, and each sees what the other writes."""
    own = snapshot(answer.engine).things.get(("column", "carts.pieces"))
    if not _begun(answer) and own is None:
        raise NotStarted
    good = True
    for item in _upgraded(answer):
        good = item.good
        yield item
    if not good:
        return
    engine = answer.scratch_engine
    query = "SELECT product, {} FROM carts ORDER BY product"
    there = [["Cup", 6], ["Kettle", 2], ["Teapot", 1]]
    for version, column in (("old", "quantity"), ("new", "pieces")):
        found = _rows(engine, query.format(column))
        where = f"def upgrade: the {version} version reads carts.{column}, from its first second on"
        yield expect(f"the {version} version reads the carts that were there", found, there, where)
        good = good and found.value == there
    if good:
        yield from _written(engine)
    where = "%alembic current, and %alembic upgrade head"
    yield claim("your database has it as well", bool(own), "a column carts.pieces", own, where)


PUT = "INSERT INTO carts (user_id, product, {}) VALUES (3, :product, :n)"
CHANGE = "UPDATE carts SET {} = :n WHERE product = :product"
READ = "SELECT {}, {} FROM carts WHERE product = :product"


def _written(engine: Engine) -> Iterator[Item]:
    """What one version writes, the other reads."""
    sides = (("old", "quantity", "new", "pieces"), ("new", "pieces", "old", "quantity"))
    for place, (writer, write, reader, read) in enumerate(sides):
        product, amount = f"Spoon {place}", 31 + place
        for what, statement in (("puts in", PUT), ("changes", CHANGE)):
            said = _rows(engine, statement.format(write), product=product, n=amount)
            query = READ.format(write, read)
            found = said if said.error else _rows(engine, query, product=product)
            yield expect(
                f"what the {writer} version {what}, the {reader} version finds",
                found,
                [[amount, amount]],
                f"def upgrade: when {write} is written, who writes {read}?",
            )
            amount += 10
        _rows(engine, "UPDATE carts SET user_id = 2 WHERE product = :product", product=product)
    found = _rows(engine, "SELECT count(*) FROM carts WHERE quantity IS DISTINCT FROM pieces")
    where = "def upgrade: what happens when neither of the two is written?"
    yield expect("a change of something else leaves both alone", found, [[0]], where)
