"""amount, status, quantity

Revision ID: 0003
Revises: 0002
Create Date: 2026-01-01 12:00:00.000000

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa


# revision identifiers, used by Alembic.
revision: str = '0003'
down_revision: Union[str, Sequence[str], None] = '0002'
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None

order_status = sa.Enum('new', 'paid', 'shipped', name='order_status')


def upgrade() -> None:
    """Upgrade schema."""
    op.alter_column('orders', 'total', new_column_name='amount')
    order_status.create(op.get_bind())
    op.add_column('orders', sa.Column('status', order_status, server_default='new', nullable=False))
    op.create_check_constraint('quantity_positive', 'carts', 'quantity > 0')


def downgrade() -> None:
    """Downgrade schema."""
    op.drop_constraint('quantity_positive', 'carts', type_='check')
    op.drop_column('orders', 'status')
    order_status.drop(op.get_bind())
    op.alter_column('orders', 'amount', new_column_name='total')
