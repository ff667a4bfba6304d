"""The explorer: which server answers, which tables there are, and what they contain."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from coursekit.servers.server import Server
from tutorial_lib import explorer
from tutorial_lib.db import make_engine
from tutorial_lib.errors import ExplorerError
from tutorial_lib.explorer.connection import ConnectionInfo

TABLES = """
CREATE TABLE users (
    id serial CONSTRAINT pk_users PRIMARY KEY,
    email varchar(255) NOT NULL,
    born date,
    active boolean NOT NULL DEFAULT true
);
CREATE UNIQUE INDEX uq_users_email_lower ON users (lower(email));
CREATE TABLE "Order" (
    id int PRIMARY KEY,
    user_id int REFERENCES users (id),
    code text UNIQUE
);
INSERT INTO users (email) VALUES ('a@x.io'), ('b@x.io');
"""


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """A database with two tables."""
    with engine.begin() as connection:
        connection.execute(text(TABLES))
    return engine


def test_a_connection_test_shows_which_server_answered(engine: Engine, server: Server) -> None:
    rows = explorer.test_connection(engine).rows
    assert rows["server"] == f"PostgreSQL {server.release}"
    assert (rows["host"], rows["port"]) == ("127.0.0.1", str(engine.url.port))
    assert (rows["user"], rows["database"]) == (server.url.username, engine.url.database)
    assert rows["latency"].endswith(" ms")


def test_a_connection_test_that_fails_raises(engine: Engine) -> None:
    with pytest.raises(OperationalError, match="password authentication failed"):
        explorer.test_connection(make_engine(engine.url.set(password="wrong")))


def test_an_empty_database_has_no_tables(engine: Engine) -> None:
    empty = {"table": [], "columns": [], "estimated_rows": [], "size_kb": []}
    assert explorer.tables(engine).to_dict("list") == empty


def test_tables_are_listed_by_name_with_their_rows_counted(filled: Engine) -> None:
    found = explorer.tables(filled, count=True)
    assert found.columns.tolist() == ["table", "columns", "rows", "size_kb"]
    assert found.values.tolist() == [["Order", 3, 0, 24], ["users", 4, 2, 40]]


def test_columns_tell_type_null_default_and_keys(filled: Engine) -> None:
    assert explorer.columns(filled, "users").values.tolist() == [
        ["id", "integer", "no", "nextval('users_id_seq'::regclass)", "primary key"],
        ["email", "varchar(255)", "no", "", "unique (lower(email::text))"],
        ["born", "date", "yes", "", ""],
        ["active", "boolean", "no", "true", ""],
    ]


def test_columns_tell_what_they_refer_to(filled: Engine) -> None:
    keys = explorer.columns(filled, "Order").set_index("column")["key"].to_dict()
    assert keys == {"id": "primary key", "user_id": "refers to users.id", "code": "unique (code)"}


def test_the_error_of_an_unknown_table_lists_the_tables(filled: Engine) -> None:
    with pytest.raises(ExplorerError) as caught:
        explorer.columns(filled, "user")
    assert str(caught.value) == (
        "There is no table 'user'. The tables are: Order, users. "
        "Check the spelling, or run the migration that creates it."
    )


def test_looking_leaves_no_transaction_behind(filled: Engine) -> None:
    explorer.tables(filled)
    explorer.columns(filled, "users")
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    with filled.connect() as connection:
        idle = connection.scalar(text(query + " AND state LIKE 'idle in transaction%'"))
    assert idle == 0


def test_what_a_server_says_is_escaped_in_html() -> None:
    info = ConnectionInfo("18", "h", 1, "<b>user</b>", "a & b", 0.1)
    assert "&lt;b&gt;user&lt;/b&gt;" in info._repr_html_()
    assert "a &amp; b" in info._repr_html_()
