"""The revisions, models and rows with which the exercises begin."""

from __future__ import annotations

from random import Random

from coursekit.exercises import draws
from coursekit.exercises.literal_rows import insert_rows
from coursekit.exercises.revision_file import revision_file

ADD = "op.add_column('users', sa.Column('nickname', sa.String(50)))"
DROP = "op.drop_column('users', 'nickname')"
CREATE_PRODUCTS = """op.create_table(
        'products',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(50), nullable=False),
        sa.Column('price', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_products')),
    )"""
DROP_PRODUCTS = "    op.drop_table('products')"
CREATE_CARTS = "    op.create_table('carts', sa.Column('id', sa.Integer(), primary_key=True))"
PENDING = {
    **revision_file("0002", "add a nickname", f"    {ADD}", f"    {DROP}"),
    **revision_file("0003", "create products", f"    {CREATE_PRODUCTS}", DROP_PRODUCTS),
    **revision_file("0004", "create carts", CREATE_CARTS, "    op.drop_table('carts')"),
}
# The cell of the exercise writes this file again, with one more line.
USER = """from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from db import Base


class User(Base):
    __tablename__ = "users"
    __table_args__ = (Index("uq_users_email_lower", text("lower(email)"), unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    email: Mapped[str] = mapped_column(String(255))
    password: Mapped[str] = mapped_column(String(255))
"""
SHOP_MODELS = (
    "from decimal import Decimal\n\n"
    + USER.replace("import Index,", "import Index, Numeric,")
    + """

class Product(Base):
    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2))
"""
)
MISTAKE = revision_file("0002", "create products", f"    {CREATE_PRODUCTS}", DROP_PRODUCTS)
SHOP = """
CREATE TABLE products (id serial CONSTRAINT pk_products PRIMARY KEY,
                       name varchar(50) NOT NULL, price integer NOT NULL);
UPDATE alembic_version SET version_num = '0002';
"""


def products(random: Random) -> str:
    """Return a statement that adds three products."""
    three = [{"name": draws.word(random), "price": random.randrange(2, 90)} for _ in range(3)]
    return insert_rows("products", three)
