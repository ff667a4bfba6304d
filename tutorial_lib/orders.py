"""The Order and Cart models.

Importing this module registers their tables and attaches `order` and `cart` to User;
models.py works without it.
"""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    Numeric,
    String,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .db import Base
from .models import User


class OrderStatus(enum.Enum):
    """How far an order has come. The column stores the names."""

    new = "new"
    paid = "paid"
    shipped = "shipped"


class Order(Base):
    """A user's order. A user with orders can't be deleted.

    Attributes:
        id: The primary key.
        user_id: The user.
        amount: What it costs, in the shop's currency, exact to two decimals.
        status: The server sets it to new.
        created_at: A timestamp with time zone, set by the server.
        user_info: The user.

    """

    __tablename__ = "orders"
    __table_args__ = (Index("ix_orders_user_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    amount: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    status: Mapped[OrderStatus] = mapped_column(
        Enum(OrderStatus, name="order_status"), server_default="new"
    )
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    user_info: Mapped[User] = relationship(back_populates="order")


# Declared here, because models.py doesn't know its target; and before the next class, because
# User may be in use already, so that SQLAlchemy configures each class at once.
User.order = relationship(Order, back_populates="user_info")


class Cart(Base):
    """A product in a user's cart and its quantity. Deleted together with the user."""

    __tablename__ = "carts"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity_positive"),)

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    product: Mapped[str] = mapped_column(String(100), primary_key=True)
    quantity: Mapped[int]
    user_cart: Mapped[User] = relationship(back_populates="cart")


User.cart = relationship(
    Cart, back_populates="user_cart", cascade="all, delete-orphan", passive_deletes=True
)
