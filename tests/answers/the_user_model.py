"""Right and wrong answers to the exercise about columns.

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
--- K12: strings that are empty are refused
    title: Mapped[str] = mapped_column(String(120), CheckConstraint("title <> ''"))
    subtitle: Mapped[str | None] = mapped_column(String(200), CheckConstraint("subtitle <> ''"))
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
--- K6: a default in place of a title -> a default supplies a title
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
--- K6: a default in Python in place of a title -> insert(Book) without a title
    title: Mapped[str] = mapped_column(String(120), default="")
    subtitle: Mapped[str | None] = mapped_column(String(200))
--- K6: a subtitle is made up -> without a subtitle, it's NULL
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None] = mapped_column(String(200), default="")
--- K6: a title that is too long is cut -> isn't truncated
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None] = mapped_column(String(200))
    _short = validates("title")(lambda self, key, value: value[:120])
--- K6: a constructor makes up a title -> Book(...) without a title is refused
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None] = mapped_column(String(200))
    def __init__(self, title="Untitled", subtitle=None):
        self.title, self.subtitle = title, subtitle
--- K6: an event makes up a title -> Book(...) without a title is refused
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None] = mapped_column(String(200))
event.listen(Book, "init", lambda book, args, values: values.setdefault("title", "Untitled"))
--- K6: a constructor makes up a subtitle -> without a subtitle, it's NULL
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None] = mapped_column(String(200))
    def __init__(self, title, subtitle=""):
        self.title, self.subtitle = title, subtitle
--- K6: no subtitle becomes an empty one -> without a subtitle, it's NULL
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None] = mapped_column(String(200))
    _some = validates("subtitle")(lambda self, key, value: value or "")
--- K6: a type makes up a title -> insert(Book) without a title is refused
    class Some(TypeDecorator):
        impl, cache_ok = String, True
        def process_bind_param(self, value, dialect):
            return value or "Untitled"

    title: Mapped[str] = mapped_column(Some(120))
    subtitle: Mapped[str | None] = mapped_column(String(200))
--- K6: a type changes titles -> supplies or changes a value
    class Tidy(TypeDecorator):
        impl, cache_ok = String, True
        def process_bind_param(self, value, dialect):
            return value and value.title()

    title: Mapped[str] = mapped_column(Tidy(120))
    subtitle: Mapped[str | None] = mapped_column(String(200))
--- K6: an update makes up a subtitle -> leaves the subtitle alone
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None] = mapped_column(String(200), onupdate="")
--- K6: an update of the subtitle makes up a title -> a new subtitle leaves the title alone
    title: Mapped[str] = mapped_column(String(120), onupdate="Untitled")
    subtitle: Mapped[str | None] = mapped_column(String(200))
--- K6: short subtitles are refused -> the CHECK long_enough: it refuses a value
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None] = mapped_column(String(200))
    __table_args__ = (CheckConstraint("length(subtitle) >= 3", name="long_enough"),)
--- K6: cut when it's read -> it changes what's read
    class Short(TypeDecorator):
        impl, cache_ok = String, True
        def process_result_value(self, value, dialect):
            return value and value[:80]

    title: Mapped[str] = mapped_column(Short(120))
    subtitle: Mapped[str | None] = mapped_column(Short(200))
--- K6: outer spaces are removed -> it changes a string before it's stored
    class Stripped(TypeDecorator):
        impl, cache_ok = String, True
        def process_bind_param(self, value, dialect):
            return value and value.strip()

    title: Mapped[str] = mapped_column(Stripped(120))
    subtitle: Mapped[str | None] = mapped_column(String(200))
--- K6: an empty subtitle becomes NULL -> it changes a string before it's stored
    class Filled(TypeDecorator):
        impl, cache_ok = String, True
        def process_bind_param(self, value, dialect):
            return value or None

    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None] = mapped_column(Filled(200))
--- K6: an event cuts titles -> an event or the type: a title that's too long is refused
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None] = mapped_column(String(200))
@event.listens_for(Book, "before_update")
def _cut(mapper, connection, book):
    book.title = book.title[:100]
--- K6: spaces aren't counted -> title holds 120
    title: Mapped[str] = mapped_column(Text, CheckConstraint("length(trim(title)) <= 120"))
    subtitle: Mapped[str | None] = mapped_column(String(200))
--- K6: one more column, which is required -> the column author: a row may lack it
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None] = mapped_column(String(200))
    author: Mapped[str] = mapped_column(String(50))
--- K6: unique together -> unique: nothing here has to be
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None] = mapped_column(String(200))
    __table_args__ = (UniqueConstraint("title", "subtitle"),)
--- K6: a key of two columns -> it alone is the primary key
    title: Mapped[str] = mapped_column(String(120), primary_key=True)
    subtitle: Mapped[str | None] = mapped_column(String(200))
--- K11: in another schema -> the table's schema is public
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None] = mapped_column(String(200))
    __table_args__ = {"schema": "library"}
event.listen(Base.metadata, "before_create", DDL("CREATE SCHEMA library"))
--- K14: a function of its own measures titles -> title holds 120
    title: Mapped[str] = mapped_column(Text, CheckConstraint("char_length(title) <= 120"))
    subtitle: Mapped[str | None] = mapped_column(String(200))
for each in (
    "CREATE FUNCTION public.char_length(text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'",
    "SET LOCAL search_path = public, pg_catalog",
):
    event.listen(Base.metadata, "before_create", DDL(each))
--- padded with spaces -> CHAR adds spaces
    title, subtitle = Column(CHAR(120), nullable=False), Column(CHAR(200))
""",
)

RIGHT = {"nullable-columns": BOOK_RIGHT}
WRONG = {"nullable-columns": BOOK_WRONG}
