"""amount, status, quantity

Revision: 0003
Revises: 0002
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | Sequence[str] | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

order_status = sa.Enum("new", "paid", "shipped", name="order_status")


def upgrade() -> None:
    """Upgrade the schema."""
    op.alter_column("orders", "total", new_column_name="amount")
    order_status.create(op.get_bind())
    op.add_column("orders", sa.Column("status", order_status, server_default="new", nullable=False))
    op.create_check_constraint("quantity_positive", "carts", "quantity > 0")


def downgrade() -> None:
    """Downgrade the schema."""
    op.drop_constraint("quantity_positive", "carts", type_="check")
    op.drop_column("orders", "status")
    order_status.drop(op.get_bind())
    op.alter_column("orders", "amount", new_column_name="total")
