"""The starter files and the checks of this lesson."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from coursekit.course.starting_state import starting_state
from coursekit.exercises.items import CheckItem, NotStarted, ProbeResult, expect_equal, expect_that
from coursekit.exercises.submission import Submission
from tutorial_lib.explorer import changes, snapshot
from tutorial_lib.explorer.snapshot import Snapshot

ROWS = """
INSERT INTO users (name, email, password) VALUES
    ('Ann', 'ann@example.com', 'no hash'), ('Ben', 'ben@example.com', 'no hash');
INSERT INTO orders (user_id, amount, status) VALUES
    (1, 24.00, 'paid'), (1, 39.50, 'shipped'), (2, 7.25, 'new');
INSERT INTO carts (user_id, product, quantity) VALUES (1, 'Teapot', 2), (2, 'Cup', 6);
"""
ORDERS = ["1, 24.00, paid", "1, 39.50, shipped", "2, 7.25, new"]
NONE = "nothing"


def _models(*changed: tuple[str, str]) -> str:
    """Return the shop's models with pieces replaced, each (old, new)."""
    source = starting_state("history").files["models.py"]
    for old, new in changed:
        assert old in source, old
        source = source.replace(old, new, 1)
    return source


MISSED = _models(
    ('    shipped = "shipped"\n', '    shipped = "shipped"\n    returned = "returned"\n'),
    (
        '    __tablename__ = "orders"\n',
        '    __tablename__ = "orders"\n'
        '    __table_args__ = (CheckConstraint("amount >= 0", name="amount_not_negative"),)\n',
    ),
    (
        "    quantity: Mapped[int]\n",
        '    quantity: Mapped[int] = mapped_column(server_default="1")\n',
    ),
)
# What `missed-by-autogenerate` changes, and the valid rules of orders.
CHANGED = ("carts.quantity", "orders.ck_orders_amount_not_negative", "order_status")
RULES = """
SELECT conname FROM pg_constraint
WHERE conrelid = 'orders'::regclass AND contype = 'c' AND convalidated ORDER BY conname
"""
PAYMENT = _models(
    (
        "class Order(Base):",
        'class Payment(enum.Enum):\n    card = "card"\n    invoice = "invoice"\n\n\n'
        "class Order(Base):",
    ),
    (
        "    created_at:",
        '    payment: Mapped[Payment] = mapped_column(Enum(Payment, name="payment_kind"))\n'
        "    created_at:",
    ),
)


def _query(engine: Engine, query: str) -> list[str]:
    """Return the rows of a query, each as one string."""
    with engine.connect() as connection:
        return [", ".join(map(str, row)) for row in connection.execute(text(query))]


def _tried(engine: Engine, statement: str) -> ProbeResult:
    """Run a statement and roll it back; return its rows or its error."""
    try:
        return ProbeResult(" ".join(_query(engine, statement)))
    except SQLAlchemyError as error:
        return ProbeResult(error=str(getattr(error, "orig", None) or error).splitlines()[0])


def _orders(engine: Engine) -> list[str]:
    """Return the orders, by the columns that no exercise changes."""
    return _query(engine, "SELECT user_id, amount, status FROM orders ORDER BY id")


def _same(engine: Engine) -> CheckItem:
    """Report whether neither upgrade nor downgrade changed an order."""
    where = "def upgrade and def downgrade: neither should touch what was in an order before"
    return expect_equal("the three orders are the same", _orders(engine), ORDERS, where)


def _values(engine: Engine, column: str) -> list[str]:
    """Return a column's values of the three orders, by id."""
    return _query(engine, f"SELECT {column}::text FROM orders ORDER BY id")  # noqa: S608


def _column(engine: Engine, name: str) -> str:
    """Return a column's type, NOT NULL and default, as the explorer describes it."""
    return snapshot(engine).objects.get(("column", name), "no such column")


def _others(before: Snapshot, after: Snapshot, *wanted: str) -> str:
    """Describe the changes to all objects but the ones with these names."""
    found = [one for one in changes(before, after).all if one.name not in wanted]
    return "; ".join(f"{one.what}: {one.kind} {one.name}" for one in found) or NONE


def _ran(submission: Submission, step: str, *, go_on: bool = False) -> CheckItem:
    """Report whether an Alembic command ran on a copy with rows."""
    result = submission.alembic(step, go_on=go_on)
    way = step.split()[0]
    where = f"def {way}: find the line that fails, and read what the error says"
    if "SyntaxError" in result.error:
        where = f"%alembic {step}, in a new cell: it shows the line that Python cannot read"
    if "NotNull" in result.error:
        where = "what the rows that are there get in a column that must not be NULL"
    if way == "upgrade" and "does not exist" in result.error and "type" in result.error:
        where = "the type of the column: `add_column` does not make it"
    if "already exists" in result.error and "type" in result.error:
        where = "the database has a type of this name already: which of your lines made it?"
        if "order_status" in result.error:
            where = "the database has a type of this name; ALTER TYPE adds a value to it"
    what = f"the {way} runs, with rows in the tables"
    return expect_that(what, not result.error, "no error", result, where)


def _upgraded(submission: Submission) -> tuple[Snapshot, CheckItem]:
    """Upgrade the copy; return the schema before it, and report whether it ran.

    Raises:
        NotStarted: `upgrade` is still empty.

    """
    if not submission.fills("upgrade"):
        raise NotStarted
    before = snapshot(submission.scratch())
    return before, _ran(submission, "upgrade head")


def currency(submission: Submission) -> Iterator[CheckItem]:
    """Check a NOT NULL column on a table with rows, and its downgrade."""
    before, ran = _upgraded(submission)
    yield ran
    if not ran.good:
        return
    engine = submission.scratch_engine
    about = _column(engine, "orders.currency").partition(", default")[0]
    where = "op.add_column: the name of the column, its type, and nullable"
    yield expect_equal(
        "orders has the column currency", about, "character varying(3), not null", where
    )
    if about == "no such column":
        return
    where = "server_default: what the orders get that are there"
    yield expect_equal(
        "the three orders are in EUR", _values(engine, "currency"), ["EUR"] * 3, where
    )
    new = "INSERT INTO orders (user_id, amount) VALUES (1, 5) RETURNING currency"
    where = "server_default: is it still there after the upgrade? The database must know it"
    yield expect_equal(
        "a new order without a currency is in EUR", _tried(engine, new), "EUR", where
    )
    others = _others(before, snapshot(engine), "orders.currency")
    where = "def upgrade: it should make one column, and touch no order"
    yield expect_equal("nothing else has changed", others, NONE, where)
    downgraded = list(_downgraded(submission, before, "is it the opposite of upgrade?"))
    yield from downgraded
    if all(item.good for item in downgraded):
        yield _same(submission.scratch_engine)


def _downgraded(submission: Submission, before: Snapshot, question: str) -> Iterator[CheckItem]:
    """Downgrade the copy, and report whether the schema is as it was before the upgrade."""
    ran = _ran(submission, "downgrade 0003", go_on=True)
    yield ran
    if ran.good:
        left = _others(before, snapshot(submission.scratch_engine))
        what = "the downgrade leaves nothing over, and nothing is missing"
        yield expect_equal(what, left, NONE, f"def downgrade: {question}")


def missed(submission: Submission) -> Iterator[CheckItem]:
    """Check that the revision contains what the draft missed."""
    before, ran = _upgraded(submission)
    yield ran
    if not ran.good:
        return
    engine = submission.scratch_engine
    yield from _statuses(engine)
    yield from _amounts(engine)
    yield from _quantities(engine)
    others = _others(before, snapshot(engine), *CHANGED)
    where = "def upgrade: which of its lines changes or drops something else?"
    yield expect_equal("nothing else has changed", others, NONE, where)
    yield _same(engine)


NEW_ORDER = "INSERT INTO orders (user_id, amount) VALUES (1, {}) RETURNING {}::text"


def _statuses(engine: Engine) -> Iterator[CheckItem]:
    """Report whether orders have the new status, and kept their old ones."""
    back = "UPDATE orders SET status = 'returned' WHERE id = 2 RETURNING status::text"
    where = "models.py, OrderStatus: PostgreSQL has a type of its own, with values of its own"
    yield expect_equal("an order can be returned", _tried(engine, back), "returned", where)
    kept = _tried(engine, "SELECT string_agg(status::text, ' ' ORDER BY id) FROM orders")
    where = "what becomes of the values when a column or a type is dropped"
    yield expect_equal("the three orders kept their status", kept, "paid shipped new", where)
    new = _tried(engine, NEW_ORDER.format("5", "status"))
    yield expect_equal(
        "a new order is new", new, "new", "the default of status: is it still there?"
    )


def _amounts(engine: Engine) -> Iterator[CheckItem]:
    """Report whether the CHECK constraint is there, with its name and its condition."""
    refused = _tried(engine, NEW_ORDER.format("-1", "amount"))
    where = "models.py, Order: its __table_args__ hold a rule, and the database must know it"
    good = "violates check constraint" in refused.error
    yield expect_that(
        "an order of -1.00 is refused", good, "violates check constraint", refused, where
    )
    rules = _query(engine, RULES)
    where = (
        "the name in models.py is the last part; the naming convention writes the rest. And the "
        "rule holds for the rows that are there, too"
    )
    yield expect_equal(
        "the rule has the name of models.py", rules, ["ck_orders_amount_not_negative"], where
    )
    free = _tried(engine, NEW_ORDER.format("0", "amount::numeric(10, 2)"))
    where = "the condition in models.py, sign by sign"
    yield expect_equal("an order of 0.00 is accepted", free, "0.00", where)


def _quantities(engine: Engine) -> Iterator[CheckItem]:
    """Report whether a cart's quantity has its default."""
    cart = "INSERT INTO carts (user_id, product) VALUES (1, 'Kettle') RETURNING quantity"
    where = "models.py, Cart: server_default. This step stood in the draft"
    yield expect_equal("a cart without a quantity holds 1", _tried(engine, cart), "1", where)
    about = _column(engine, "carts.quantity")
    where = "op.alter_column for carts.quantity: what else does it change?"
    yield expect_equal(
        "quantity is as models.py says", about, "integer, not null, default 1", where
    )


def payment(submission: Submission) -> Iterator[CheckItem]:
    """Check a column with an enum, upgraded, downgraded, and upgraded again."""
    before, ran = _upgraded(submission)
    yield ran
    if not ran.good:
        return
    engine = submission.scratch_engine
    where = (
        "models.py: the type of the column, whether it may be NULL, and whether it has a default"
    )
    about = _column(engine, "orders.payment")
    yield expect_equal(
        "orders.payment is as models.py says", about, "payment_kind, not null", where
    )
    if not about.startswith("payment_kind"):
        return
    got = _query(engine, "SELECT enum_range(NULL::payment_kind)::text")
    where = "Payment in models.py: the same values, in the same order"
    yield expect_equal("the type has the values of Payment", got, ["{card,invoice}"], where)
    where = "what the three orders get, before the column becomes NOT NULL"
    yield expect_equal(
        "the three orders are invoices", _values(engine, "payment"), ["invoice"] * 3, where
    )
    yield from _there_again(submission, before)


def _there_again(submission: Submission, before: Snapshot) -> Iterator[CheckItem]:
    """Report whether the revision survives a downgrade and a second upgrade."""
    question = "what has upgrade made in the database? Not only a column"
    ran, *schema = _downgraded(submission, before, question)
    yield from (ran, *schema)
    if not ran.good:
        return
    again = submission.alembic("upgrade head", go_on=True)
    where = "def downgrade: what is left over stands in the way of the next upgrade"
    yield expect_that("the upgrade runs once more", not again.error, "no error", again, where)
    if not again.error and all(item.good for item in schema):
        yield _same(submission.scratch_engine)
