"""The User model."""

from __future__ import annotations

from sqlalchemy import Dialect, Index, String, TypeDecorator, text
from sqlalchemy.orm import Mapped, mapped_column, validates

from . import hashing
from .db import Base
from .hashing import HashedPassword


class PasswordHash(TypeDecorator[str]):
    """A column type that hashes every plain password, in whatever statement it's bound to."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Hash a plain password before it's bound to a statement, including bulk statements."""
        return None if value is None else str(hashing.get_password_hash(value))

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

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    email: Mapped[str] = mapped_column(String(255))
    password: Mapped[str] = mapped_column(PasswordHash(255))

    @validates("password")
    def _hash_password(self, key: str, password: str) -> HashedPassword:
        return hashing.get_password_hash(password)

    def check_password(self, plain_password: str) -> bool:
        """Return whether the password is right, and replace its hash if its costs are outdated.

        The new hash is stored when the session commits.
        """
        correct, new_hash = hashing.verify_and_update(plain_password, self.password)
        if new_hash is not None:
            self.password = new_hash
        return correct

    def __repr__(self) -> str:
        return f"User(id={self.id!r}, name={self.name!r}, email={self.email!r})"
