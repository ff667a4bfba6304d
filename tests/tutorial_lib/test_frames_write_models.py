"""What a model's types do to values is done, or refused; a plain password is never stored."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from typing import Any, ClassVar

import pandas as pd
import pytest
from sqlalchemy import (
    ARRAY,
    JSON,
    Connection,
    Engine,
    Enum,
    ForeignKey,
    LargeBinary,
    PickleType,
    String,
    TypeDecorator,
    func,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from support.drivers import both_drivers
from tutorial_lib import db as application
from tutorial_lib import frames, hashing
from tutorial_lib.errors import FrameError, WriteError
from tutorial_lib.models import User

pytestmark = both_drivers


class Base(DeclarativeBase):
    """Models of the tests."""


class Size(enum.Enum):
    """Its names and values differ."""

    SMALL = "s"
    LARGE = "l"


class Upper(TypeDecorator[str]):
    """Upper case; NULL becomes a dash."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str:
        """Raise an error with the value for a word."""
        if value == "secret":
            raise ValueError(value)
        return value.upper() if value else "-"


class Wrapped(TypeDecorator[Any]):
    """A document in an envelope."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        """Wrap it."""
        return {"it": value}


class Doubled(UserDefinedType[int]):
    """An integer, doubled."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type."""
        return "int"

    def bind_processor(self, dialect: Any) -> Any:
        """Double it."""
        return lambda value: None if value is None else value * 2


class Lowered(TypeDecorator[str]):
    """Lower case by SQL."""

    impl = String
    cache_ok = True

    def bind_expression(self, bindvalue: Any) -> Any:
        """Call a function."""
        return func.lower(bindvalue)


class Thing(Base):
    """A column for each type."""

    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str | None] = mapped_column(Upper)
    size: Mapped[Size | None] = mapped_column(Enum(Size))
    sizes: Mapped[list[Size] | None] = mapped_column(ARRAY(Enum(Size)))
    words: Mapped[list[str] | None] = mapped_column(ARRAY(Upper))
    document: Mapped[Any] = mapped_column(JSON, nullable=True)
    wrapped: Mapped[Any] = mapped_column(Wrapped, nullable=True)
    number: Mapped[int | None] = mapped_column(Doubled)
    pickled: Mapped[Any] = mapped_column(PickleType, nullable=True)
    raw: Mapped[bytes | None] = mapped_column(LargeBinary)
    lowered: Mapped[str | None] = mapped_column(Lowered)


class Made(Base):
    """A default that only Python has."""

    __tablename__ = "made"
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str | None] = mapped_column(default="x")


class Animal(Base):
    """A class with a subclass in the same table, and one in its own."""

    __tablename__ = "animals"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str | None]
    __mapper_args__: ClassVar = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}


class Cat(Animal):
    """In the same table."""

    __mapper_args__: ClassVar = {"polymorphic_identity": "cat"}


class Dog(Animal):
    """In its own table."""

    __tablename__ = "dogs"
    id: Mapped[int] = mapped_column(ForeignKey(Animal.id), primary_key=True)
    __mapper_args__: ClassVar = {"polymorphic_identity": "dog"}


@pytest.fixture(scope="module")
def created(shared: Engine) -> Engine:
    """A database with the tables."""
    Base.metadata.create_all(shared)
    application.Base.metadata.create_all(shared, [User.__table__])  # type: ignore[list-item]
    return shared


@pytest.fixture
def connection(created: Engine) -> Iterator[Connection]:
    """A transaction that's rolled back."""
    with created.connect() as connection:
        connection.execute(text("SELECT 1"))
        yield connection


def value(connection: Connection, column: str, table: str = "things") -> Any:
    """Return the text of the only value."""
    return connection.scalar(text(f"SELECT CAST({column} AS text) FROM {table}"))


def test_passwords_are_hashed(connection: Connection) -> None:
    users = pd.DataFrame({"name": ["Ann"], "email": ["a@x.io"], "password": ["correct horse"]})
    frames.write(users, User, connection)
    stored = value(connection, "password", "users")
    assert stored != "correct horse"
    assert hashing.verify_password("correct horse", stored)


def test_a_hash_is_not_hashed_again_if_it_is_marked(connection: Connection) -> None:
    hashed = hashing.get_password_hash("correct horse")
    users = pd.DataFrame({"name": ["Ann"], "email": ["a@x.io"], "password": ["?"]}, dtype=object)
    users.at[0, "password"] = hashed
    frames.write(users, User.__table__, connection)
    assert value(connection, "password", "users") == hashed


def test_a_plain_password_is_refused_where_only_the_tables_name_is_given(
    connection: Connection,
) -> None:
    users = pd.DataFrame({"name": ["Ann"], "email": ["a@x.io"], "password": ["correct horse"]})
    with pytest.raises(FrameError, match=r"users.password has the type PasswordHash"):
        frames.write(users, "users", connection)
    frames.write(users, table("users"), connection)  # as the message says
    with pytest.raises(FrameError, match="has no column password"):
        frames.write(users.drop(columns="password"), "users", connection)


@pytest.mark.parametrize(
    "create",
    [
        "CREATE VIEW v AS SELECT * FROM users",
        "CREATE VIEW w AS SELECT * FROM users; CREATE VIEW v AS SELECT * FROM w",
        "CREATE TABLE v () INHERITS (users)",
    ],
    ids=["view", "view of a view", "child"],
)
def test_a_plain_password_is_refused_through_a_view_or_a_child(
    connection: Connection, create: str
) -> None:
    users = pd.DataFrame({"name": ["Ann"], "email": ["a@x.io"], "password": ["correct horse"]})
    for statement in create.split(";"):
        connection.execute(text(statement))
    with pytest.raises(FrameError, match=r"users.password has .*sqlalchemy.table\('v'\)"):
        frames.write(users, "v", connection)
    assert connection.scalar(text("SELECT count(*) FROM users")) == 0


def test_models_of_any_base_class_are_known(connection: Connection) -> None:
    with pytest.raises(FrameError, match=r"things\.word has the type Upper"):
        frames.write(pd.DataFrame({"id": [1], "word": "a"}), "things", connection)
    assert frames.write(pd.DataFrame({"id": [1]}), "things", connection) == 1


@pytest.mark.parametrize(
    ("column", "given", "stored"),
    [
        ("word", "abc", "ABC"),
        ("word", None, "-"),
        ("size", Size.LARGE, "LARGE"),
        ("size", "LARGE", "LARGE"),
        ("sizes", [Size.LARGE, Size.SMALL], "{LARGE,SMALL}"),
        ("words", ["a", "b"], "{A,B}"),
        ("document", "text", '"text"'),
        ("document", {"a": [1, None, "é"]}, '{"a": [1, null, "é"]}'),
        ("wrapped", "text", '{"it": "text"}'),
        ("number", 4, "8"),
        ("raw", b"\0\xff", "\\x00ff"),
    ],
)
def test_types_are_applied(connection: Connection, column: str, given: Any, stored: str) -> None:
    frame = pd.DataFrame({"id": [1], column: pd.Series([given], dtype=object)})
    frames.write(frame, Thing, connection)
    assert value(connection, column) == stored


def test_pickles(connection: Connection) -> None:
    frame = pd.DataFrame({"id": [1], "pickled": [{"a": 1}]})
    frames.write(frame, Thing, connection)
    assert connection.scalar(Thing.__table__.select().with_only_columns(Thing.pickled)) == {"a": 1}


def test_an_expression_in_sql_is_refused(connection: Connection) -> None:
    frame = pd.DataFrame({"id": [1], "lowered": ["A"]})
    with pytest.raises(FrameError, match="Lowered wraps its values in an SQL expression"):
        frames.write(frame, Thing, connection)


@pytest.mark.parametrize(
    ("column", "given"), [("word", "secret"), ("size", "HUGE"), ("sizes", ["HUGE"])]
)
def test_an_error_of_a_type_names_the_row_and_no_value(
    connection: Connection, column: str, given: Any
) -> None:
    frame = pd.DataFrame({"id": [1, 2], column: pd.Series([None, given], dtype=object)})
    with pytest.raises(
        WriteError, match=r"Row 1 .*(the model's type raises|isn't valid)"
    ) as caught:
        frames.write(frame, Thing, connection)
    assert str(given) not in str(caught.value)
    assert not isinstance(caught.value.__context__, ValueError | LookupError)


def test_json_text_or_values(connection: Connection) -> None:
    def write(values: list[Any], target: Any = "things") -> None:
        frame = pd.DataFrame(
            {"id": range(len(values)), "document": pd.Series(values, dtype=object)}
        )
        frames.write(frame, target, connection)

    write([json.dumps({"a": 1})])
    assert value(connection, "document") == '{"a": 1}'
    with pytest.raises(WriteError, match="document has strings beside other values"):
        write([{"a": 1}, "text"])
    with pytest.raises(WriteError, match="Row 0 has a value that isn't valid"):
        write(["text"])
    with pytest.raises(WriteError, match=r"Row 1 .* a document that JSON can't represent"):
        write([{}, {"a": {1, 2}}])


def test_a_default_of_python_is_refused(connection: Connection) -> None:
    with pytest.raises(FrameError, match=r"no column word\. Made has a default for it in Python"):
        frames.write(pd.DataFrame({"id": [1]}), Made, connection)


def test_inheritance(connection: Connection) -> None:
    with pytest.raises(FrameError, match=r"no column kind\. It tells Cat from the other classes"):
        frames.write(pd.DataFrame({"id": [1]}), Cat, connection)
    with pytest.raises(FrameError, match="Dog is stored in several tables"):
        frames.write(pd.DataFrame({"id": [1]}), Dog, connection)
    assert frames.write(pd.DataFrame({"id": [1], "kind": "cat"}), Cat, connection) == 1
