"""A submission's own SQL changes no verdict: not its operators, nor its casts, nor its settings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from coursekit.course.session_defaults import left_defaults, remove_defaults
from coursekit.exercises.begin import begin
from coursekit.exercises.clean_session import Unreadable
from coursekit.exercises.database import Database
from coursekit.exercises.manifest import find
from coursekit.exercises.statements import insert, select
from coursekit.exercises.verdict import NOT_YET
from coursekit.servers.server import Server, admin
from support.attempts import tried
from support.samples import revision
from tutorial_lib.db import make_engine

pytestmark = pytest.mark.usefixtures("answers", "harmless")


@pytest.fixture(scope="module")
def server(own_server: Server) -> Server:
    """A server whose roles no other test uses."""
    return own_server


# Exercise 06.2 asks for a rename; this loses all names.
LOSES = """
op.drop_column("users", "name")
op.add_column("users", sa.Column("full_name", sa.String(50), nullable=False, server_default="x"))
op.alter_column("users", "full_name", server_default=None)
"""
BACK = """
op.drop_column("users", "full_name")
op.add_column("users", sa.Column("name", sa.String(50), nullable=False, server_default="x"))
op.alter_column("users", "name", server_default=None)
"""
YES = """
CREATE FUNCTION {schema}.yes(varchar, {type}) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR {schema}.= (LEFTARG = varchar, RIGHTARG = {type}, FUNCTION = {schema}.yes);
"""
DATABASE = "EXECUTE 'ALTER DATABASE ' || current_database() || ' SET {}';"
EVIL_PATH = "search_path = public, evil, pg_catalog"
ATTACKS = {
    "an operator of another schema, and the database's search path": (
        "CREATE SCHEMA evil;" + YES.format(schema="evil", type="text"),
        DATABASE.format(EVIL_PATH),
    ),
    "an operator of another schema, and the role's search path": (
        "CREATE SCHEMA evil;" + YES.format(schema="evil", type="text"),
        f"ALTER ROLE CURRENT_USER SET {EVIL_PATH};",
    ),
    "operators in public": (
        YES.format(schema="public", type="text") + YES.format(schema="public", type="varchar"),
        "",
    ),
    "an operator in pg_catalog": (YES.format(schema="pg_catalog", type="text"), ""),
    "a cast": (
        "CREATE FUNCTION public.all_alike(varchar) RETURNS bytea LANGUAGE sql IMMUTABLE "
        "AS 'SELECT ''''::bytea'; CREATE CAST (varchar AS bytea) "
        "WITH FUNCTION public.all_alike(varchar) AS IMPLICIT;",
        "",
    ),
    "functions in the place of PostgreSQL's": (
        "CREATE SCHEMA evil;"
        "CREATE FUNCTION evil.md5(text) RETURNS text LANGUAGE sql AS 'SELECT max(password) "
        "FROM public.users';"
        "CREATE FUNCTION evil.current_schema() RETURNS name LANGUAGE sql "
        "AS 'SELECT ''evil''::name';"
        "CREATE FUNCTION evil.format_type(oid, int) RETURNS text LANGUAGE sql AS "
        "'SELECT ''character varying(50)''';",
        DATABASE.format(EVIL_PATH),
    ),
    "settings of the database": (
        "",
        DATABASE.format("session_replication_role = replica")
        + DATABASE.format("transform_null_equals = on")
        + DATABASE.format("default_transaction_isolation = serializable"),
    ),
    "settings of the role": ("", "ALTER ROLE CURRENT_USER SET session_replication_role = replica;"),
    "a view in the place of the table": (
        "ALTER TABLE users RENAME TO hidden; CREATE VIEW users AS SELECT id, email, password, "
        "full_name FROM hidden;",
        "",
    ),
    "a rule that does something else": (
        "CREATE RULE nothing AS ON UPDATE TO users DO INSTEAD NOTHING;",
        "",
    ),
}


@pytest.fixture
def harmless(server: Server) -> Iterator[None]:
    """Take back what an attack has left on the role."""
    yield
    with admin(server.url) as connection:
        remove_defaults(connection)


def attacked(attack: str) -> str:
    """Return an answer that loses all names, with an attack in its upgrade."""
    first, dynamic = ATTACKS[attack]
    block = f"DO $$ BEGIN {dynamic} END $$" if dynamic else "SELECT 1"
    steps = f"{LOSES}op.get_bind().exec_driver_sql({first or 'SELECT 1'!r})\n"
    return revision(
        "0002", f"{steps}op.get_bind().exec_driver_sql({block!r})", BACK, name="full_name"
    )


@pytest.mark.slow
@pytest.mark.samples(3)
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_changes_no_verdict(attack: str) -> None:
    verdict = tried(find("06.2"), attacked(attack))
    assert verdict.state == NOT_YET, verdict
    refused = "isn't PostgreSQL's own" in verdict.items[0].got
    assert verdict.items[0].good or refused, verdict  # the attack itself has run


SHOP = "CREATE TABLE users (name varchar(50)); INSERT INTO users VALUES ('Ann')"


@pytest.fixture
def database(url: object) -> Database:
    """A database with a table `users`, and one row in it."""
    owner = make_engine(url)  # type: ignore[arg-type]
    with owner.begin() as connection:
        connection.execute(text(SHOP))
    owner.dispose()
    return Database(owner.url)


def run(database: Database, statements: str) -> None:
    """Run SQL as a submission does."""
    engine = make_engine(database.url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statements)
    engine.dispose()


def test_a_clean_session_has_no_defaults_of_its_database(database: Database) -> None:
    name = database.url.database
    run(database, f"ALTER DATABASE {name} SET search_path = evil")
    run(database, f"ALTER DATABASE {name} SET session_replication_role = replica")
    run(database, f"ALTER DATABASE {name} SET datestyle = 'SQL, DMY'")
    shown = "SELECT pg_catalog.current_setting(:name)"
    found = [
        database.query(shown, name=each)
        for each in ("search_path", "session_replication_role", "datestyle")
    ]
    assert found == [[("pg_catalog",)], [("origin",)], [("ISO, MDY",)]]


def test_a_clean_session_has_no_defaults_of_its_role(database: Database) -> None:
    run(database, "ALTER ROLE CURRENT_USER SET search_path = evil")
    run(database, "ALTER ROLE CURRENT_USER SET bytea_output = escape")
    assert database.query("SELECT pg_catalog.current_setting('bytea_output')") == [("hex",)]
    assert database.rows("users", "name") == [("Ann",)]


def test_a_view_is_no_table(database: Database) -> None:
    run(database, "ALTER TABLE users RENAME TO old; CREATE VIEW users AS SELECT name FROM old")
    with pytest.raises(Unreadable, match="there is no table users"):
        database.rows("users", "name")


CHANGED = {
    "a new operator": YES.format(schema="pg_catalog", type="text"),
    "a function replaced": "CREATE OR REPLACE FUNCTION pg_catalog.lower(text) RETURNS text "
    "LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1'",
    "a function renamed": "ALTER FUNCTION pg_catalog.upper(text) RENAME TO lower_not",
    "an operator changed": "ALTER OPERATOR pg_catalog.=(text, text) SET (RESTRICT = NONE)",
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_catalog_that_was_changed_is_not_believed(database: Database, change: str) -> None:
    run(database, CHANGED[change])
    with pytest.raises(Unreadable, match="in pg_catalog"):
        database.rows("users", "name")


def test_a_statement_fires_triggers_that_find_their_tables(database: Database) -> None:
    run(
        database,
        "CREATE TABLE log (name text); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN INSERT INTO log VALUES (NEW.name); RETURN NEW; END'; "
        "CREATE TRIGGER note BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION note()",
    )
    done = database.attempt(insert("users", name="Ben O'%s \\"), select("log", "name"))
    assert (done.value, done.error) == ([("Ben O'%s \\",)], "")
    assert database.rows("log", "name") == []


def test_begin_removes_what_a_submission_has_left_on_its_role(server: Server) -> None:
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER ROLE CURRENT_USER SET search_path = evil")
        cursor.execute("ALTER ROLE ALL SET datestyle = 'SQL'")
        assert [left.settings for left in left_defaults(connection)] == [
            ("search_path=evil",),
            ("DateStyle=SQL",),
        ]
        begin("06.2")
        assert left_defaults(connection) == []
