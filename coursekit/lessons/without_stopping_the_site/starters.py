"""The shop with which the exercises begin: its orders, and what a colleague has left."""

from __future__ import annotations

from random import Random

from coursekit.exercises import draws
from coursekit.exercises.revision_file import revision_file

SHOP = """
INSERT INTO users (name, email, password)
SELECT 'User ' || n, 'user' || n || '@example.com', 'none' FROM generate_series(1, 100) n;
INSERT INTO orders (user_id, amount, created_at)
SELECT 1 + n % 100, 1 + n % 50, timestamptz '2026-01-01' + n * interval '1 minute'
FROM generate_series(1, 1000) n;
"""
# What a shop loses in a year: single orders, and with them the count and the ids.
CHANGE = "UPDATE orders SET amount = {}, created_at = created_at + {} WHERE id = {};\n"

GONE = "DELETE FROM orders WHERE id = {};\n"


def drawn_orders(random: Random) -> str:
    """Return statements that change orders, and delete a few: their ids have gaps."""
    chosen = random.sample(range(40, 1001), 20)
    gone, changed = chosen[:6], chosen[6:]
    moved = "".join(
        CHANGE.format(draws.amount(random), f"interval '{random.randrange(1, 60)} s'", number)
        for number in changed
    )
    return moved + "".join(map(GONE.format, gone))


UNIQUE_INDEX = """    with op.get_context().autocommit_block():
        op.create_index(
            'uq_orders_once',
            'orders',
            ['user_id', 'created_at'],
            unique=True,
            if_not_exists=True,
            postgresql_concurrently=True,
        )
"""
DROP_INDEX = "    op.drop_index('uq_orders_once', table_name='orders')"
((FILE, COLLEAGUE),) = revision_file("0004", "no order twice", UNIQUE_INDEX, DROP_INDEX).items()
AGAIN = """
INSERT INTO orders (user_id, amount, created_at)
SELECT user_id, amount, created_at FROM orders WHERE id = {};
"""
# Two users at the same time: no duplicates.
SAME_MOMENT = """
UPDATE orders SET created_at = (SELECT created_at FROM orders WHERE id = 30) WHERE id = 31;
"""
AT_0004 = "UPDATE alembic_version SET version_num = '0004';"
DOUBLED = SHOP + SAME_MOMENT + AT_0004


def doubles(random: Random) -> str:
    """Return statements that change orders, and add some of them again."""
    again = random.sample(range(2, 25), random.randrange(2, 6))
    return drawn_orders(random) + "".join(AGAIN.format(number) for number in (*again, again[0]))
