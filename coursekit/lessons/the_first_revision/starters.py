"""The rows and the models with which the exercises begin."""

from __future__ import annotations

MODELS = """from sqlalchemy import {}
from sqlalchemy.orm import Mapped, mapped_column

from db import Base


"""
BOOK = (
    MODELS.format("String")
    + """class Book(Base):
    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    year: Mapped[int | None]
"""
)
# Its columns in the database.
BOOKS = ["id: integer, not null", "title: character varying(120), not null", "year: integer"]
USER = """class User(Base):
    __tablename__ = "users"
    __table_args__ = (Index("uq_users_email_lower", text("lower(email)"), unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    email: Mapped[str] = mapped_column(String(255))
    password: Mapped[str] = mapped_column(String(255))
"""
FULL_NAME = MODELS.format("Index, String, text") + USER.replace("    name:", "    full_name:")
TICKETS = (
    MODELS.format("Enum, Index, String, text")
    + USER
    + """    tickets_left: Mapped[int | None]


class Ticket(Base):
    __tablename__ = "tickets"

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(Enum("open", "closed", name="ticket_state"))
"""
)
# What a learner sees; the check adds names that were drawn.
THREE = """
INSERT INTO users (name, email, password)
SELECT name, number || '@example.com', md5(name) FROM (
    VALUES (1, 'Ann Lee'), (2, 'Ben'), (3, 'Eve Fox')
) AS people (number, name) ORDER BY number
"""
TWO = """
INSERT INTO users (name, email, password)
VALUES ('Ann Lee', 'ann@example.com', '-'), ('Ben', 'ben@example.com', '-')
"""
