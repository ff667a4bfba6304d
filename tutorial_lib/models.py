"""The User model.

This module knows nothing of lessons; it can be lifted into an application as it is.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect, Index, Integer, String, TypeDecorator, text
from sqlalchemy.orm import Mapped, mapped_column, validates

from . import hashing
from .db import Base


class HashedPassword(str):
    """Text that is a hash already: made here, or read from the database."""


class PasswordHash(TypeDecorator[str]):
    """A column that never takes plain text, however a statement is written.

    The test is the Python type, not the look of the text: a password that happens to look
    like a hash is hashed as well.
    """

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Hash plain text on its way into any statement, bulk ones too."""
        return None if value is None else str(_hashed(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Mark what comes from the database as hashed."""
        return None if value is None else HashedPassword(value)


class User(Base):
    """Somebody who can log in.

    name      at most 50 characters
    email     at most 255 characters, unique regardless of case: A@x.io equals a@x.io
    password  hashed whenever it is set; User.password never holds plain text
    """

    __tablename__ = "users"
    __table_args__ = (Index("uq_users_email_lower", text("lower(email)"), unique=True),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(50))
    email: Mapped[str] = mapped_column(String(255))
    password: Mapped[str] = mapped_column(PasswordHash(255))

    def __init__(self, name: str, email: str, password: str) -> None:
        """Raises TypeError for a missing or unknown argument, a misspelt one too."""
        super().__init__(name=name, email=email, password=password)

    def check_password(self, password: str) -> bool:
        """Whether `password` is this user's."""
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
