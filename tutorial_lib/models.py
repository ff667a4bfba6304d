"""The User model."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect, Index, Integer, String, TypeDecorator, text
from sqlalchemy.orm import Mapped, mapped_column, validates

from . import hashing
from .db import Base


class HashedPassword(str):
    """A string that's already a hash: computed here, or read from the database."""


class PasswordHash(TypeDecorator[str]):
    """A column type that hashes every plain password, in whatever statement it's used.

    The Python type decides, not the format of the string: a password that happens to look
    like a hash is hashed too.
    """

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Hash a plain password before it's bound to a statement, including bulk statements."""
        return None if value is None else str(_hashed(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Mark a value from the database as hashed."""
        return None if value is None else HashedPassword(value)


class User(Base):
    """A person who can log in.

    Attributes:
        id: The primary key.
        name: At most 50 characters.
        email: At most 255 characters; unique regardless of case.
        password: The hash. Assigning a plain password hashes it.

    """

    __tablename__ = "users"
    __table_args__ = (Index("uq_users_email_lower", text("lower(email)"), unique=True),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(50))
    email: Mapped[str] = mapped_column(String(255))
    password: Mapped[str] = mapped_column(PasswordHash(255))

    def __init__(self, name: str, email: str, password: str) -> None:
        """Create a user; unlike the default constructor, all three arguments are required."""
        super().__init__(name=name, email=email, password=password)

    def check_password(self, password: str) -> bool:
        """Return whether `password` is this user's."""
        return hashing.verify_password(password, self.password)

    @validates("password")
    def _hash_password(self, key: str, value: Any) -> HashedPassword:
        return _hashed(value)

    def __repr__(self) -> str:
        return f"User(id={self.id!r}, name={self.name!r}, email={self.email!r})"


def _hashed(value: str) -> HashedPassword:
    if isinstance(value, HashedPassword):
        return value
    return HashedPassword(hashing.get_password_hash(value))
