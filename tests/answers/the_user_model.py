"""Right and wrong answers for the checks of a lesson."""

from __future__ import annotations

from support.samples import wrong

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
NO_BOOKS = """
--- both required -> a subtitle may be missing
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str] = mapped_column(String(200))
--- both optional, as in the style of 2021 -> must have a title
    title, subtitle = Column(String(120)), Column(String(200))
--- the wrong one is optional -> must have a title
    title: Mapped[str | None] = mapped_column(String(120))
    subtitle: Mapped[str] = mapped_column(String(200))
--- lengths swapped -> title holds 120
    title: Mapped[str] = mapped_column(String(200))
    subtitle: Mapped[str | None] = mapped_column(String(120))
--- no length -> subtitle holds 200
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None]
--- one column only -> has its columns
    title: Mapped[str] = mapped_column(String(120))
--- a type, and no column -> which is no column
    title = String(120)
    subtitle = String(200)
--- padded with spaces -> a subtitle may be missing
    title, subtitle = Column(CHAR(120), nullable=False), Column(CHAR(200))
"""
READER = HEAD.format("Reader", "readers") + "    email: Mapped[str] = mapped_column(String(255))\n"
NO_RULES = """
--- unique=True -> in other capitals is refused
    email: Mapped[str] = mapped_column(String(255), unique=True)
--- an index on the column itself -> in other capitals is refused
    __table_args__ = (Index("uq_readers_email_lower", "email", unique=True),)
--- not unique -> in other capitals is refused
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)")),)
--- another name -> the rule has its name
    __table_args__ = (Index("readers_email", text("lower(email)"), unique=True),)
--- lower case in Python only -> in other capitals is refused
    __table_args__ = (UniqueConstraint("email", name="uq_readers_email_lower"),)
    _lower = validates("email")(lambda self, key, value: value.lower())
--- only lower case is allowed -> stays as it was written
    __table_args__ = (UniqueConstraint("email"), CheckConstraint("email = lower(email)"))
--- an e-mail that may be missing -> must have an e-mail
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)"), unique=True),)
    email: Mapped[str | None] = mapped_column(String(255))
--- about the first letters -> another e-mail is accepted
    __table_args__ = (Index("uq_readers_email_lower", text("lower(left(email, 4))"), unique=True),)
"""
NAMED = HEAD.format("Member", "members") + "    name: Mapped[str] = mapped_column(String(50))\n"
MEMBER = f"{NAMED}    password: Mapped[str] = mapped_column(String(255))\n"
NO_HASHES = """
--- a column and nothing more -> (name=..., password=...) stores a hash
--- in the constructor only -> set later
    def __init__(self, name, password):
        self.name, self.password = name, hasher.hash(password)
--- a method that must be called -> (name=..., password=...) stores a hash
    def set_password(self, plain):
        self.password = hasher.hash(plain)
--- nothing is returned -> (name=..., password=...) stores a hash
    @validates("password")
    def _hash(self, key, plain):
        hasher.hash(plain)
--- the wrong attribute -> (name=..., password=...) stores a hash
    _hash = validates("name")(lambda self, key, plain: hasher.hash(plain))
--- too short for a hash -> (name=..., password=...) stores a hash
    password: Mapped[str] = mapped_column(String(50))
    _hash = validates("password")(lambda self, key, plain: hasher.hash(plain))
--- cut to fit -> (name=..., password=...) stores a hash
    _hash = validates("password")(lambda self, key, plain: hasher.hash(plain)[:50])
--- hashed whenever it is stored -> a new name leaves the password alone
@event.listens_for(Member, "before_insert")
@event.listens_for(Member, "before_update")
def _hash(mapper, connection, member):
    member.password = hasher.hash(member.password)
"""


BOOK_RIGHT = (
    f"""{BOOK}
    subtitle, title = Column(String(200)), Column(String(120), nullable=False)
""",
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

READER_RIGHT = (
    f"""{READER}
Index("uq_readers_email_lower", func.lower(Reader.email), unique=True)
""",
    f"""{READER}
    folded = Column(String(255), Computed("upper(email)", persisted=True))
    __table_args__ = (UniqueConstraint("folded", name="uq_readers_email_lower"),)
""",
)

MEMBER_RIGHT = (
    f"""{MEMBER}
@event.listens_for(Member.password, "set", retval=True)
def _hash(member, value, old, initiator):
    return hasher.hash(value)
""",
    f"""{NAMED}
    class Hash(TypeDecorator):
        impl, cache_ok = String(255), True
        def process_bind_param(self, value, dialect):
            return hasher.hash(value)

    password: Mapped[str] = mapped_column(Hash)
""",
)

BOOK_WRONG = wrong(f"{BOOK}{{}}", NO_BOOKS)

READER_WRONG = wrong(f"{READER}{{}}", NO_RULES)

MEMBER_WRONG = wrong(f"{MEMBER}{{}}", NO_HASHES)

RIGHT = {
    "nullable-columns": BOOK_RIGHT,
    "unique-email": READER_RIGHT,
    "no-way-around-the-hash": MEMBER_RIGHT,
}
WRONG = {
    "nullable-columns": BOOK_WRONG,
    "unique-email": READER_WRONG,
    "no-way-around-the-hash": MEMBER_WRONG,
}
