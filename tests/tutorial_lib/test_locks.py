"""The lock queue, and schema changes with a short lock timeout and retries."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, inspect, text

from coursekit.course.alembic_command import run_alembic
from coursekit.course.catalog import lesson_path
from coursekit.course.lesson import Lesson
from coursekit.course.opening import start
from tutorial_lib import locks
from tutorial_lib.db import make_engine
from tutorial_lib.locks import Queue, QueuedSession

READ = "SELECT count(*) FROM orders"
ADD = "ALTER TABLE orders ADD COLUMN note text"


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """A database with a table of orders."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id int PRIMARY KEY, amount int)"))
        connection.execute(text("INSERT INTO orders VALUES (1, 10), (2, 20)"))
    return engine


@contextmanager
def queued(
    engine: Engine, first: str, *others: str, beside: Engine | None = None
) -> Iterator[Queue]:
    """Yield the queue while `first` is in an open transaction and the others wait behind it.

    Args:
        engine: The database.
        first: The statement that doesn't wait.
        others: The statements that wait, in order.
        beside: An engine on which another transaction has read the table and is open.

    """

    def run(statement: str) -> None:
        with engine.begin() as connection:
            connection.execute(text(statement))

    seen = Queue()
    with ThreadPoolExecutor() as background, ExitStack() as idle:
        for one, statement in [(beside, READ), (engine, first)]:
            if one is not None:
                idle.enter_context(one.connect()).execute(text(statement))
        for length, statement in enumerate(others, start=3 if beside else 2):
            background.submit(run, statement)
            seen = locks.queue(engine, at_least=length)
        yield seen


@contextmanager
def report(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that has read the orders."""
    with engine.connect() as connection:
        connection.execute(text(READ))
        yield connection


def columns(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [column["name"] for column in inspect(connection).get_columns("orders")]


def test_without_a_wait_there_is_no_queue(shop: Engine) -> None:
    with report(shop):
        queue = locks.queue(shop)
    assert len(queue) == 0
    assert repr(queue) == "No session is waiting for a lock."
    assert queue.mermaid() == ""
    assert queue.html() == "<p>No session is waiting for a lock.</p>"
    assert len(queue.frame()) == 0


def test_readers_wait_behind_a_change_that_waits_behind_a_reader(shop: Engine) -> None:
    with queued(shop, READ, ADD, READ) as queue:
        pass
    assert repr(queue).splitlines() == [
        "1  idle in transaction, holds AccessShareLock on orders",
        "   SELECT count(*) FROM orders",
        "2  waits behind 1 for AccessExclusiveLock on orders",
        "   ALTER TABLE orders ADD COLUMN note text",
        "3  waits behind 2 for AccessShareLock on orders",
        "   SELECT count(*) FROM orders",
    ]
    assert queue.mermaid().splitlines()[2:] == [
        '    s1["1 SELECT count(*) FROM orders<br>idle in transaction'
        '<br>holds AccessShareLock on orders"]',
        '    s2["2 ALTER TABLE orders ADD COLUMN note text"]',
        '    s3["3 SELECT count(*) FROM orders"]',
        '    s2 -->|"AccessExclusiveLock on orders"| s1',
        '    s3 -->|"AccessShareLock on orders"| s2',
    ]
    assert queue.frame()["blocked_by"].to_list() == ["", "1", "2"]
    assert queue.html().count("<li>") == 3


def test_a_writer_waits_for_the_end_of_a_transaction(shop: Engine) -> None:
    write = "UPDATE orders SET amount = amount WHERE id = 1"
    with queued(shop, write, write) as queue:
        pass
    assert [one.description for one in queue.sessions] == [
        "idle in transaction",
        "waits behind 1 for the end of a transaction",
    ]


def test_a_session_can_wait_behind_several(shop: Engine) -> None:
    with queued(shop, READ, ADD, beside=shop) as queue:
        last = queue.sessions[-1]
    assert last.description.startswith("waits behind 1 and 2 for ")
    assert [one.position for one in queue.root_blockers(last.pid)] == [1, 2]


def test_a_session_that_is_ended_frees_those_behind_it(shop: Engine) -> None:
    with ThreadPoolExecutor() as background, shop.connect() as idle:
        idle.execute(text(READ))
        idle.detach()  # it'll be terminated, so the pool must not reuse it
        change = background.submit(locks.with_lock_retries, shop, ADD, lock_timeout=5)
        (first, _) = locks.queue(shop, at_least=2).sessions
        with shop.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": first.pid})
        assert change.result() == 1
        idle.invalidate()


def test_an_application_is_shown_by_its_name(shop: Engine) -> None:
    named = make_engine(shop.url.update_query_dict({"application_name": "nightly report"}))
    with queued(shop, READ, ADD, beside=named) as queue:
        pass
    named.dispose()
    assert queue.sessions[0].activity == "nightly report: SELECT count(*) FROM orders"


def test_blockers_do_not_count_as_waiting(shop: Engine) -> None:
    started = time.monotonic()
    with queued(shop, READ, ADD, beside=shop) as seen:
        assert len(seen) == 3
        found = locks.queue(shop, waiting=2, timeout=0.2)
    assert [bool(one.waiting_for) for one in found.sessions] == [False, False, True]
    assert time.monotonic() - started > 0.2
    with queued(shop, READ, ADD, READ):
        found = locks.queue(shop, waiting=2)
    assert [bool(one.waiting_for) for one in found.sessions] == [False, True, True]


def test_polling_ends_at_the_timeout(shop: Engine) -> None:
    assert len(locks.queue(shop, at_least=2, timeout=0.1)) == 0


@pytest.mark.parametrize(
    ("statement", "statement_prefix"),
    [
        ("SELECT *\n  FROM users", "SELECT * FROM users"),
        ("SELECT * FROM users WHERE email = 'a@b.c'", "SELECT * FROM users WHERE email ="),
        ("SELECT * FROM users WHERE id = 42", "SELECT * FROM users WHERE id ="),
        ("SELECT * FROM t2 WHERE n = -.5", "SELECT * FROM t2 WHERE n ="),
        ("SELECT E'secret'", "SELECT"),
        ("DO $$ secret $$", "DO"),
        ("/* user 42 */ SELECT a -- 'b'\nFROM c", "SELECT a FROM c"),
        ('SELECT "2nd" FROM t', 'SELECT "2nd" FROM t'),
        ("x" * 100, "x" * 60),
        ("", ""),
    ],
)
def test_a_statement_is_cut_before_its_first_value(statement: str, statement_prefix: str) -> None:
    assert locks.statement_prefix(statement) == statement_prefix


def test_a_picture_escapes_what_a_statement_contains() -> None:
    does = 'SELECT "a" FROM b WHERE c < d'
    queue = Queue((QueuedSession(1, 11, does, "active", "", (), ()),))
    assert "1 SELECT 'a' FROM b WHERE c #lt; d" in queue.mermaid()
    assert "c &lt; d" in queue.html()


def test_in_a_deadlock_the_direct_blockers_are_named() -> None:
    ring = [QueuedSession(n, n, "", "active", "a lock", (n % 3 + 1,), ()) for n in (1, 2, 3)]
    assert Queue(tuple(ring)).root_blockers(1) == (ring[1],)


# -- the env.py that lesson 12 recommends

STEPS = {
    "in a transaction": 'op.execute("ALTER TABLE orders ADD COLUMN note text")',
    "outside of one": "with op.get_context().autocommit_block():\n"
    '        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_orders_amount")\n'
    '        op.execute("CREATE INDEX CONCURRENTLY ix_orders_amount ON orders (amount)")',
}


def patient_env(source: str) -> str:
    """Return an env.py whose online part is the one lesson 12 shows."""
    cells = json.loads(lesson_path("12").read_text(encoding="utf-8"))["cells"]
    cell = next("".join(c["source"]) for c in cells if "def migrate(" in "".join(c["source"]))
    found = re.search(r"```python\n(.*?)```", cell, re.S)
    assert found
    code = found.group(1).replace("locks.with_lock_retries(", "    locks.with_lock_retries(")
    define, call = code.split("\n\n\n")
    before, _, after = source.partition("def run_migrations_online():")
    main = after[after.index("\n\nif context.is_offline") :]
    code = f"{define}\n\n\ndef run_migrations_online():\n{call}"
    return f"{before}from tutorial_lib import locks\n\n{code}\n{main}"


def write_revision(project: Path, step: str) -> None:
    head = "from alembic import op\nrevision = '0004'\ndown_revision = '0003'\n"
    text = f"{head}\n\ndef upgrade():\n    {step}\n"
    (project / "alembic" / "versions" / "0004_new.py").write_text(text, encoding="utf-8")


@pytest.fixture
def patient(workspace: Path) -> Iterator[Callable[[str], Lesson]]:
    """Create the shop's project with that env.py and one more revision."""
    opened: list[Lesson] = []

    def make(step: str) -> Lesson:
        opened.append(start("history"))
        env = opened[0].project / "alembic" / "env.py"
        env.write_text(patient_env(env.read_text("utf-8")), encoding="utf-8")
        write_revision(opened[0].project, step)
        return opened[0]

    yield make
    opened[0].engine.dispose()


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_alembic_retries_until_the_lock_is_free(
    patient: Callable[[str], Lesson], step: str
) -> None:
    shop = patient(step)
    with ThreadPoolExecutor() as background, shop.engine.connect() as writer:
        writer.execute(text("LOCK TABLE orders IN ROW EXCLUSIVE MODE"))
        done = background.submit(run_alembic, "upgrade head", shop.project)
        assert len(locks.queue(shop.engine, at_least=2, timeout=300)) == 2
        while len(locks.queue(shop.engine)):
            pass  # until the first try has given up
        writer.close()
        printed = done.result()
    assert printed.count("Running upgrade 0003 -> 0004") >= 2
    with shop.engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "0004"
        assert connection.scalar(text("SELECT bool_and(indisvalid) FROM pg_index"))
