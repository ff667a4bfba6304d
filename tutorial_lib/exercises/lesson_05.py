"""Exercises of lesson 05: the User model."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tutorial_lib import hashing
from tutorial_lib.exercises import exercise as ex
from tutorial_lib.exercises.answer import Answer
from tutorial_lib.exercises.exercise import Begin, Exercise, Item, Outcome, Wrong

TAKEN, REFUSED, HASH = "taken", "refused", "a hash of it"
# What holds, where to look when it does not, and rows, each with what must become of it.
Trial = tuple[str, str, list[tuple[dict[str, Any], str]]]


def _make_table(names: dict[str, Any], model: str, engine: Engine) -> list[str]:
    """Make the tables of the model's metadata; the names of the columns of its own."""
    table = inspect(names[model]).local_table
    table.metadata.create_all(engine)
    return [column.name for column in table.columns]


def _made(answer: Answer, model: str, engine: Engine, given: set[str], wanted: set[str]) -> Item:
    """Whether the table gets its columns; raises NotStarted when there is none but the given."""
    told = answer.ask(_make_table, model, engine)
    if told.value is not None and set(told.value) <= given:
        raise ex.NotStarted
    got = told if told.error else Outcome(", ".join(told.value))
    what, where = f"the table of {model} has its columns", f"the columns of class {model}"
    good = wanted <= set(told.value or ())
    return ex.claim(what, good, ", ".join(sorted(given | wanted)), got, where)


def _tried(connection: Connection, table: str, row: dict[str, Any]) -> str:
    """What becomes of a row that somebody inserts who knows nothing of the class."""
    into, values = ", ".join(row), ", ".join(f":{name}" for name in row)
    insert = text(f"INSERT INTO {table} ({into}) VALUES ({values}) RETURNING {into}")  # noqa: S608
    try:
        with connection.begin_nested():
            kept = connection.execute(insert, row).one()._asdict()
    except DBAPIError as error:
        rule = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        return f"{REFUSED} by {rule}" if rule else f"{REFUSED}: {str(error.orig).splitlines()[0]}"
    return TAKEN if kept == row else f"changed to {kept}"


def _trials(engine: Engine, table: str, *trials: Trial) -> Iterator[Item]:
    with engine.connect() as connection:
        for what, where, rows in trials:
            said = [_tried(connection, table, row) for row, _ in rows]
            good = all(got.startswith(wanted) for got, (_, wanted) in zip(said, rows, strict=True))
            expected = "; ".join(wanted for _, wanted in rows)
            yield ex.claim(what, good, expected, "; ".join(said), where)


def _length(name: str, limit: int, others: dict[str, Any]) -> Trial:
    row = others | {name: "x" * limit}
    what = f"{name} holds {limit} characters, and not one more"
    return what, "String(...)", [(row, TAKEN), (row | {name: "y" * (limit + 1)}, REFUSED)]


def _book(answer: Answer) -> Iterator[Item]:
    engine, word = answer.scratch(), secrets.token_hex(4)
    yield (made := _made(answer, "Book", engine, {"id"}, {"title", "subtitle"}))
    if not made.good:
        return
    where = 'section "NULL or not" in lesson 05'
    yield from _trials(
        engine,
        "books",
        ("a book must have a title", where, [({"title": None, "subtitle": word}, REFUSED)]),
        ("a subtitle may be missing", where, [({"title": word, "subtitle": None}, TAKEN)]),
        _length("title", 120, {"subtitle": word}),
        _length("subtitle", 200, {"title": word}),
    )


def _reader(answer: Answer) -> Iterator[Item]:
    engine, name = answer.scratch(), f"Ann.{secrets.token_hex(4)}"
    yield (made := _made(answer, "Reader", engine, {"id"}, {"email"}))
    if not made.good:
        return
    section = 'section "Unique regardless of case" in lesson 05'
    again = {"email": f"{name.lower()}@example.COM"}
    named = [(again, f"{REFUSED} by uq_readers_email_lower")]
    other = {"email": f"Ann.{name}@Example.com"}
    yield from _trials(
        engine,
        "readers",
        ("an e-mail stays as it was written", "rules", [({"email": f"{name}@Example.com"}, TAKEN)]),
        ("another e-mail is taken", "what the rule is about", [(other, TAKEN)]),
        ("the same e-mail in other capitals is refused", section, [(again, REFUSED)]),
        ("the rule has its name", "the name that is given to the rule", named),
        ("a reader must have an e-mail", "Mapped[...]", [({"email": None}, REFUSED)]),
        _length("email", 255, {}),
    )


def _join(names: dict[str, Any], engine: Engine, name: str, password: str) -> None:
    """Make a member with the constructor, and store it."""
    with Session(engine) as session:
        session.add(names["Member"](name=name, password=password))
        session.commit()


def _set(names: dict[str, Any], engine: Engine, attribute: str, value: str) -> None:
    """Load the only member, set one attribute, and store it."""
    with Session(engine) as session:
        setattr(session.scalars(select(names["Member"])).one(), attribute, value)
        session.commit()


def _stored(engine: Engine) -> tuple[str, str]:
    """The name and the password of the only member, as the table holds them."""
    with engine.connect() as connection:
        name, password = connection.execute(text("SELECT name, password FROM members")).one()
    return str(name), str(password)


def _hash_of(password: str, stored: str) -> str:
    """What a stored value is to a password."""
    if stored == password:
        return "the password itself, in plain text"
    try:
        good = hashing.verify_password(password, stored)
    except ValueError:
        return f"no argon2 hash, but {stored!r}"
    return HASH if good else "a hash, but of something else"


def _member(answer: Answer) -> Iterator[Item]:
    engine, (first, second) = answer.scratch(), (secrets.token_hex(6), secrets.token_hex(6))
    made = _made(answer, "Member", engine, {"id", "name"}, {"password"})
    section = 'section "A password is hashed, however it is set" in lesson 05'
    where = f"{section}; a hash needs 97 characters"
    if not made.good:
        yield made
        return
    told = answer.ask(_join, engine, "Ann", first)
    got = told if told.error else Outcome(_hash_of(first, _stored(engine)[1]))
    yield ex.expect("Member(name=..., password=...) stores a hash", got, HASH, where)
    if told.error:
        return
    told = answer.ask(_set, engine, "password", second)
    got = told if told.error else Outcome(_hash_of(second, _stored(engine)[1]))
    yield ex.expect("a password that is set later is stored as a hash", got, HASH, where)
    before = ("Anna", _stored(engine)[1])
    told = answer.ask(_set, engine, "name", "Anna")
    good = not told.error and _stored(engine) == before
    got = told if told.error else Outcome(_stored(engine))
    where = "what runs when a row is stored again: a hash must not be hashed"
    yield ex.claim("a new name leaves the password alone", good, str(before), got, where)


# How an answer begins; and answers, each below a line with its name and what is said to it.
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
== both required | a subtitle may be missing
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str] = mapped_column(String(200))
== both optional, as in the style of 2021 | must have a title
    title, subtitle = Column(String(120)), Column(String(200))
== the wrong one is optional | must have a title
    title: Mapped[str | None] = mapped_column(String(120))
    subtitle: Mapped[str] = mapped_column(String(200))
== lengths swapped | title holds 120
    title: Mapped[str] = mapped_column(String(200))
    subtitle: Mapped[str | None] = mapped_column(String(120))
== no length | subtitle holds 200
    title: Mapped[str] = mapped_column(String(120))
    subtitle: Mapped[str | None]
== one column only | has its columns
    title: Mapped[str] = mapped_column(String(120))
== padded with spaces | a subtitle may be missing
    title, subtitle = Column(CHAR(120), nullable=False), Column(CHAR(200))
"""
READER = HEAD.format("Reader", "readers") + "    email: Mapped[str] = mapped_column(String(255))\n"
NO_RULES = """
== unique=True | in other capitals is refused
    email: Mapped[str] = mapped_column(String(255), unique=True)
== an index on the column itself | in other capitals is refused
    __table_args__ = (Index("uq_readers_email_lower", "email", unique=True),)
== not unique | in other capitals is refused
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)")),)
== another name | the rule has its name
    __table_args__ = (Index("readers_email", text("lower(email)"), unique=True),)
== lower case in Python only | in other capitals is refused
    __table_args__ = (UniqueConstraint("email", name="uq_readers_email_lower"),)
    _lower = validates("email")(lambda self, key, value: value.lower())
== only lower case is allowed | stays as it was written
    __table_args__ = (UniqueConstraint("email"), CheckConstraint("email = lower(email)"))
== an e-mail that may be missing | must have an e-mail
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)"), unique=True),)
    email: Mapped[str | None] = mapped_column(String(255))
== about the first letters | another e-mail is taken
    __table_args__ = (Index("uq_readers_email_lower", text("lower(left(email, 4))"), unique=True),)
"""
NAMED = HEAD.format("Member", "members") + "    name: Mapped[str] = mapped_column(String(50))\n"
MEMBER = f"{NAMED}    password: Mapped[str] = mapped_column(String(255))\n"
NO_HASHES = """
== a column and nothing more | (name=..., password=...) stores a hash
== in the constructor only | set later
    def __init__(self, name, password):
        self.name, self.password = name, hasher.hash(password)
== a method that must be called | (name=..., password=...) stores a hash
    def set_password(self, plain):
        self.password = hasher.hash(plain)
== nothing is returned | (name=..., password=...) stores a hash
    @validates("password")
    def _hash(self, key, plain):
        hasher.hash(plain)
== the wrong attribute | (name=..., password=...) stores a hash
    _hash = validates("name")(lambda self, key, plain: hasher.hash(plain))
== too short for a hash | (name=..., password=...) stores a hash
    password: Mapped[str] = mapped_column(String(50))
    _hash = validates("password")(lambda self, key, plain: hasher.hash(plain))
== cut to fit | (name=..., password=...) stores a hash
    _hash = validates("password")(lambda self, key, plain: hasher.hash(plain)[:50])
== hashed whenever it is stored | a new name leaves the password alone
@event.listens_for(Member, "before_insert")
@event.listens_for(Member, "before_update")
def _hash(mapper, connection, member):
    member.password = hasher.hash(member.password)
"""


def _wrong(head: str, answers: str) -> tuple[Wrong, ...]:
    """The wrong answers of such a text, all with one head."""
    found = []
    for answer in answers.split("\n== ")[1:]:
        title, _, code = answer.partition("\n")
        name, _, says = title.partition(" | ")
        found.append(Wrong(name, f"{head}{code}\n", says))
    return tuple(found)


EXERCISES = (
    Exercise(
        "05.1",
        "A column that may be empty, and one that may not",
        _book,
        names=("Book",),
        begin=Begin("05"),
        hints=(
            "Which part of a column says whether it may be empty: its name, type or length?",
            "`Mapped[str]` promises a text. What would you write for a text or nothing?",
            "Mapped[str] and String(120) for the title, Mapped[str | None] for the subtitle.",
        ),
        why="`Mapped[str]` promises a text, so the column gets NOT NULL. `Mapped[str | None]` "
        "allows NULL. `String(n)` is the length, and PostgreSQL refuses what is longer.",
        right=(
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
        ),
        wrong=_wrong(BOOK, NO_BOOKS),
    ),
    Exercise(
        "05.2",
        "One e-mail, one reader",
        _reader,
        names=("Reader",),
        begin=Begin("05"),
        points=2,
        hints=(
            "What is the same in Ann@example.com and ann@example.com, and might occur only once?",
            "An index can be about an expression. Lesson 05 makes one, with a name.",
            'Index("uq_readers_email_lower", text("lower(email)"), unique=True), '
            "in __table_args__, which is a tuple.",
        ),
        why="The index holds each e-mail in lower case, and each may occur once there. The column "
        "keeps what was written. The name is chosen by hand, so a migration can rely on it.",
        right=(
            f"""{READER}
Index("uq_readers_email_lower", func.lower(Reader.email), unique=True)
""",
            f"""{READER}
    folded = Column(String(255), Computed("upper(email)", persisted=True))
    __table_args__ = (UniqueConstraint("folded", name="uq_readers_email_lower"),)
""",
        ),
        wrong=_wrong(READER, NO_RULES),
    ),
    Exercise(
        "05.3",
        "No way around the hash",
        _member,
        names=("Member",),
        begin=Begin("05"),
        points=2,
        hints=(
            "A constructor runs once. What runs each time that an attribute is set?",
            "`validates`, in lesson 05, names a method that gets each new value.",
            'Below @validates("password"), a method (self, key, plain) that returns the hash.',
        ),
        why="The constructor of a model sets its attributes one by one, so `validates` sees its "
        "values as well as later ones. What is loaded from the table passes it by, so nothing is "
        "hashed twice. It does not see an UPDATE that goes past the objects.",
        right=(
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
        ),
        wrong=_wrong(MEMBER, NO_HASHES),
    ),
)
