"""Tables and queries become DataFrames: what can be read, which values come, which errors."""

from __future__ import annotations

import enum
import gc
import subprocess
import sys
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandas as pd
import psycopg
import psycopg2
import pytest
from psycopg2 import extensions
from sqlalchemy import (
    ARRAY,
    Engine,
    Enum,
    Integer,
    LargeBinary,
    String,
    Table,
    TypeDecorator,
    bindparam,
    column,
    create_engine,
    func,
    insert,
    select,
    table,
    text,
    union_all,
)
from sqlalchemy.exc import DataError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, deferred, mapped_column

from support import drivers
from support.assert_frames import assert_same
from tutorial_lib import db, frames
from tutorial_lib.errors import FrameError
from tutorial_lib.frames import values
from tutorial_lib.frames.drivers import driver_of
from tutorial_lib.models import User

SHAPES = "Pass a table's name, a mapped class, SQL or a select()."
BEGINS = "a query starts with SELECT, WITH, VALUES, TABLE, SHOW or EXPLAIN."


class Base(DeclarativeBase):
    """A base for this file's models."""


class Size(enum.Enum):
    """A Python enumeration."""

    SMALL = "s"
    LARGE = "l"


class Cents(TypeDecorator[Decimal]):
    """Money, kept as whole cents."""

    impl = Integer
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> Decimal | None:
        return None if value is None else Decimal(value) / 100


class Product(Base):
    """Columns whose values SQLAlchemy converts."""

    __tablename__ = "products"
    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str] = deferred(mapped_column(String))
    size: Mapped[Size]
    price: Mapped[Decimal | None] = mapped_column(Cents)
    tags: Mapped[list[str]] = mapped_column(ARRAY(String))
    photo: Mapped[bytes] = mapped_column(LargeBinary)
    token: Mapped[uuid.UUID]
    colour: Mapped[str] = mapped_column(Enum("red", "blue", name="colour"))


driver = drivers.each_driver


@pytest.fixture(scope="module")
def filled(shared: Engine) -> Engine:
    """A database with users, products, a table in another schema, and an SQL keyword as name."""
    User.metadata.tables["users"].create(shared)
    Base.metadata.create_all(shared)
    rows = [{"name": f"User {n}", "email": f"{n}@x.io", "password": "$x"} for n in range(1, 6)]
    one = {"note": "n", "tags": ["a", "b"], "photo": b"\x00\xff", "token": uuid.UUID(int=7)}
    with shared.begin() as connection:
        connection.execute(text("CREATE SCHEMA shop"))
        connection.execute(text('CREATE TABLE shop."Order Items" AS SELECT 1 AS "N", 2.50 AS paid'))
        connection.execute(text('CREATE TABLE "group" AS SELECT 1 AS n'))
        plain = table("users", column("name"), column("email"), column("password"))
        connection.execute(insert(plain), rows)
        for size, price in ((Size.SMALL, None), (Size.LARGE, 1990)):
            values = {**one, "size": size, "price": price, "colour": "red"}
            connection.execute(insert(Product).values(values))
    return shared


def said(*call: Any, **options: Any) -> str:
    """Return the message of a call that fails."""
    with pytest.raises(FrameError) as caught:
        frames.read(*call, **options)
    return str(caught.value)


# -- what can be read


def test_a_table_by_its_name(filled: Engine) -> None:
    expected = pd.read_sql(text("SELECT * FROM users"), filled)
    assert_same(frames.read("users", filled), expected)
    assert len(expected) == 5


def test_a_table_whose_columns_have_changed_since(filled: Engine) -> None:
    change = "CREATE TABLE wider AS SELECT 1 AS a", "ALTER TABLE wider ADD b int"
    for statement in (*change, "ALTER TABLE wider RENAME b TO c", "ALTER TABLE wider DROP a"):
        with filled.begin() as connection:
            connection.execute(text(statement))
        found = frames.read("wider", filled)
        pd.testing.assert_frame_equal(found, pd.read_sql(text("SELECT * FROM wider"), filled))
    with filled.begin() as connection:
        connection.execute(text("DROP TABLE wider"))


def test_a_table_of_another_schema_whose_name_must_be_quoted(filled: Engine) -> None:
    expected = pd.read_sql(text('SELECT * FROM shop."Order Items"'), filled)
    assert_same(frames.read("shop.Order Items", filled), expected)


@pytest.mark.parametrize("name", ["group", "values", "Select"])
def test_a_table_whose_name_is_a_word_of_sql(filled: Engine, name: str) -> None:
    with filled.connect() as connection:
        connection.execute(text(f'CREATE TEMP TABLE "{name}" AS SELECT 1 AS n'))
        assert frames.read(name, connection)["n"].tolist() == [1]


@pytest.mark.parametrize(
    "what",
    [
        User,
        User.__table__,
        User.name,
        select(User).order_by(User.id.desc()),
        select(User.id, User.name.label("who")).where(User.name == "User 3"),
        select(func.count(), func.max(User.id)).select_from(User),
        select(User.id).where(User.id.in_([1, 3])),
        union_all(select(User.id), select(User.id)),
        select(User.id, User.id.label("again"), User.name).subquery(),
        text("SELECT id, name FROM users").columns(User.id, User.name),
        Product,
        select(Product.size, Product, func.count().over()),
    ],
    ids=lambda what: type(what).__name__,
)
def test_what_sqlalchemy_can_select(filled: Engine, what: Any) -> None:
    statement = what if hasattr(what, "compile") and not isinstance(what, Table) else select(what)
    if not hasattr(statement, "execution_options"):
        statement = select(statement)
    assert_same(frames.read(what, filled), pd.read_sql(statement, filled))


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM users ORDER BY id;",
        "  SELECT 1 AS n ;  -- a comment; and a :name\n",
        "/* first; :this */ SELECT 1 AS n",
        "-- SELECT is below\nselect 1 as n",
        "(SELECT 1 AS n) UNION ALL (SELECT 2)",
        "VALUES (1, 'a'), (2, 'b')",
        "TABLE users",
        "WITH few AS (SELECT 1 AS n) SELECT n, n + 1 AS m FROM few",
        "SELECT '100%' AS a, '%s %(x)s' AS b, 7 % 4 AS c, ';' AS d, $$ :x; $$ AS e",
        "SELECT ':x' AS a, '{\"k\": \":v\"}'::jsonb AS b, E'it\\'s :x' AS c, '12:30'::time AS d",
        "SELECT (ARRAY[1, 2, 3])[1:2] AS part",
        "SELECT'x' AS a",
        "VALUES(1)",
        "SHOW server_version_num",
        "EXPLAIN (COSTS off) SELECT 1",
    ],
)
def test_sql_as_text(filled: Engine, query: str) -> None:
    with filled.connect() as connection:
        result = connection.exec_driver_sql(query.replace("%", "%%"), {})
        rows, names = [tuple(row) for row in result], list(result.keys())
    frame = frames.read(query, filled)
    assert list(frame.columns) == names
    assert list(frame.itertuples(index=False, name=None)) == rows


def test_a_dataframe_can_be_written_to(filled: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    query = """SELECT n, n / 2.0 AS half, n = 1 AS first, 'x' || n AS word, now() + n * day AS at,
        current_date + n AS date, n * day AS span, localtimestamp + n * day AS local, ARRAY[n] AS l
        FROM generate_series(1, 2) AS n, (SELECT interval '1 day') AS d (day)"""
    for few in (1 << 13, 0):
        monkeypatch.setattr("tutorial_lib.frames.dispatch.FEW", few)
        frame = frames.read(query, filled)
        for name in frame.columns.drop("l"):
            frame.loc[0, name] = frame.loc[1, name]
        frame.at[0, "l"] = frame.at[1, "l"]
        assert_same(frame.iloc[[0]], frame.iloc[[1]].set_axis([0]))


def test_few_rows_need_no_copy(filled: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come with the columns, and a value is sent as it is, however long."""

    class Copied(Exception):
        pass

    def copy(*_: object) -> None:
        raise Copied

    monkeypatch.setattr("tutorial_lib.frames.dispatch.Copy", copy)
    found = frames.read("SELECT n, repeat('\\', 99) AS x FROM generate_series(1, 9) AS n", filled)
    assert found["n"].tolist() == list(range(1, 10))
    with pytest.raises(Copied):
        frames.read("SELECT n FROM generate_series(1, 900) AS n", filled)


@pytest.mark.parametrize("rows", [0, 1, 100, 101, 102, 5000])
def test_more_rows_than_the_planner_expects(filled: Engine, rows: int) -> None:
    query = f"SELECT n FROM generate_series(1, 5000) AS n WHERE (n + 0) * 2 / 2 <= {rows}"
    few = f"SELECT n FROM generate_series(1, {rows}) AS n WHERE n % 1 = 0"
    for each in (query, few):
        assert frames.read(each, filled)["n"].tolist() == list(range(1, rows + 1))


# -- the values of parameters


def test_values_are_bound(filled: Engine) -> None:
    query = "SELECT name FROM users WHERE name = :name OR id = ANY(:ids) ORDER BY id"
    strange = "' UNION SELECT password FROM users --"
    assert frames.read(query, filled, name=strange, ids=[])["name"].tolist() == []
    assert len(frames.read(query, filled, name="User 1", ids=[2, 3])) == 3


def test_values_of_a_construct_are_bound(filled: Engine) -> None:
    statement = select(User.name).where(User.id == bindparam("wanted"))
    assert frames.read(statement, filled, wanted=2)["name"].tolist() == ["User 2"]


def test_parameters_may_have_any_name(filled: Engine) -> None:
    query = "SELECT :query AS a, :con AS b, :session AS c, :chunks AS d, :params AS e, :self AS f"
    arguments = {"con": 2, "session": 3, "chunks": 4, "params": 5}
    frame = frames.read(query, filled, query=1, params=arguments, self=6)
    assert frame.iloc[0].tolist() == [1, 2, 3, 4, 5, 6]


def test_a_parameter_without_a_value_is_named(filled: Engine) -> None:
    assert said("SELECT :session AS s", filled) == (
        "A parameter has no value. SQLAlchemy says: A value is required for bind parameter "
        "'session'. Pass it by name, or in params={...} if its name is an argument of read()."
    )


def test_a_parameter_the_query_does_not_have_is_named(filled: Engine) -> None:
    message = "The query has no parameter :nmae. Its parameters: :id, :name."
    assert said("SELECT :name AS a, :id AS b", filled, id=1, name=2, nmae=3) == message
    assert said("users", filled, id=1) == ("The query has no parameter :id. Its parameters: none.")


# -- what doesn't exist, and what isn't a query


def test_near_names_of_a_table_that_does_not_exist(filled: Engine) -> None:
    assert said("usres", filled) == (
        'PostgreSQL says: relation "usres" does not exist. Similar: users. '
        "Check the spelling and the case."
    )
    message = 'PostgreSQL says: relation "shop.order items" does not exist. '
    message += "Similar: shop.Order Items."
    assert said("shop.order items", filled).startswith(message)
    assert said('SELECT * FROM shop."order items"', filled).startswith(message)


def test_a_name_that_the_server_does_not_point_at(filled: Engine) -> None:
    with filled.connect() as connection:
        body = "BEGIN RETURN (SELECT count(*) FROM nowhere); END"
        head = "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE plpgsql AS"
        connection.execute(text(f"{head} $${body}$$"))
        assert 'relation "nowhere" does not exist' in said("SELECT pg_temp.f()", connection)
        assert "missing FROM-clause" in said("SELECT x.id FROM users u", connection)


def test_all_tables_when_none_is_near(filled: Engine) -> None:
    assert said("SELECT * FROM q", filled) == (
        'PostgreSQL says: relation "q" does not exist. There are: group, products, '
        "shop.Order Items, users. Check the spelling and the case."
    )


@pytest.mark.parametrize("query", ["SELECT nmae FROM users", "SELECT u.nmae FROM users u"])
def test_near_names_of_a_column_that_does_not_exist(filled: Engine, query: str) -> None:
    name = '"nmae"' if "u." not in query else "u.nmae"
    assert said(query, filled) == (
        f"PostgreSQL says: column {name} does not exist. Similar: name. "
        "Check the spelling and the case."
    )


def test_near_names_behind_letters_of_several_bytes(filled: Engine) -> None:
    assert "does not exist. Similar: users." in said("SELECT 'üü', * FROM usres", filled)


@pytest.mark.parametrize("sql", ["INSERT INTO users VALUES (1)", "DROP TABLE users", "COMMIT now"])
def test_a_statement_that_is_no_query_is_refused(filled: Engine, sql: str) -> None:
    assert said(sql, filled) == (
        f"Only a table or a query can be read. {sql!r} isn't a query, because {BEGINS} No table "
        f"has that name either. {SHAPES}"
    )
    assert said(text(sql), filled) == (
        f"Only a table or a query can be read. {sql!r} isn't one: {BEGINS} {SHAPES}"
    )


def test_an_insert_of_sqlalchemys_is_refused(filled: Engine) -> None:
    statement = insert(User).values(name="x").returning(User.id)
    message = f"Only a table or a query can be read. This changes data: Insert. {SHAPES}"
    assert said(statement, filled) == message


@pytest.mark.parametrize(
    "query",
    [
        "WITH gone AS (DELETE FROM users RETURNING *) SELECT * FROM gone",
        "SELECT setval('users_id_seq', 900)",
        "SELECT * FROM users FOR UPDATE",
        "EXPLAIN ANALYZE DELETE FROM users",
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_a_query_that_changes_something_changes_nothing(
    filled: Engine, query: str, inside: bool
) -> None:
    with filled.connect() as connection:
        if inside:
            connection.execute(text("SELECT 1"))
        with pytest.raises((FrameError, pd.errors.DatabaseError), match=r"read-only|top level"):
            frames.read(query, connection)
        assert connection.in_transaction() == inside
    assert len(frames.read("users", filled)) == 5
    assert frames.read("SELECT last_value FROM users_id_seq", filled).iloc[0, 0] == 5


def test_two_queries_at_once_are_refused(filled: Engine) -> None:
    message = "Only one query can be read. There's a ; in the middle of it."
    assert said("SELECT 1; DELETE FROM users", filled) == message
    assert said("SHOW work_mem; DELETE FROM users", filled) == message
    assert len(frames.read("users", filled)) == 5


def test_what_is_nothing_like_a_query_is_refused(filled: Engine) -> None:
    message = f"Only a table or a query can be read. This is of type int. {SHAPES}"
    assert said(5, filled) == message


def test_an_option_that_makes_no_sense_is_refused(filled: Engine) -> None:
    assert (
        said("users", filled, chunks=0)
        == "chunks is 0, and must be at least 1. Pass a whole number, such as chunks=10."
    )
    assert said("users", filled, session=filled) == (
        "Both con and session are given. They mean the same: pass one."
    )
    assert said("users", filled, dtype_backend="arrow") == (
        "dtype_backend is 'arrow'. It must be 'pyarrow', 'numpy_nullable' or None."
    )


def test_another_driver_is_refused() -> None:
    assert said("users", create_engine("sqlite://")) == (
        "The engine connects to sqlite with pysqlite. This works only with PostgreSQL, with "
        "psycopg2 or psycopg. Create it with a postgresql+psycopg2:// or postgresql+psycopg:// URL."
    )


# -- where it reads


def test_without_an_engine_it_takes_that_of_session_local(filled: Engine) -> None:
    db.SessionLocal.configure(bind=filled)
    try:
        assert len(frames.read("users")) == 5
    finally:
        db.SessionLocal.configure(bind=None)


def test_without_any_database_it_says_so() -> None:
    db.SessionLocal.configure(bind=None)
    assert said("users") == (
        "There is no database: SessionLocal isn't bound to an engine. Pass an engine, or bind the "
        "session to one: sessionmaker(engine)."
    )


@pytest.mark.parametrize("pass_as", ["engine", "connection", "session"])
def test_an_engine_a_connection_and_a_session_do(filled: Engine, pass_as: str) -> None:
    with filled.connect() as connection, Session(filled) as session:
        place = {"engine": filled, "connection": connection, "session": session}[pass_as]
        assert len(frames.read("users", place)) == len(frames.read("users", session=place)) == 5


# -- values of another kind


@pytest.fixture(params=["few", "many"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows are read in a different way from many."""
    if request.param == "many":
        monkeypatch.setattr("tutorial_lib.frames.dispatch.FEW", 0)


def test_types_of_an_application_are_applied(filled: Engine, way: None) -> None:
    frame = frames.read(Product, filled)
    assert frame["size"].tolist() == [Size.SMALL, Size.LARGE]
    assert frame["photo"].tolist() == [b"\x00\xff"] * 2
    assert frame["price"].tolist()[1] == 19.9
    assert "note" not in frame
    assert_same(frame, pd.read_sql(select(Product), filled))


def test_types_that_were_named_are_applied_by_name(filled: Engine, way: None) -> None:
    query = text("SELECT 1990 AS a, 5 AS b").columns(b=Integer, a=Cents)
    assert frames.read(query, filled).iloc[0].tolist() == [19.9, 5]


def register(driver: Any, oid: int, name: str, change: Callable[[str], Any]) -> None:
    """Let a connection make a type's values from strings with a function."""
    if isinstance(driver, psycopg2.extensions.connection):
        caster = extensions.new_type((oid,), name, lambda value, _: value and change(value))
        extensions.register_type(caster, driver)
    else:
        loads = {"load": lambda _, data: change(bytes(data).decode())}
        driver.adapters.register_loader(oid, type(name, (psycopg.adapt.Loader,), loads))


@pytest.mark.parametrize(
    ("oid", "literal"), [(23, "3"), (25, "'x'::text"), (2950, f"'{uuid.UUID(int=1)}'::uuid")]
)
def test_casters_that_were_registered_are_applied(
    filled: Engine, way: None, oid: int, literal: str
) -> None:
    with filled.connect() as connection:
        register(connection.connection.dbapi_connection, oid, "TWICE", lambda value: value * 2)
        query = text(f"SELECT {literal.replace('::', chr(92) + ':' + chr(92) + ':')} AS n")
        frame = frames.read(query, connection)
        assert_same(frame, pd.read_sql(query, connection))
        assert frame["n"].iloc[0] == str(literal.strip("'").partition("'")[0]) * 2
        connection.invalidate()  # its values must not reach other tests


@pytest.mark.parametrize("everywhere", [False, True])
def test_another_reader_of_json_is_applied(
    filled: Engine, way: None, everywhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    query, options = "SELECT '{}'::jsonb AS j", {"json_deserializer": lambda value: [value]}
    if everywhere:  # psycopg2 has no such thing
        monkeypatch.setattr("psycopg.types.json._JsonLoader._loads", lambda value: [value])
        options = {}
    engine = db.make_engine(filled.url, **options)
    frame = frames.read(query, engine)
    assert_same(frame, pd.read_sql(text(query.replace(":", r"\:")), engine))
    assert frame["j"][0] in (["{}"], [b"{}"], {})
    engine.dispose()


def test_documents_too_deep_for_one_list_are_read_one_by_one(
    filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shallow(text: str) -> object:
        raise RecursionError

    monkeypatch.setattr(values.json, "loads", shallow)
    found: list[Any] = []
    with filled.connect() as connection:
        register(connection.connection.dbapi_connection, 3802, "JSONB", found.append)
        values._documents(["1", "2"], driver_of(connection).caster(3802).cast)
        connection.invalidate()
    assert found == ["1", "2"]


# -- its cost


def test_importing_it_loads_neither_pandas_nor_pyarrow() -> None:
    code = "import sys; from tutorial_lib import frames; print('pandas' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_as_it_was(filled: Engine, enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()
    try:
        frames.read("users", filled)
        with pytest.raises((ValueError, DataError), match=r"out of range|must be in|too small"):
            frames.read("SELECT date '0044-03-15 BC' AS ides", filled)
        chunks = frames.read("users", filled, chunks=2)
        next(chunks)
        assert gc.isenabled() is enabled
        chunks.close()
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


def test_an_error_shows_no_value(filled: Engine) -> None:
    with pytest.raises(Exception, match="division by zero") as caught:
        frames.read("SELECT 1 / (id - id) AS n FROM users WHERE name <> :x", filled, x="s3cret")
    assert "s3cret" not in str(caught.value)


def test_a_connection_of_one_request_serves_the_next(filled: Engine) -> None:
    with filled.connect() as connection:
        driver = connection.connection.dbapi_connection
    for _ in range(3):
        frames.read("users", filled)
    with filled.connect() as connection:
        assert connection.connection.dbapi_connection is driver
        assert not driver.autocommit
