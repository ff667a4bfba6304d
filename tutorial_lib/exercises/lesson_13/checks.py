"""What the exercises of lesson 13 begin with, and what their checks look at."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from sqlalchemy import Engine, text

from tutorial_lib.course import lesson_path
from tutorial_lib.exercises.answer import Answer
from tutorial_lib.exercises.exercise import Item, NotStarted, Outcome, claim, expect
from tutorial_lib.explorer import changes, snapshot
from tutorial_lib.starts import start_of

WRITE = "%%writefile "
ENV = "alembic/env.py"
SHOP = start_of("10").files


def written(name: str) -> str:
    """A file as the lesson writes it the first time; the lesson alone holds it."""
    cells = json.loads(lesson_path("13").read_text(encoding="utf-8"))["cells"]
    sources = ("".join(cell["source"]) for cell in cells)
    first = f"{WRITE}{name}\n"
    return next(text.removeprefix(first) + "\n" for text in sources if text.startswith(first))


def revision(number: str, title: str, upgrade: str, downgrade: str) -> dict[str, str]:
    """A revision after the one before: path to text."""
    text = f'''"""{title}"""

import sqlalchemy as sa
from alembic import op

revision = "{number}"
down_revision = "{int(number) - 1:04}"


def upgrade():
{upgrade}

def downgrade():
{downgrade}'''
    return {f"alembic/versions/{number}_{title.replace(' ', '_')}.py": text}


# 13.1: three revisions of which one leaves an index behind
DELIVERY = "alembic/versions/0005_deliveries.py"
THREE = {
    **revision(
        "0004",
        "gift wrap",
        """    wrap = sa.Column("gift_wrap", sa.Boolean(), server_default="false", nullable=False)
    op.add_column("orders", wrap)
""",
        """    op.drop_column("orders", "gift_wrap")
""",
    ),
    **revision(
        "0005",
        "deliveries",
        """    op.create_table(
        "deliveries",
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("orders.id"), primary_key=True),
        sa.Column("day", sa.Date(), nullable=False),
    )
    op.create_index("ix_deliveries_day", "deliveries", ["day"])
    op.create_index("ix_orders_created_at", "orders", ["created_at"])
""",
        """    op.drop_table("deliveries")
""",
    ),
    **revision(
        "0006",
        "ratings",
        """    op.create_table(
        "ratings",
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("orders.id"), primary_key=True),
        sa.Column("stars", sa.Integer(), nullable=False),
    )
    op.create_check_constraint("stars_one_to_five", "ratings", "stars BETWEEN 1 AND 5")
""",
        """    op.drop_table("ratings")
""",
    ),
}

# 13.2: a revision with data in it, and what a test should notice
CENTS = revision(
    "0004",
    "cents",
    """    op.add_column("orders", sa.Column("cents", sa.Integer()))
    op.execute("UPDATE orders SET cents = round(amount * 100)")
    op.alter_column("orders", "cents", nullable=False)
    op.drop_column("orders", "amount")
""",
    """    op.add_column("orders", sa.Column("amount", sa.Numeric(10, 2)))
    op.execute("UPDATE orders SET amount = cents / 100.0")
    op.alter_column("orders", "amount", nullable=False)
    op.drop_column("orders", "cents")
""",
)
TESTED = {
    "pytest.ini": written("pytest.ini"),
    "conftest.py": written("conftest.py"),
    ENV: SHOP[ENV].replace(
        "    connectable = create_engine(get_url(), poolclass=pool.NullPool)",
        """    connectable = config.attributes.get("connection")  # what a test brings along
    if connectable is None:
        connectable = create_engine(get_url(), poolclass=pool.NullPool)""",
    ),
    **CENTS,
}


def broken(right: str, wrong: str) -> dict[str, str]:
    """The revision of 13.2 with a mistake in it."""
    ((path, text),) = CENTS.items()
    return {path: text.replace(right, wrong)}


IN_OTHER_WORDS = {
    path: text.replace("round(amount * 100)", "(amount * 100)::integer").replace(
        "cents / 100.0", "cents::numeric / 100"
    )
    for path, text in CENTS.items()
}
LOSES_CENTS = broken("round(amount * 100)", "ceil(amount) * 100")
LOSES_ON_THE_WAY_BACK = broken("cents / 100.0", "cents / 100")

# 13.3: a revision that two deployments want to run, and one that nobody can
BROKEN = revision("0005", "broken", '    op.drop_table("nothing")\n', "    pass\n")
COUPONS = revision(
    "0004",
    "coupons",
    """    op.create_table("coupons", sa.Column("code", sa.String(20), primary_key=True))
""",
    """    op.drop_table("coupons")
""",
)

READ = "read what the error says, and the file that it names"


def round_trip(answer: Answer) -> Iterator[Item]:
    """13.1: three revisions go up, down and up again."""
    if all(answer.files.get(name) == text for name, text in THREE.items()):
        raise NotStarted
    before = snapshot(answer.scratch())
    told = answer.alembic("upgrade head")
    yield claim("the three revisions go up", not told.error, "no error", told, READ)
    if told.error:
        return
    made = {
        f"{kind} {name}"
        for kind, name in snapshot(answer.scratch_engine).things
        if kind in ("table", "index", "constraint") or name == "orders.gift_wrap"
    }
    lost = sorted(MADE - made)
    where = "def upgrade: it was right; begin again, and mend a way back instead"
    yield expect("the way up makes what it made before", lost, [], where)
    told = answer.alembic("downgrade 0003", go_on=True)
    yield claim("they go down to 0003", not told.error, "no error", told, READ)
    if told.error:
        return
    found = changes(before, snapshot(answer.scratch_engine)).all
    left = [f"{one.what} {one.kind} {one.name}" for one in found]
    where = "def downgrade of each: is every line of its upgrade taken back?"
    yield expect("after that, the database is as it was before 0004", left, [], where)
    told = answer.alembic("upgrade head", go_on=True)
    yield claim("they go up again", not told.error, "no error", told, READ)


MADE = {
    "column orders.gift_wrap",
    "table deliveries",
    "index deliveries.ix_deliveries_day",
    "index orders.ix_orders_created_at",
    "table ratings",
    "constraint ratings.ck_ratings_stars_one_to_five",
}


def tested(answer: Answer) -> Iterator[Item]:
    """13.2: tests that pass for a right revision and fail for wrong ones."""
    if not any(_has_test(text) for name, text in answer.files.items() if name[:5] == "test_"):
        raise NotStarted
    cases = (
        ("the way up loses the cents", LOSES_CENTS, "the amount of the order that you put in"),
        ("the way back loses the cents", LOSES_ON_THE_WAY_BACK, "what you look at after the way"),
    )
    wanted = (files for _, files, _ in cases)
    right, reworded, *wrong = answer.pytest({}, IN_OTHER_WORDS, *wanted)
    where = f"the output of %pytest: {READ}"
    yield claim("your tests pass with 0004 as it is", not right.error, "they pass", right, where)
    if right.error:
        return
    what = "they pass with a 0004 that says the same in other words"
    where = "look at the rows that a revision leaves, and not at its text"
    yield claim(what, not reworded.error, "they pass", reworded, where)
    for (what, _, place), told in zip(cases, wrong, strict=True):
        where = f"{place}: would 20.00 show it? And is there an assert after each way?"
        got = told.error or "they pass"
        yield claim(f"they fail when {what}", bool(told.error), "they fail", got, where)


def _has_test(source: str) -> bool:
    """Whether a file has a test; one that is no Python is an attempt."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return True
    return any(isinstance(one, ast.FunctionDef) and one.name[:5] == "test_" for one in nodes)


def turns(answer: Answer) -> Iterator[Item]:
    """13.3: two deployments at once take turns."""
    same = all(answer.files.get(name) == text for name, text in COUPONS.items())
    if same and answer.files.get(ENV) == SHOP[ENV]:
        raise NotStarted
    told = answer.alembic("upgrade head")
    yield claim("one deployment alone runs", not told.error, "no error", told, READ)
    if told.error:
        return
    where = (
        "what env.py does on the connection before context.configure: a transaction that was "
        "begun there, and not ended, takes the migration with it. And does it still run them?"
    )
    done = _state(answer.scratch_engine)
    yield expect("what it did is in the database", done, "at 0004, with coupons", where)
    if done != "at 0004, with coupons":
        return
    early, both = _race(answer)
    where = "who finds the lock taken: does it try again, or leave with the work undone?"
    yield expect("nobody says that it is done while the other is at it", early, 0, where)
    failed = [each.error for each in both if each.error]
    where = (
        "how long the lock is held, and by whom: until the migration is committed, and the same "
        "lock in every process? Whoever comes second has to wait, not to fail"
    )
    yield expect("two deployments at once both end well", failed, [], where)
    done = _state(answer.scratch_engine)
    yield expect("together they have done the same", done, "at 0004, with coupons", where)
    told = answer.alembic("upgrade head", files=BROKEN)
    got = told.error or "no error"
    where = "what catches its error? Nobody would see that a deployment has failed"
    yield claim("a revision that fails still fails", bool(told.error), "an error", got, where)


def _state(engine: Engine) -> str:
    with engine.connect() as connection:
        heads = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
        table = connection.scalar(text("SELECT to_regclass('coupons')"))
    return f"at {', '.join(heads)}, {'with' if table else 'without'} coupons"


# A test of the gate: nobody may create the table while somebody else has, and not committed.
GATE = text("CREATE TABLE coupons ()")
WAITING = text("""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
""")
# Nobody gives up at the gate, however slow this machine is.
UNHURRIED = "ALTER DATABASE {} SET lock_timeout = '20s'"
PATIENCE = 0.7  # seconds for the second to come, once the first waits


def _race(answer: Answer) -> tuple[int, list[Outcome]]:
    """Two deployments that begin at the same moment, held up until both are there.

    How many said that they were done while they were held up, and how each has ended.
    """
    first = answer.alembic("current")
    if first.error:
        return 0, [first]
    engine = answer.scratch_engine
    with engine.begin() as connection:
        connection.execute(text(UNHURRIED.format(engine.url.database)))
    with ThreadPoolExecutor(2) as threads:
        with engine.connect() as gate:
            gate.execute(GATE)
            both = [threads.submit(answer.alembic, "upgrade head", go_on=True) for _ in range(2)]
            _wait_for(engine, both)
            early = sum(each.done() and not each.result().error for each in both)
        return early, [each.result() for each in both]


def _wait_for(engine: Engine, both: list[Future[Outcome]]) -> None:
    """Wait until both wait, or one does and the other had time to; or until one has ended.

    The other gets three times as long as the first has taken to come.
    """
    begun, end = time.monotonic(), 0.0
    while not any(each.done() for each in both):
        with engine.connect() as connection:
            waiting = connection.scalar(WAITING)
        now = time.monotonic()
        if waiting and not end:
            end = now + max(PATIENCE, 3 * (now - begun))
        if waiting > 1 or (end and now > end):
            return
        time.sleep(0.02)
