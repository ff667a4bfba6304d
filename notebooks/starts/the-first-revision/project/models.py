"""The User model."""

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, validates

import hashing
from db import Base


class User(Base):
    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_email_lower", text("lower(email)"), unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    email: Mapped[str] = mapped_column(String(255))
    password: Mapped[str] = mapped_column(String(255))

    @validates("password")
    def _hash_password(self, key, plain_password):
        return hashing.get_password_hash(plain_password)

    def check_password(self, plain_password):
        return hashing.verify_password(plain_password, self.password)
