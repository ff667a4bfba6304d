"""Right and wrong answers for the checks of a lesson."""

from __future__ import annotations

from support.samples import revision, right, wrong

PAYMENT = """from sqlalchemy.dialects import postgresql

payment = sa.Enum("card", "invoice", name="payment_kind")
"""


def _revision(name: str, up: str, down: str) -> str:
    """Return a cell that writes revision 0004."""
    return revision("0004", up, down, name=name, top=PAYMENT)


EUR = 'op.add_column("orders", sa.Column("currency", {}))'
GOOD = EUR.format('sa.String(3), server_default="EUR", nullable=False')
DROP = '    op.drop_column("orders", "currency")'
NO_CURRENCY = f"""
--- no value for the rows -> a column that is NOT NULL
    {EUR.format("sa.String(3), nullable=False")}
--- a default in Python -> a column that is NOT NULL
    {EUR.format('sa.String(3), default="EUR", nullable=False')}
--- may be empty -> orders has the column currency
    {EUR.format('sa.String(3), server_default="EUR"')}
--- filled, and still allowed to be empty -> orders has the column currency
    {EUR.format("sa.String(3)")}
    op.execute("UPDATE orders SET currency = 'EUR'")
--- the default is taken away again -> a new order without a currency is in EUR
    {GOOD}; op.alter_column("orders", "currency", server_default=None)
--- too long -> orders has the column currency
    {EUR.format('sa.String(50), server_default="EUR", nullable=False')}
--- quoted twice -> find the line that fails
    {EUR.format('''sa.String(3), server_default="'EUR'", nullable=False''')}
--- another default -> the existing orders are in EUR
    {EUR.format('sa.String(3), server_default="USD", nullable=False')}
--- another table -> orders has the column currency
    {GOOD.replace("orders", "carts")}
--- an order changed -> the orders are the same
    {GOOD}; op.execute("UPDATE orders SET amount = 1 WHERE id = 1")
--- the status of all orders -> the orders are the same
    {GOOD}; op.execute("UPDATE orders SET status = 'shipped'")
--- an index as well -> nothing else has changed
    {GOOD}; op.create_index("ix_currency", "orders", ["currency"])
--- an order thrown away -> nothing else has changed
    {GOOD}; op.execute("DELETE FROM orders WHERE id = 3")
"""
NO_WAY_BACK = """
--- no downgrade -> the downgrade leaves nothing behind
    pass
--- the table as well -> the downgrade leaves nothing behind
    op.drop_table("orders")
--- the wrong column -> the downgrade leaves nothing behind
    op.drop_column("orders", "amount")
--- the wrong way round -> find the line that fails
    op.add_column("orders", sa.Column("currency", sa.String(3)))
"""
CURRENCY_RIGHT = right(
    _revision("currency", "{}", DROP),
    f"""
--- in SQL
    op.execute("ALTER TABLE orders ADD currency varchar(3) DEFAULT 'EUR' NOT NULL")
--- in three steps
    {EUR.format("sa.String(3)")}
    op.execute("UPDATE orders SET currency = 'EUR'")
    op.alter_column("orders", "currency", nullable=False, server_default="EUR")
""",
)
CURRENCY_WRONG = (
    *wrong(_revision("currency", "{}", DROP), NO_CURRENCY),
    *wrong(_revision("currency", f"    {GOOD}", "{}"), NO_WAY_BACK),
)

DEFAULT = 'op.alter_column("carts", "quantity", server_default="1")'
VALUE = """op.execute("ALTER TYPE order_status ADD VALUE 'returned'")"""
RULE = 'op.create_check_constraint("amount_not_negative", "orders", "amount >= 0")'
NEW_TYPE = "CREATE TYPE order_status AS ENUM ('new', 'paid', 'shipped', 'returned')"
STATUS = 'sa.Enum("new", "paid", "shipped", "returned", name="order_status")'
LATER = '    raise NotImplementedError("the value stays")'
NOT_ALL = f"""
--- the draft as it is -> an order can be returned
    {DEFAULT}
--- the type only -> an order below zero is refused
    {VALUE}
--- the rule only -> an order can be returned
    {RULE}
--- without the rule -> an order below zero is refused
    {DEFAULT}; {VALUE}
--- without the value -> an order can be returned
    {DEFAULT}; {RULE}
--- without the draft's step -> a cart without a quantity holds 1
    {VALUE}; {RULE}
--- in capitals -> an order can be returned
    {DEFAULT}; {VALUE.replace("returned", "RETURNED")}; {RULE}
--- more than nothing -> the condition in models.py, character by character
    {DEFAULT}; {VALUE}; {RULE.replace(">=", ">")}
--- a rule for carts -> an order below zero is refused
    {DEFAULT}; {VALUE}; {RULE.replace("orders", "carts").replace("amount", "quantity")}
--- another default -> a cart without a quantity holds 1
    {DEFAULT.replace('"1"', '"2"')}; {VALUE}; {RULE}
--- the column recreated -> the orders kept their status
    {DEFAULT}; {RULE}
    op.drop_column("orders", "status")
    op.execute("DROP TYPE order_status; {NEW_TYPE}")
    op.add_column("orders", sa.Column("status", {STATUS}, server_default="new", nullable=False))
--- the type recreated, without the default -> a new order is new
    {DEFAULT}; {RULE}
    op.execute("ALTER TABLE orders ALTER status DROP DEFAULT")
    op.execute("ALTER TYPE order_status RENAME TO old_status; {NEW_TYPE}")
    op.execute("ALTER TABLE orders ALTER status TYPE order_status "
               "USING status::text::order_status; DROP TYPE old_status")
--- an enum of Python -> ALTER TYPE adds a value to it
    {DEFAULT}; {RULE}
    op.alter_column("orders", "status", type_={STATUS}, existing_nullable=False)
    {STATUS}.create(op.get_bind())
--- other rules dropped -> nothing else has changed
    {DEFAULT}; {VALUE}; {RULE}
    op.drop_constraint("quantity_positive", "carts", type_="check")
--- a rule without a name -> the constraint has the name from models.py
    {DEFAULT}; {VALUE}; op.execute("ALTER TABLE orders ADD CHECK (amount >= 0)")
--- a name that is whole already -> the naming convention adds the rest
    {DEFAULT}; {VALUE}; {RULE.replace("amount_not", "ck_orders_amount_not")}
--- a rule for later rows only -> the constraint must be valid for existing rows
    {DEFAULT}; {VALUE}
    op.execute("ALTER TABLE orders ADD CONSTRAINT ck_orders_amount_not_negative "
               "CHECK (amount >= 0) NOT VALID")
--- a quantity that may be NULL -> quantity matches models.py
    {DEFAULT.replace('"1"', '"1", nullable=True')}; {VALUE}; {RULE}
--- another type of amount -> nothing else has changed
    {DEFAULT}; {VALUE}; {RULE}; op.alter_column("orders", "amount", type_=sa.Numeric(14, 4))
--- an order thrown away -> the orders kept their status
    {DEFAULT}; {VALUE}; {RULE}; op.execute("DELETE FROM orders WHERE id = 3")
--- an amount changed -> the orders are the same
    {DEFAULT}; {VALUE}; {RULE}; op.execute("UPDATE orders SET amount = 1 WHERE id = 3")
"""
MISSED_RIGHT = right(
    _revision("returns", "{}", LATER),
    f"""
--- in SQL
    op.execute("ALTER TABLE carts ALTER quantity SET DEFAULT 1")
    op.execute("ALTER TYPE order_status ADD VALUE IF NOT EXISTS 'returned' AFTER 'shipped'")
    op.execute("ALTER TABLE orders ADD CONSTRAINT ck_orders_amount_not_negative "
               "CHECK (NOT amount < 0)")
--- a new type takes the place of the old one
    {DEFAULT}; {RULE}
    op.execute("ALTER TABLE orders ALTER status DROP DEFAULT")
    op.execute("ALTER TYPE order_status RENAME TO old_status; {NEW_TYPE}")
    op.execute("ALTER TABLE orders ALTER status TYPE order_status "
               "USING status::text::order_status, ALTER status SET DEFAULT 'new'")
    op.execute("DROP TYPE old_status")
""",
)
MISSED_WRONG = wrong(_revision("returns", "{}", LATER), NOT_ALL)

PAID = 'op.add_column("orders", sa.Column("payment", {}))'
INVOICE = PAID.format('payment, server_default="invoice", nullable=False')
NO_DEFAULT = 'op.alter_column("orders", "payment", server_default=None)'
CREATE, DROP_TYPE = "payment.create(op.get_bind())", "payment.drop(op.get_bind())"
BOTH_BACK = f'    op.drop_column("orders", "payment"); {DROP_TYPE}'
NO_PAYMENT = f"""
--- the draft as it is -> `add_column` does not create it
    {PAID.format("payment, nullable=False")}
--- the type, and no value for the rows -> a column that is NOT NULL
    {CREATE}; {PAID.format("payment, nullable=False")}
--- the default stays -> orders.payment matches models.py
    {CREATE}; {INVOICE}
--- may be empty -> orders.payment matches models.py
    {CREATE}; {PAID.format("payment")}; op.execute("UPDATE orders SET payment = 'invoice'")
--- paid by card -> the existing orders are paid by invoice
    {CREATE}; {INVOICE.replace("invoice", "card")}; {NO_DEFAULT}
--- a text -> orders.payment matches models.py
    {CREATE}; {INVOICE.replace("payment,", "sa.String(20),")}; {NO_DEFAULT}
--- in another order -> the same values, in the same order
    op.execute("CREATE TYPE payment_kind AS ENUM ('invoice', 'card')"); {INVOICE}; {NO_DEFAULT}
--- made twice -> which of your lines created it
    {CREATE}; {CREATE}
--- other values -> the type has the values of Payment
    op.execute("CREATE TYPE payment_kind AS ENUM ('invoice')"); {INVOICE}; {NO_DEFAULT}
--- another name for the type -> orders.payment matches models.py
    op.execute("CREATE TYPE payment_kind AS ENUM ('card')")
    op.execute("CREATE TYPE kind AS ENUM ('card', 'invoice')")
    op.execute("ALTER TABLE orders ADD payment kind NOT NULL DEFAULT 'invoice'"); {NO_DEFAULT}
"""
LEFT_OVER = f"""
--- the type stays -> Not only a column
    op.drop_column("orders", "payment")
--- no downgrade -> the downgrade leaves nothing behind
    pass
--- the type before its column -> find the line that fails
    {DROP_TYPE}; op.drop_column("orders", "payment")
--- with everything that hangs on the type -> the downgrade leaves nothing behind
    op.execute("DROP TYPE payment_kind CASCADE; DROP TYPE order_status CASCADE")
"""
STAYS = f"""
--- made only where it is missing -> Not only a column
    postgresql.ENUM("card", "invoice", name="payment_kind").create(op.get_bind(), checkfirst=True)
    {INVOICE}; {NO_DEFAULT}
"""
PAYMENT_RIGHT = right(
    _revision("payment", "{}", BOTH_BACK),
    f"""
--- in SQL
    op.execute("CREATE TYPE payment_kind AS ENUM ('card', 'invoice')")
    op.execute("ALTER TABLE orders ADD payment payment_kind NOT NULL DEFAULT 'invoice'")
    op.execute("ALTER TABLE orders ALTER payment DROP DEFAULT")
--- filled before it becomes NOT NULL
    {CREATE}
    {PAID.format("payment")}
    op.execute("UPDATE orders SET payment = 'invoice'")
    op.alter_column("orders", "payment", nullable=False)
""",
)
PAYMENT_WRONG = (
    *wrong(_revision("payment", "{}", BOTH_BACK), NO_PAYMENT),
    *wrong(_revision("payment", f"    {CREATE}; {INVOICE}; {NO_DEFAULT}", "{}"), LEFT_OVER),
    *wrong(_revision("payment", "{}", '    op.drop_column("orders", "payment")'), STAYS),
)

RIGHT = {
    "column-for-every-order": CURRENCY_RIGHT,
    "missed-by-autogenerate": MISSED_RIGHT,
    "payment-round-trip": PAYMENT_RIGHT,
}
WRONG = {
    "column-for-every-order": CURRENCY_WRONG,
    "missed-by-autogenerate": MISSED_WRONG,
    "payment-round-trip": PAYMENT_WRONG,
}
