"""The models of the shop: User, Order and Cart."""

import enum
from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, DateTime, Enum, ForeignKey, Index, Numeric
from sqlalchemy import String, TypeDecorator, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

import hashing
from db import Base


class PasswordHash(TypeDecorator):
    """A column type that hashes every plain password before it's sent to the database."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return None if value is None else str(hashing.get_password_hash(value))

    def process_result_value(self, value, dialect):
        return None if value is None else hashing.HashedPassword(value)


class User(Base):
    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_email_lower", text("lower(email)"), unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    email: Mapped[str] = mapped_column(String(255))
    password: Mapped[str] = mapped_column(PasswordHash(255))
    order: Mapped[list["Order"]] = relationship(back_populates="user_info")
    cart: Mapped[list["Cart"]] = relationship(
        back_populates="user_cart", cascade="all, delete-orphan", passive_deletes=True
    )

    @validates("password")
    def _hash_password(self, key, password):
        return hashing.get_password_hash(password)

    def check_password(self, plain_password):
        correct, new_hash = hashing.verify_and_update(plain_password, self.password)
        if new_hash is not None:
            self.password = new_hash
        return correct


class OrderStatus(enum.Enum):
    new = "new"
    paid = "paid"
    shipped = "shipped"


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    amount: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    status: Mapped[OrderStatus] = mapped_column(
        Enum(OrderStatus, name="order_status"), server_default="new"
    )
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )
    user_info: Mapped[User] = relationship(back_populates="order")


class Cart(Base):
    __tablename__ = "carts"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity_positive"),)

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    product: Mapped[str] = mapped_column(String(100), primary_key=True)
    quantity: Mapped[int]
    user_cart: Mapped[User] = relationship(back_populates="cart")
