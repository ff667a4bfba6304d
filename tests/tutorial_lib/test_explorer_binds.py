"""What the explorer reads from, what it leaves behind, and what it says to bad input."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, event, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from support.drivers import both_drivers
from tutorial_lib import explorer
from tutorial_lib.db import make_engine
from tutorial_lib.errors import ExplorerError

pytestmark = both_drivers
CALLS: dict[str, Callable[..., object]] = {
    "tables": explorer.tables,
    "counted": lambda bind: explorer.tables(bind, count=True),
    "columns": lambda bind: explorer.columns(bind, "t"),
    "head": lambda bind: explorer.head(bind, "t"),
    "views": explorer.views,
    "sequences": explorer.sequences,
    "grants": explorer.grants,
    "objects": explorer.objects,
    "snapshot": explorer.snapshot,
    "rows": lambda bind: explorer.snapshot(bind, rows=True),
    "diagram": explorer.diagram,
    "test_connection": explorer.test_connection,
}


@pytest.fixture(scope="module")
def filled(shared: Engine) -> Iterator[Engine]:
    """A database with a table, and a pool of one connection."""
    with shared.begin() as connection:
        connection.execute(text("CREATE TABLE t (id int PRIMARY KEY, note text)"))
        connection.execute(text("INSERT INTO t VALUES (1, 'a')"))
    engine = make_engine(shared.url, pool_size=1, max_overflow=0)
    yield engine
    engine.dispose()


def count_of(bind: Engine | Connection | Session | scoped_session[Session]) -> int:
    """Return the number of rows of the table that the explorer sees."""
    return int(explorer.tables(bind, count=True)["rows"][0])


STATE = """
SELECT current_setting('search_path'), current_setting('lock_timeout'),
       current_setting('transaction_read_only'), current_setting('timezone')
"""


@pytest.mark.parametrize("call", CALLS)
def test_a_connection_stays_in_its_transaction(filled: Engine, call: str) -> None:
    with filled.connect() as connection:
        connection.execute(text("SET LOCAL timezone = 'Asia/Tokyo'"))
        connection.execute(text("INSERT INTO t VALUES (2, 'b')"))
        before = connection.execute(text(STATE)).one()
        CALLS[call](connection)
        assert connection.execute(text(STATE)).one() == before
        assert count_of(connection) == 2
        connection.rollback()
        assert count_of(connection) == 1


@pytest.mark.parametrize("call", CALLS)
def test_an_idle_connection_stays_idle(filled: Engine, call: str) -> None:
    with filled.connect() as connection:
        CALLS[call](connection)
        assert not connection.in_transaction()
        with connection.begin():
            connection.execute(text("CREATE TEMP TABLE writable ON COMMIT DROP AS SELECT 1"))


@pytest.mark.parametrize("call", CALLS)
def test_autocommit_stays_autocommit(filled: Engine, call: str) -> None:
    with filled.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        CALLS[call](connection)
        connection.execute(text("VACUUM t"))
    engine = filled.execution_options(isolation_level="AUTOCOMMIT")
    CALLS[call](engine)
    with engine.connect() as connection:
        connection.execute(text("VACUUM t"))


def test_a_transaction_that_has_sent_nothing_stays_writable(filled: Engine) -> None:
    with filled.connect() as connection, connection.begin() as transaction:
        explorer.snapshot(connection)
        connection.execute(text("INSERT INTO t VALUES (3, 'c')"))
        transaction.rollback()
        assert not connection.in_transaction()


def test_a_session_in_a_transaction_shows_its_own_rows(filled: Engine) -> None:
    with Session(filled) as session:
        assert count_of(session) == 1
        assert not session.in_transaction()
        session.execute(text("INSERT INTO t VALUES (2, 'b')"))
        assert count_of(session) == 2
        session.rollback()
    scoped = scoped_session(sessionmaker(filled))
    assert count_of(scoped) == 1
    scoped.remove()


def test_the_explorer_cannot_write(filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(text("CREATE SEQUENCE numbers"))
        connection.execute(text("CREATE VIEW counting AS SELECT nextval('numbers') AS n"))
        with pytest.raises(Exception, match="read-only"):
            explorer.head(connection, "counting")
        assert connection.scalar(text("SELECT is_called FROM numbers")) is False
        connection.rollback()


def test_after_an_error_the_connection_works(filled: Engine) -> None:
    with filled.connect() as connection:
        connection.execute(text("INSERT INTO t VALUES (2, 'b')"))
        with pytest.raises(ExplorerError):
            explorer.head(connection, "nothing")
        assert count_of(connection) == 2
    assert filled.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_closed_connection_is_refused(filled: Engine) -> None:
    with filled.connect() as connection:
        pass
    with pytest.raises(ExplorerError, match="The connection is closed"):
        explorer.tables(connection)


def test_a_failed_transaction_is_refused(filled: Engine) -> None:
    with filled.connect() as connection:
        with pytest.raises(Exception, match="division by zero"):
            connection.execute(text("SELECT 1 / 0"))
        with pytest.raises(ExplorerError, match="transaction has failed"):
            explorer.tables(connection)
        connection.rollback()
        assert count_of(connection) == 1


ASYNC = "postgresql+psycopg://nobody@127.0.0.1/nothing"
BAD: dict[str, tuple[Callable[[Engine], object], str]] = {
    "swapped": (lambda e: explorer.columns("t", e), "bind is a string that isn't a database URL."),  # type: ignore[arg-type]
    "nothing": (
        lambda e: explorer.tables(None),
        "bind is None. In Alembic's offline mode (--sql)",
    ),  # type: ignore[arg-type]
    "a class": (lambda e: explorer.tables(Session), "bind is the class Session"),  # type: ignore[arg-type]
    "asynchronous": (
        lambda e: explorer.tables(create_async_engine(ASYNC)),
        "AsyncEngine, which is asynchronous.",
    ),  # type: ignore[arg-type]
    "SQLite": (
        lambda e: explorer.tables(create_engine("sqlite://")),
        "connects to sqlite",
    ),
    "unbound": (lambda e: explorer.tables(Session()), "bind isn't bound to an engine"),
    "a Table": (lambda e: explorer.columns(e, Table("t", MetaData())), "of type Table"),  # type: ignore[arg-type]
    "no such table": (lambda e: explorer.head(e, "tt"), "The tables are: t."),
    "no such schema": (
        lambda e: explorer.tables(e, "pubic"),
        "The schemas are: information_schema",
    ),
    "a schema that is a number": (lambda e: explorer.tables(e, 3), "The schema is of type int"),  # type: ignore[arg-type]
    "elsewhere": (lambda e: explorer.head(e, "pg_catalog.pg_class"), "schema='pg_catalog'"),
    "negative": (lambda e: explorer.head(e, "t", -1), "at least 0"),
    "a fraction": (lambda e: explorer.head(e, "t", 1.5), "must be a whole number, not 1.5"),  # type: ignore[arg-type]
    "a table for n": (lambda e: explorer.head(e, "t", "t"), "not 't'"),  # type: ignore[arg-type]
    "one table": (lambda e: explorer.diagram(e, "t"), "Pass a list"),
    "engines": (lambda e: explorer.changes(e, e), "Both have to be snapshots"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_clear_error(filled: Engine, name: str) -> None:
    call, message = BAD[name]
    with pytest.raises(ExplorerError) as caught:
        call(filled)
    assert message in str(caught.value)
    assert str(filled.url.password) not in str(caught.value)
    assert filled.pool.checkedout() == 0  # type: ignore[attr-defined]


HOSTILE = ["100%", "a.b", 'say "hi"', ":name", "{x}", "a;--", "SELECT", "b\\'c", "tab\there"]


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_works(filled: Engine, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    with filled.connect() as connection:
        before = explorer.snapshot(connection, rows=True)
        for sql in (
            f"CREATE TABLE {quoted} ({quoted} int PRIMARY KEY, t int)",
            f"INSERT INTO {quoted} VALUES (7)",
        ):
            connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        found = explorer.changes(before, explorer.snapshot(connection, rows=True))
        assert {one.kind for one in found.all} == {"table", "column", "constraint", "rows"}
        assert explorer.head(connection, name)[name].tolist() == [7]
        assert explorer.columns(connection, name)["column"].tolist() == [name, "t"]
        assert explorer.tables(connection, count=True)["rows"].tolist() == [1, 1]
        explorer.diagram(connection).mermaid()
        connection.rollback()


def test_names_with_dots_are_told_apart(filled: Engine) -> None:
    with filled.connect() as connection:
        connection.execute(
            text('CREATE SCHEMA a; CREATE TABLE a.b (id int); CREATE TABLE "a.b" (id int)')
        )
        names = {name for kind, name in explorer.snapshot(connection).objects if kind == "table"}
        assert names == {"t", "a.b", '"a.b"'}
        connection.rollback()


OPERATORS = """
CREATE FUNCTION public.hello(text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'hacked' $$;
CREATE FUNCTION public.concat_ws(text, VARIADIC name[]) RETURNS text LANGUAGE sql
    AS $$ SELECT 'hacked' $$;
CREATE FUNCTION public.no(name, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION public.no(oid, regclass) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.no);
CREATE OPERATOR public.<> (LEFTARG = name, RIGHTARG = text, FUNCTION = public.no);
CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = public.no);
CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = public.hello);
CREATE TYPE public.text AS (a int);
"""


def test_operators_of_the_database_are_not_used(filled: Engine) -> None:
    with filled.connect() as connection:
        before = explorer.snapshot(connection, rows=True).objects
        connection.execute(text(OPERATORS))
        connection.execute(text("SET LOCAL search_path = public, pg_catalog"))
        after = explorer.snapshot(connection, rows=True).objects
        assert {key: after[key] for key in before} == before
        connection.rollback()


MANY = """
DO $$ BEGIN
    FOR n IN 1..60 LOOP
        EXECUTE format(
            'CREATE TABLE big%s (id int PRIMARY KEY, up int REFERENCES big%s)',
            n, greatest(n - 1, 1)
        );
    END LOOP;
END $$
"""


def test_many_tables_take_few_queries_and_no_scan(shared: Engine) -> None:
    with shared.connect() as connection:
        connection.execute(text(MANY))
        scans = "SELECT sum(seq_scan + coalesce(idx_scan, 0)) FROM pg_stat_xact_user_tables"
        before, queries = connection.scalar(text(scans)), []

        def sent(*given: object) -> None:
            queries.append(given[2])

        event.listen(connection, "before_cursor_execute", sent)
        taken = {}
        for name in ("tables", "columns", "views", "grants", "objects", "snapshot", "diagram"):
            call = CALLS[name] if name != "columns" else lambda c: explorer.columns(c, "big1")
            queries.clear()
            call(connection)
            taken[name] = len(queries)
        event.remove(connection, "before_cursor_execute", sent)
        assert connection.scalar(text(scans)) == before
        assert max(taken.values()) <= 20, taken
        found = explorer.diagram(connection)
        assert len(found.entities) == 40
        assert "more aren't drawn" in repr(found)
        assert explorer.diagram(connection, tables=["big1", "big2"]).left_out == 0
        connection.rollback()


def test_a_session_in_autocommit_mode_works(filled: Engine) -> None:
    with Session(filled.execution_options(isolation_level="AUTOCOMMIT")) as session:
        session.execute(text("SELECT 1"))
        assert count_of(session) == 1
        session.execute(text("VACUUM t"))


def test_a_connection_that_streams_works(filled: Engine) -> None:
    with filled.connect().execution_options(stream_results=True, yield_per=1) as connection:
        assert count_of(connection) == 1
        assert explorer.snapshot(connection, rows=True).rows
        assert explorer.columns(connection, "t")["column"].tolist() == ["id", "note"]


def test_a_table_that_is_too_wide_is_not_drawn(filled: Engine) -> None:
    with filled.connect() as connection:
        columns = ", ".join(f"column_{number} int" for number in range(1000))
        connection.execute(text(f"CREATE TABLE wide ({columns})"))
        found = explorer.diagram(connection)
        connection.rollback()
    assert found.mermaid() == ""
    assert repr(found).splitlines()[-1].startswith("These tables have too many columns")
    assert explorer.diagram(filled, tables=[]).entities == ()
