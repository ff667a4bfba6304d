"""Right and wrong answers to `no-negative-amount` and `invalid-index`."""

from __future__ import annotations

from support.samples import wrong

HEAD = """
from alembic import op
import sqlalchemy as sa

revision = "{}"
down_revision = "{}"

def upgrade():
"""


# Trying it out leaves an order, and one that has come back under its id.
ONE_MORE = """# %%
from sqlalchemy import text
with exercise.engine.begin() as connection:
    connection.execute(text("INSERT INTO orders (user_id, amount) VALUES (1, 0)"))
    connection.execute(text("WITH o AS (DELETE FROM orders WHERE id = 9 RETURNING *) "
                            "INSERT INTO orders SELECT * FROM o"))
"""


def _file(number: str, before: str) -> str:
    """Return the start of a cell that writes a revision; its steps follow, indented."""
    return f"%%writefile alembic/versions/{number}_new.py\n{HEAD.format(number, before)}"


# The orders that an earlier edition put there.
PASTE = """# %%
from sqlalchemy import text
with exercise.engine.begin() as connection:
    connection.execute(text("TRUNCATE orders RESTART IDENTITY"))
    connection.execute(text("INSERT INTO orders (user_id, amount, created_at) "
        "SELECT 1 + n % 100, 1 + n % 50, timestamptz '2026-01-01' + n * interval '1 minute' "
        "FROM generate_series(1, 1000) n"))
"""
UPGRADE = "# %%\n%alembic upgrade head\n"
ONE_BY_ONE = "# %%\n%alembic upgrade +1\n%alembic upgrade +1\n"
ALTER = 'op.execute("ALTER TABLE orders {}")'
NOT_VALID = ALTER.format("ADD CONSTRAINT whole CHECK (amount >= 0) NOT VALID")
VALIDATE = ALTER.format("VALIDATE CONSTRAINT whole")
OTHER = ALTER.format("ALTER amount SET DEFAULT 0")
THROW_AWAY = 'op.execute("DELETE FROM orders")'
BLOCK = "with op.get_context().autocommit_block():\n        "
PER_REVISION = """# %%
from pathlib import Path
env = Path("alembic/env.py")
option = "transaction_per_migration=True, compare_type=True"
env.write_text(env.read_text().replace("compare_type=True", option))
"""


def _amounts(*steps: str, run: str = UPGRADE) -> str:
    """Return an answer: the steps of revision 0004, and of 0005 if there are more."""
    bodies = [
        f"{_file(f'000{4 + place}', f'000{3 + place}')}    {step}\n"
        for place, step in enumerate(steps)
    ]
    return "# %%\n".join(bodies) + run


AMOUNTS_RIGHT = (
    _amounts(NOT_VALID, VALIDATE, run=PER_REVISION + UPGRADE),
    _amounts(NOT_VALID, f"{BLOCK}{VALIDATE}"),
    _amounts(NOT_VALID, f"{BLOCK}{VALIDATE}") + ONE_MORE,
    _amounts(f"{BLOCK}{NOT_VALID}\n        {VALIDATE}"),
    _amounts(
        ALTER.format("ADD CONSTRAINT whole CHECK (NOT amount < 0) NOT VALID"),
        VALIDATE,
        run=PER_REVISION + ONE_BY_ONE,
    ),
)
_TOGETHER = "in a later transaction"
AMOUNTS_WRONG = (
    *wrong(
        "{}",
        f"""
--- in one step -> {_TOGETHER}
{_amounts(ALTER.format("ADD CONSTRAINT whole CHECK (amount >= 0)"))}
--- in two steps and one transaction -> {_TOGETHER}
{_amounts(f"{NOT_VALID}; {VALIDATE}")}
--- two revisions, and one transaction -> {_TOGETHER}
{_amounts(NOT_VALID, VALIDATE)}
--- two revisions, run one by one here only -> {_TOGETHER}
{_amounts(NOT_VALID, VALIDATE, run=ONE_BY_ONE)}
--- the whole step in the block -> {_TOGETHER}
{_amounts(BLOCK + ALTER.format("ADD CONSTRAINT whole CHECK (amount >= 0)"))}
--- beside another change of the table -> holds the locks of all its steps
{_amounts(NOT_VALID, f"{OTHER}; {VALIDATE}", run=PER_REVISION + UPGRADE)}
--- the orders thrown away -> no order is gone
{_amounts(f"{THROW_AWAY}; {NOT_VALID}", BLOCK + VALIDATE)}
--- the orders pasted -> no order is gone
{_amounts(NOT_VALID, BLOCK + VALIDATE)}{PASTE}
--- never validated -> valid for old rows
{_amounts(NOT_VALID)}
--- zero is refused as well -> the constraint: which amounts does it accept?
{_amounts(NOT_VALID.replace(">=", ">"), BLOCK + VALIDATE)}
--- another rule -> -0.01 is refused
{_amounts(NOT_VALID.replace(">= 0", ">= -1"), BLOCK + VALIDATE)}
--- never run -> your database is at the new revision
{_amounts(NOT_VALID, BLOCK + VALIDATE, run="")}
--- another name in the second step -> runs on another database
{_amounts(NOT_VALID, BLOCK + VALIDATE.replace("whole", "ck_orders_whole"))}
--- only the bookmark -> has the constraint, and it is valid
{_amounts(NOT_VALID, BLOCK + VALIDATE, run=UPGRADE.replace("upgrade", "stamp"))}
--- by hand -> a new revision follows 0003
from sqlalchemy import text
with exercise.engine.begin() as connection:
    connection.execute(text("ALTER TABLE orders ADD CHECK (amount >= 0)"))
""",
    ),
)

DELETE = """op.execute(
        "DELETE FROM orders a USING orders b WHERE a.id > b.id "
        "AND (a.user_id, a.created_at) = (b.user_id, b.created_at)"
    )
    """
NEW = '"uq_orders_once", "orders", ["user_id", "created_at"], unique=True'
GO = 'op.drop_index("uq_orders_once", "orders", if_exists=True, postgresql_concurrently=True)'
COME = f"op.create_index({NEW}, postgresql_concurrently=True)"
REINDEX = 'op.execute("REINDEX INDEX CONCURRENTLY uq_orders_once")'
GROUPED = """op.execute(
        "DELETE FROM orders WHERE id NOT IN "
        "(SELECT min(id) FROM orders GROUP BY user_id, created_at)"
    )
    """
BY_ID = """op.execute("DELETE FROM orders WHERE id IN (1001, 1002)")
    """


def _index(steps: str, run: str = UPGRADE) -> str:
    return f"{_file('0005', '0004')}    {steps}\n{run}"


INVALID_INDEX_RIGHT = (
    _index(f"{DELETE}{BLOCK}{REINDEX}"),
    _index(
        f"{GROUPED}{BLOCK}{GO}\n        "
        'op.execute("CREATE UNIQUE INDEX CONCURRENTLY once ON orders (created_at, user_id)")'
    ),
    _index(f"{BLOCK}{GO}\n    {DELETE}{BLOCK}{COME}"),
    _index(
        f"{DELETE}{BLOCK}{GO}\n        {COME.replace('uq_orders_once', 'once')}\n    "
        'op.execute("ALTER INDEX once RENAME TO uq_orders_once")'
    ),
)
INVALID_INDEX_WRONG = wrong(
    "{}",
    f"""
--- the same again -> no index is invalid
{_index(f"{DELETE}{BLOCK}op.create_index({NEW}, if_not_exists=True, postgresql_concurrently=True)")}
--- with the doubles -> runs on another database
{_index(f"{BLOCK}{GO}{chr(10)}        {COME}")}
--- the invalid index is still there -> runs on another database
{_index(f"{DELETE}{BLOCK}{COME}")}
--- another index beside it -> no index is invalid
{_index(f"{DELETE}{BLOCK}{COME.replace('uq_orders_once', 'once')}")}
--- writers stand still -> writers can go on
{_index(f"{DELETE}op.drop_index('uq_orders_once', 'orders'); op.create_index({NEW})")}
--- only the new one is made concurrently -> writers can go on
{_index(f"{DELETE}op.drop_index('uq_orders_once', 'orders'){chr(10)}    {BLOCK}{COME}")}
--- only the old one goes concurrently -> writers can go on
{_index(f"{DELETE}{BLOCK}{GO}{chr(10)}    op.create_index({NEW})")}
--- the moment alone -> the first order of each group is left
{_index(DELETE.replace("a.user_id, ", "").replace("b.user_id, ", "") + BLOCK + REINDEX)}
--- all doubles go -> the first order of each group is left
{_index(DELETE.replace("a.id > b.id", "a.id <> b.id") + BLOCK + REINDEX)}
--- the last one stays -> the first order of each group is left
{_index(DELETE.replace("a.id > b.id", "a.id < b.id") + BLOCK + REINDEX)}
--- the ids of this database -> runs on another database
{_index(BY_ID + BLOCK + REINDEX)}
--- one order for each user -> the first order of each group is left
{_index(GROUPED.replace(", created_at", "") + BLOCK + REINDEX)}
--- the orders pasted -> in your database, the first order of each group is left
{_index(DELETE + BLOCK + REINDEX)}{PASTE}
--- the index is gone -> forbids the same user and timestamp
{_index(f"{DELETE}{BLOCK}{GO}")}
--- not unique -> forbids the same user and timestamp
{_index(f"{DELETE}{BLOCK}{GO}{chr(10)}        {COME.replace(', unique=True', '')}")}
--- never run -> your database is at the new revision
{_index(f"{DELETE}{BLOCK}{REINDEX}", "")}
--- the old file mended -> revision 0004 is as it was
from pathlib import Path
file = Path("alembic/versions/0004_no_order_twice.py")
file.write_text(file.read_text().replace("if_not_exists=True,", ""))
--- by hand -> a new revision follows 0004
from sqlalchemy import text
with exercise.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as outside:
    outside.execute(text("DELETE FROM orders WHERE id > 1000"))
    outside.execute(text("REINDEX INDEX CONCURRENTLY uq_orders_once"))
""",
)

RIGHT = {
    "no-negative-amount": AMOUNTS_RIGHT,
    "invalid-index": INVALID_INDEX_RIGHT,
}
WRONG = {
    "no-negative-amount": AMOUNTS_WRONG,
    "invalid-index": INVALID_INDEX_WRONG,
}
