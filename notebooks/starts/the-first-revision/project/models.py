"""The User model."""

from sqlalchemy import Index, String, TypeDecorator, text
from sqlalchemy.orm import Mapped, mapped_column, validates

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

    @validates("password")
    def _hash_password(self, key, password):
        return hashing.get_password_hash(password)

    def check_password(self, plain_password):
        correct, new_hash = hashing.verify_and_update(plain_password, self.password)
        if new_hash is not None:
            self.password = new_hash
        return correct
