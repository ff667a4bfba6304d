"""The checks of this lesson."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from sqlalchemy import Executable

from coursekit.exercises import draws
from coursekit.exercises.database import Database, Row
from coursekit.exercises.items import CheckItem, NotStarted, ProbeResult, expect_equal, expect_that
from coursekit.exercises.schema import Schema, changes
from coursekit.exercises.statements import insert, select, update
from coursekit.exercises.submission import Submission

NONE = "nothing"
FRESH = "before"  # a scratch database as it is before the upgrade


# What `missed-by-autogenerate` changes, and the valid constraints on orders.
CHANGED = ("carts.quantity", "orders.ck_orders_amount_not_negative", "order_status")


def _first(result: ProbeResult) -> ProbeResult:
    """Return the only value of a result, as text, or its error."""
    return result if result.error else ProbeResult(str(result.value[0][0]))


def _orders(database: Database) -> list[Row]:
    """Return the orders, by the columns that no exercise changes."""
    return database.rows("orders", "id", "user_id", "amount", "status", by="id")


def _drawn(submission: Submission) -> None:
    """Add orders and carts to every scratch database: amounts at their limits, each status."""
    random = submission.random
    statuses = ("new", "paid", "shipped", "paid", "new")
    submission.fill(
        "orders",
        [
            {"user_id": random.randrange(1, 3), "amount": amount, "status": status}
            for amount, status in zip(draws.amounts(random), statuses, strict=True)
        ],
    )
    carts = [{"user_id": 1, "product": name, "quantity": 3} for name in draws.names(random)]
    submission.fill("carts", carts)


def _same(submission: Submission) -> CheckItem:
    """Report whether neither upgrade nor downgrade changed an order."""
    where = "def upgrade and def downgrade: neither should touch what was in an order before"
    was = _orders(submission.new_database(FRESH))
    return expect_equal("the orders are the same", _orders(submission.copied_database), was, where)


def _values(database: Database, column: str) -> set[Any]:
    """Return the different values of a column of the orders."""
    return {value for (value,) in database.rows("orders", column)}


def _others(before: Schema, after: Schema, *wanted: str) -> str:
    """Describe the changes to all objects but the ones with these names."""
    found = [one for one in changes(before, after) if one.name not in wanted]
    return "; ".join(f"{one.what}: {one.kind} {one.name}" for one in found) or NONE


def _ran(submission: Submission, step: str, *, go_on: bool = False) -> CheckItem:
    """Report whether an Alembic command ran on a copy with rows."""
    result = submission.alembic(step, go_on=go_on)
    way = step.split()[0]
    where = f"def {way}: find the line that fails, and read what the error says"
    if "SyntaxError" in result.error:
        where = f"%alembic {step}, in a new cell: it shows the line that Python cannot read"
    if "NotNull" in result.error:
        where = "which value do existing rows get in a column that is NOT NULL?"
    if "is violated by some row" in result.error:
        where = "the condition in models.py, character by character: an existing row violates yours"
    if way == "upgrade" and "does not exist" in result.error and "type" in result.error:
        where = "the column's type: `add_column` does not create it"
    if "already exists" in result.error and "type" in result.error:
        where = "the database already has a type of this name: which of your lines created it?"
        if "order_status" in result.error:
            where = "the database has a type of this name; ALTER TYPE adds a value to it"
    what = f"the {way} runs, with rows in the tables"
    return expect_that(what, not result.error, "no error", result, where)


def _upgraded(submission: Submission) -> tuple[Schema, CheckItem]:
    """Upgrade a copy with more rows; return the schema before, and report whether it ran.

    Raises:
        NotStarted: `upgrade` is still empty.

    """
    if not submission.fills("upgrade"):
        raise NotStarted
    _drawn(submission)
    before = submission.new_database(FRESH).snapshot()
    return before, _ran(submission, "upgrade head")


def currency(submission: Submission) -> Iterator[CheckItem]:
    """Check a NOT NULL column on a table with rows, and its downgrade."""
    before, ran = _upgraded(submission)
    yield ran
    if not ran.good:
        return
    database = submission.copied_database
    about = database.column("orders.currency").partition(", default")[0]
    where = "op.add_column: the name of the column, its type, and nullable"
    yield expect_equal(
        "orders has the column currency", about, "character varying(3), not null", where
    )
    if about == "no such column":
        return
    where = "server_default: which value do existing orders get?"
    found = sorted(map(str, _values(database, "currency")))
    yield expect_equal("the existing orders are in EUR", found, ["EUR"], where)
    new = database.attempt(_order(submission, returning=("currency",)))
    where = "server_default: is it still there after the upgrade? The database needs it"
    yield expect_equal("a new order without a currency is in EUR", _first(new), "EUR", where)
    others = _others(before, database.snapshot(), "orders.currency")
    where = "def upgrade: it should add one column and change no order"
    yield expect_equal("nothing else has changed", others, NONE, where)
    downgraded = list(_downgraded(submission, before, "is it the opposite of upgrade?"))
    yield from downgraded
    if all(item.good for item in downgraded):
        yield _same(submission)


def _downgraded(submission: Submission, before: Schema, question: str) -> Iterator[CheckItem]:
    """Downgrade the copy, and report whether the schema is as it was before the upgrade."""
    ran = _ran(submission, "downgrade 0003", go_on=True)
    yield ran
    if ran.good:
        left = _others(before, submission.copied_database.snapshot())
        what = "the downgrade leaves nothing behind, and nothing is missing"
        yield expect_equal(what, left, NONE, f"def downgrade: {question}")


def missed(submission: Submission) -> Iterator[CheckItem]:
    """Check that the revision contains what the draft missed."""
    before, ran = _upgraded(submission)
    yield ran
    if not ran.good:
        return
    yield from _statuses(submission)
    yield from _amounts(submission)
    yield from _quantities(submission)
    others = _others(before, submission.copied_database.snapshot(), *CHANGED)
    where = "def upgrade: which of its lines changes or drops something else?"
    yield expect_equal("nothing else has changed", others, NONE, where)
    yield _same(submission)


def _order(submission: Submission, *, returning: tuple[str, ...], **values: Any) -> Executable:
    """Return the statement that adds an order, of a drawn amount unless it's given."""
    values = {"amount": draws.amount(submission.random), **values}
    return insert("orders", user_id=1, returning=returning, **values)


def _statuses(submission: Submission) -> Iterator[CheckItem]:
    """Report whether orders have the new status, and kept their old ones."""
    database = submission.copied_database
    back = database.attempt(
        update("orders", {"status": "returned"}, id=2), select("orders", "status", "id", by="id")
    )
    got = back if back.error else {number: status for status, number in back.value}.get(2)
    where = "models.py, OrderStatus: PostgreSQL has its own enum type, with its own values"
    yield expect_equal("an order can be returned", got, "returned", where)
    kept = [row[3] for row in _orders(database)]
    was = [row[3] for row in _orders(submission.new_database(FRESH))]
    where = "what happens to the values when a column or a type is dropped?"
    yield expect_equal("the orders kept their status", " ".join(kept), " ".join(was), where)
    new = _first(database.attempt(_order(submission, returning=("status",))))
    yield expect_equal(
        "a new order is new", new, "new", "the default of status: is it still there?"
    )


def _amounts(submission: Submission) -> Iterator[CheckItem]:
    """Report whether the CHECK constraint is there, with its name and its condition."""
    database, below = submission.copied_database, -draws.amount(submission.random)
    tried = {
        amount: database.attempt(_order(submission, amount=amount, returning=("amount",)))
        for amount in (below, Decimal("-0.01"), Decimal("0.00"), draws.amount(submission.random))
    }
    said = next((one for one in (tried[below], tried[Decimal("-0.01")]) if not one.error), None)
    refused = said or tried[below]
    where = "models.py, Order: its __table_args__ contain a constraint that the database needs"
    good = said is None and "violates check constraint" in refused.error
    yield expect_that(
        "an order below zero is refused",
        good,
        f"violates check constraint: {below}",
        refused,
        where,
    )
    where = (
        "the name in models.py is the last part; the naming convention adds the rest. And the "
        "constraint must be valid for existing rows"
    )
    yield expect_equal(
        "the constraint has the name from models.py",
        _valid_rules(database),
        ["ck_orders_amount_not_negative"],
        where,
    )
    where = "the condition in models.py, character by character"
    others = [amount for amount in tried if amount >= 0]
    got = ", ".join(str(_first(tried[amount])) for amount in others)
    wanted = ", ".join(map(str, others))
    yield expect_equal("an order of 0.00 is accepted", got, wanted, where)


def _valid_rules(database: Database) -> list[str]:
    """Return the names of the valid CHECK constraints on orders."""
    found = database.snapshot().objects.items()
    return sorted(
        name.partition(".")[2]
        for (kind, name), about in found
        if kind == "constraint" and name.startswith("orders.")
        if about.startswith("CHECK") and not about.endswith(("NOT VALID", "NOT ENFORCED"))
    )


def _quantities(submission: Submission) -> Iterator[CheckItem]:
    """Report whether a cart's quantity has its default."""
    database, product = submission.copied_database, draws.word(submission.random)
    cart = insert("carts", user_id=1, product=product, returning=("quantity",))
    where = "models.py, Cart: server_default. This step was in the draft"
    found = _first(database.attempt(cart))
    yield expect_equal("a cart without a quantity holds 1", found, "1", where)
    about = database.column("carts.quantity")
    where = "op.alter_column for carts.quantity: what else does it change?"
    yield expect_equal("quantity matches models.py", about, "integer, not null, default 1", where)


def payment(submission: Submission) -> Iterator[CheckItem]:
    """Check a column with an enum, upgraded, downgraded, and upgraded again."""
    before, ran = _upgraded(submission)
    yield ran
    if not ran.good:
        return
    database = submission.copied_database
    where = (
        "models.py: the type of the column, whether it may be NULL, and whether it has a default"
    )
    about = database.column("orders.payment")
    yield expect_equal("orders.payment matches models.py", about, "payment_kind, not null", where)
    if not about.startswith("payment_kind"):
        return
    where = "Payment in models.py: the same values, in the same order"
    labels = database.labels("payment_kind")
    yield expect_equal("the type has the values of Payment", labels, ["card", "invoice"], where)
    where = "which value do existing orders get before the column becomes NOT NULL?"
    found = sorted(map(str, _values(database, "payment")))
    yield expect_equal("the existing orders are paid by invoice", found, ["invoice"], where)
    yield from _there_again(submission, before)


def _there_again(submission: Submission, before: Schema) -> Iterator[CheckItem]:
    """Report whether the revision survives a downgrade and a second upgrade."""
    question = "what did upgrade create in the database? Not only a column"
    ran, *schema = _downgraded(submission, before, question)
    yield from (ran, *schema)
    if not ran.good:
        return
    again = submission.alembic("upgrade head", go_on=True)
    where = "def downgrade: what it leaves behind blocks the next upgrade"
    yield expect_that("the upgrade runs again", not again.error, "no error", again, where)
    if not again.error and all(item.good for item in schema):
        yield _same(submission)
