"""Right and wrong answers to the exercises about columns and e-mails.

Names begin with the kind of answer: one that works for the example only (K2), untrusted strings
(K5), rows and values that are refused, changed or let through (K6), one that holds for Python only
(K7), another style (K12), a slow one (K13).
"""

from __future__ import annotations

from support.samples import right, wrong

# The start of an answer, then the answers, each below a line with its name and its message.
HEAD = """
from sqlalchemy import *
from sqlalchemy.orm import *

class Base(DeclarativeBase):
    pass

class {}(Base):
    __tablename__ = "{}"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
BOOK = HEAD.format("Book", "books")
BOOK_RIGHT = (
    *right(
        f"{BOOK}{{}}",
        """
--- K12: the old style, in another order
    subtitle, title = Column(String(200)), Column(String(120), nullable=False)
--- K12: nullable says it, and the type does not
    title = mapped_column(String(120), nullable=False)
    subtitle = mapped_column(String(200), nullable=True)
--- K12: text with a CHECK
    title: Mapped[str] = mapped_column(Text, CheckConstraint("length(title) <= 120"))
    subtitle: Mapped[str | None] = mapped_column(Text, CheckConstraint("length(subtitle) <= 200"))
--- K12: Optional, a comment, and a default in Python
    from typing import Optional
    title: Mapped[str] = mapped_column(String(120), comment="on the cover")
    subtitle: Mapped[Optional[str]] = mapped_column(VARCHAR(200), default=None)
--- K12: one more column, which may be missing
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None] = mapped_column(String(200))
    pages: Mapped[int | None]
""",
    ),
    """
from sqlalchemy import *
from sqlalchemy.orm import registry

class Book:
    pass

columns = Column("title", VARCHAR(120), nullable=False), Column("subtitle", VARCHAR(200))
books = Table("books", MetaData(), Column("id", Integer, primary_key=True), *columns)
registry().map_imperatively(Book, books)
""",
)
BOOK_WRONG = wrong(
    f"{BOOK}{{}}",
    """
--- both required -> a subtitle may be missing
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str] = mapped_column(String(200))
--- both optional, as in the style of 2021 -> a book must have a title
    title, subtitle = Column(String(120)), Column(String(200))
--- the wrong one is optional -> a book must have a title
    title: Mapped[str | None] = mapped_column(String(120))
    subtitle: Mapped[str] = mapped_column(String(200))
--- nullable contradicts the type -> a book must have a title
    title: Mapped[str] = mapped_column(String(120), nullable=True)
    subtitle: Mapped[str | None] = mapped_column(String(200))
--- K6: a default in place of a title -> a default: it supplies a title
    title: Mapped[str] = mapped_column(String(120), server_default="")
    subtitle: Mapped[str | None] = mapped_column(String(200))
--- K7: required in Python only -> a book must have a title
    title: Mapped[str] = mapped_column(String(120), nullable=True)
    subtitle: Mapped[str | None] = mapped_column(String(200))
    def __init__(self, title, subtitle=None):
        self.title, self.subtitle = title, subtitle
--- K6: an empty subtitle for a missing one -> a subtitle may be missing
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str] = mapped_column(String(200), server_default="")
--- K6: unique titles -> unique: nothing here has to be
    title: Mapped[str] = mapped_column(String(120), unique=True)
    subtitle: Mapped[str | None] = mapped_column(String(200))
--- K6: unique subtitles -> unique: nothing here has to be
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None] = mapped_column(String(200), unique=True)
--- lengths swapped -> title holds 120
    title: Mapped[str] = mapped_column(String(200))
    subtitle: Mapped[str | None] = mapped_column(String(120))
--- one less than asked for -> title holds 120
    title: Mapped[str] = mapped_column(String(119))
    subtitle: Mapped[str | None] = mapped_column(String(200))
--- one more than asked for -> title holds 120
    title: Mapped[str] = mapped_column(String(121))
    subtitle: Mapped[str | None] = mapped_column(String(200))
--- no length -> subtitle holds 200
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None]
--- K5: bytes are counted -> title holds 120
    title: Mapped[str] = mapped_column(Text, CheckConstraint("octet_length(title) <= 120"))
    subtitle: Mapped[str | None] = mapped_column(String(200))
--- K7: the length is checked in Python only -> title holds 120
    title: Mapped[str]
    subtitle: Mapped[str | None] = mapped_column(String(200))
    _short = validates("title")(lambda self, key, value: value[:120])
--- one column only -> has its columns
    title: Mapped[str] = mapped_column(String(120))
--- another name -> has its columns
    title: Mapped[str] = mapped_column(String(120))
    sub_title: Mapped[str | None] = mapped_column(String(200))
--- a type, and no column -> which isn't a column
    title = String(120)
    subtitle = String(200)
--- padded with spaces -> a subtitle may be missing
    title, subtitle = Column(CHAR(120), nullable=False), Column(CHAR(200))
""",
)

READER = HEAD.format("Reader", "readers") + "    email: Mapped[str] = mapped_column(String(255))\n"
LOWER = 'Index("uq_readers_email_lower", text("lower(email)"), unique=True)'
READER_RIGHT = right(
    f"{READER}{{}}",
    """
--- K12: func.lower, below the class
Index("uq_readers_email_lower", func.lower(Reader.email), unique=True)
--- K12: upper case
    __table_args__ = (Index("uq_readers_email_lower", text("upper(email)"), unique=True),)
--- K12: a generated column
    folded = Column(String(255), Computed("upper(email)", persisted=True))
    __table_args__ = (UniqueConstraint("folded", name="uq_readers_email_lower"),)
--- K12: an exclusion constraint
    from sqlalchemy.dialects.postgresql import ExcludeConstraint
    __table_args__ = (
        ExcludeConstraint(
            (text("lower(email)"), "="), using="btree", name="uq_readers_email_lower"
        ),
    )
--- K12: SQL that runs after the table was created
event.listen(
    Reader.__table__, "after_create",
    DDL("CREATE UNIQUE INDEX uq_readers_email_lower ON readers (lower(email))"),
)
--- K12: another condition, which every e-mail fulfills
    __table_args__ = (
        Index(
            "uq_readers_email_lower", text("lower(email)"), unique=True,
            postgresql_where=text("email IS NOT NULL"),
        ),
    )
""",
)
READER_WRONG = wrong(
    f"{READER}{{}}",
    """
--- unique=True -> in a different case is refused
    email: Mapped[str] = mapped_column(String(255), unique=True)
--- an index on the column itself -> in a different case is refused
    __table_args__ = (Index("uq_readers_email_lower", "email", unique=True),)
--- not unique -> in a different case is refused
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)")),)
--- another name -> the constraint or index has its name
    __table_args__ = (Index("readers_email", text("lower(email)"), unique=True),)
--- no name -> the constraint or index has its name
    __table_args__ = (Index("ix_readers", text("lower(email)"), unique=True),)
--- K7: lower case in Python only -> in a different case is refused
    __table_args__ = (UniqueConstraint("email", name="uq_readers_email_lower"),)
    _lower = validates("email")(lambda self, key, value: value.lower())
--- K6: only lower case is allowed -> stays as it was typed
    __table_args__ = (UniqueConstraint("email"), CheckConstraint("email = lower(email)"))
--- an e-mail that may be missing -> must have an e-mail
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)"), unique=True),)
    email: Mapped[str | None] = mapped_column(String(255))
--- K6: about the first letters -> another e-mail is accepted
    __table_args__ = (Index("uq_readers_email_lower", text("lower(left(email, 4))"), unique=True),)
--- K6: about the first twenty letters -> another e-mail is accepted
    __table_args__ = (Index("uq_readers_email_lower", text("left(lower(email), 20)"), unique=True),)
--- K6: about the part before the @ -> another e-mail is accepted
    __table_args__ = (
        Index("uq_readers_email_lower", text("lower(split_part(email, '@', 1))"), unique=True),
    )
--- K6: about the host -> another e-mail is accepted
    __table_args__ = (
        Index("uq_readers_email_lower", text("lower(split_part(email, '@', 2))"), unique=True),
    )
--- K5: outer spaces don't count -> another e-mail is accepted
    __table_args__ = (Index("uq_readers_email_lower", text("lower(trim(email))"), unique=True),)
--- K5: dots don't count -> another e-mail is accepted
    __table_args__ = (
        Index("uq_readers_email_lower", text("lower(replace(email, '.', ''))"), unique=True),
    )
--- K5: what follows + doesn't count -> another e-mail is accepted
    __table_args__ = (
        Index(
            "uq_readers_email_lower", unique=True,
            *[text("lower(regexp_replace(email, '[+].*@', '@'))")],
        ),
    )
--- K5: accents don't count -> another e-mail is accepted
    __table_args__ = (
        Index("uq_readers_email_lower", text("lower(translate(email, 'Á', 'A'))"), unique=True),
    )
--- K6: about the length -> another e-mail is accepted
    __table_args__ = (Index("uq_readers_email_lower", text("length(email)"), unique=True),)
--- K2: for one host only -> in a different case is refused
    __table_args__ = (
        Index(
            "uq_readers_email_lower", text("lower(email)"), unique=True,
            postgresql_where=text("email LIKE '%@example.com'"),
        ),
    )
--- the first letter only -> in a different case is refused
    __table_args__ = (Index("uq_readers_email_lower", text("initcap(email)"), text("email")),)
--- shorter than asked for -> email holds 255
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)"), unique=True),)
    email: Mapped[str] = mapped_column(String(254))
""",
)

RIGHT = {"nullable-columns": BOOK_RIGHT, "unique-email": READER_RIGHT}
WRONG = {"nullable-columns": BOOK_WRONG, "unique-email": READER_WRONG}
