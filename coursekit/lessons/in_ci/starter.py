"""The starter files of this lesson's exercises, and the variants their checks run tests on."""

from __future__ import annotations

import json

from coursekit.course.catalog import lesson_path
from coursekit.course.starting_state import starting_state
from coursekit.exercises.revision_file import revision_file

WRITE = "%%writefile "
ENV = "alembic/env.py"
SHOP = starting_state("history").files


def written(name: str) -> str:
    """Return a file as the lesson's notebook first writes it."""
    cells = json.loads(lesson_path("in-ci").read_text(encoding="utf-8"))["cells"]
    sources = ("".join(cell["source"]) for cell in cells)
    first = f"{WRITE}{name}\n"
    return next(text.removeprefix(first) + "\n" for text in sources if text.startswith(first))


# failing-round-trip: three revisions; the downgrade of one leaves an index behind
DELIVERY = "alembic/versions/0005_deliveries.py"
THREE = {
    **revision_file(
        "0004",
        "gift wrap",
        """    wrap = sa.Column("gift_wrap", sa.Boolean(), server_default="false", nullable=False)
    op.add_column("orders", wrap)
""",
        """    op.drop_column("orders", "gift_wrap")
""",
    ),
    **revision_file(
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
    **revision_file(
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

# test-that-notices: a revision that changes data, and the mistakes that a test should notice
CENTS = revision_file(
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


# two-deployments: a revision that two deployments run at once
COUPONS = revision_file(
    "0004",
    "coupons",
    """    op.create_table("coupons", sa.Column("code", sa.String(20), primary_key=True))
""",
    """    op.drop_table("coupons")
""",
)
