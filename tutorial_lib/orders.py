"""Order and Cart: what a user has ordered, and what lies in a user's cart.

Importing this module registers their tables and attaches `order` and `cart` to User;
models.py alone works without it.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import DateTime, ForeignKey, Index, Numeric, String, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .db import Base
from .models import User


class Order(Base):
    """An order of a user; a user who has ordered cannot be deleted.

    total       in the shop's currency, two decimals, exact
    created_at  the moment in UTC, set by the server
    """

    __tablename__ = "orders"
    __table_args__ = (Index("ix_orders_user_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    total: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    user_info: Mapped[User] = relationship(back_populates="order")


class Cart(Base):
    """A product that a user has laid into the cart, and how many; gone with the user."""

    __tablename__ = "carts"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    product: Mapped[str] = mapped_column(String(100), primary_key=True)
    quantity: Mapped[int]
    user_cart: Mapped[User] = relationship(back_populates="cart")


# Declared here and not in models.py, where their targets would not be known.
User.order = relationship(Order, back_populates="user_info")
User.cart = relationship(
    Cart, back_populates="user_cart", cascade="all, delete-orphan", passive_deletes=True
)
