"""A submission's own SQL changes no verdict of the last lessons either."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from answers.capstone_addresses import COLUMNS, MODEL
from answers.capstone_addresses import DRAFT as DRAFT_ADDRESSES
from answers.capstone_emails import CARTS, DOUBLES, LOCK, ORDERS, REFUSE, TRIGGER
from answers.capstone_names import ADD, BRIDGE, CONTRACT, NONE, ONCE, ONE_NAME
from answers.capstone_names import MODEL as TWO_NAMES
from answers.in_ci import EDIT, ENV, TABLE
from coursekit.course.session_defaults import remove_defaults
from coursekit.exercises.database import Database
from coursekit.exercises.listener import listening
from coursekit.exercises.manifest import find
from coursekit.exercises.rehearsal import service
from coursekit.exercises.statements import statement
from coursekit.exercises.verdict import NOT_YET
from coursekit.exercises.watch import watching
from coursekit.servers.server import Server, admin
from support.attempts import BETWEEN, tried
from support.samples import revision

pytestmark = pytest.mark.usefixtures("answers", "harmless")


@pytest.fixture(scope="module")
def server(own_server: Server) -> Server:
    """A server whose roles no other test uses."""
    return own_server


EVIL = "CREATE SCHEMA IF NOT EXISTS evil; "
EVERYONE = (
    "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || quote_ident(current_database()) || "
    "' SET search_path = evil, public, pg_catalog'; END $$"
)
MINE = "ALTER ROLE CURRENT_USER SET search_path = evil, public, pg_catalog"
NO_INDEX = (
    "CREATE OR REPLACE VIEW evil.pg_index AS SELECT * FROM pg_catalog.pg_index "
    "WHERE indexrelid::regclass::text !~ 'created_at$'; "
)
ALL_INDEXED = (
    "CREATE VIEW evil.pg_index AS SELECT indexrelid, indrelid, true AS indisvalid, "
    "NULL::text AS indpred, true AS indisunique, false AS indisprimary, "
    "ARRAY[0, 1, 2, 3]::int2[] AS indkey FROM pg_catalog.pg_index; "
    "CREATE VIEW evil.pg_attribute AS SELECT *, 'user_id'::name AS attname FROM "
    "(SELECT attrelid, attnum, attisdropped, xmin FROM pg_catalog.pg_attribute) AS a; "
)
# Accounts that stay, while each of their e-mails counts as one of its own.
OWN_LETTERS = """op.execute('''CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE sql
    IMMUTABLE AS $$ SELECT CASE WHEN $1 ILIKE 'new%' THEN pg_catalog.lower($1)
    ELSE $1::text END $$''')"""
OWN_OPERATOR = """op.execute('''CREATE FUNCTION public.never(varchar, text) RETURNS bool
    LANGUAGE sql IMMUTABLE AS $$ SELECT false $$;
    CREATE OPERATOR public.<> (LEFTARG = varchar, RIGHTARG = text, FUNCTION = public.never)''')"""
OWN_CAST = """op.execute('''CREATE FUNCTION public.alike(varchar) RETURNS bytea
    LANGUAGE sql IMMUTABLE AS $$ SELECT ''::bytea $$;
    CREATE CAST (varchar AS bytea) WITH FUNCTION public.alike(varchar) AS IMPLICIT''')"""
REFUSES = TRIGGER.format(REFUSE.replace("lower(", "pg_catalog.lower("))
KEEPS = (
    f"{LOCK}\n{DOUBLES}\n{ORDERS}\n{CARTS}\n"
    'op.execute("DELETE FROM carts USING doubles d WHERE user_id = d.id; DROP TABLE doubles")'
)
EVIL_STATE = (
    "CREATE TABLE IF NOT EXISTS evil.coupons (code varchar(20) PRIMARY KEY); "
    "CREATE OR REPLACE VIEW evil.alembic_version AS SELECT '0004'::varchar(32) AS version_num; "
)


def executed(*statements: str) -> str:
    """Return steps of a revision that run SQL."""
    return "\n".join(f"op.get_bind().exec_driver_sql({one!r})" for one in statements)


def back(path: str) -> str:
    """Return a 13.1 upgrade that skips existing objects, and a downgrade that hides leftovers."""
    edit = "text = text.replace('[\"created_at\"])', '[\"created_at\"], if_not_exists=True)')"
    lines = [TABLE.strip("'"), *executed(f"{EVIL}{NO_INDEX}", path).splitlines()]
    return EDIT.replace("{}", f"{edit}\nback(*{lines!r})")


def not_committed(path: str) -> str:
    """Return 13.3's env.py that commits nothing, and another database in the place of this one."""
    begin = "".join(
        f"        connection.exec_driver_sql({one!r})\n        connection.commit()\n"
        for one in (f"{EVIL}{EVIL_STATE}", path)
    )
    lock = '        connection.execute(text("SELECT pg_advisory_lock(7)"))\n'
    return ENV.replace("{}", f"change(SQL, (CONFIGURE, {begin + lock!r} + CONFIGURE))")


def no_index(*statements: str) -> str:
    """Return 14.1's addresses without an index for the foreign key."""
    cell = MODEL.format(COLUMNS, "").replace(", index=True", "")
    after = revision("0006", executed(*statements), "pass", "0005")
    return f"{cell}{DRAFT_ADDRESSES}{BETWEEN}{after}"


def kept(trick: str) -> str:
    """Return 14.2's merge that keeps all accounts."""
    return revision("0005", f"{KEEPS}\n{REFUSES}\n{trick}")


def in_one_transaction(*, before: str, after: str) -> str:
    """Return 14.3's answer that fills the table in the transaction that locks it."""
    up = f"{ADD}\n{BRIDGE}\n{before}\n{ONCE}\n{after}"
    both = (revision("0005", up, NONE), revision("0006", CONTRACT, ONE_NAME))
    return BETWEEN.join([TWO_NAMES, *both])


ATTACKS = {
    "13.1, a view of indexes, the database's path": ("13.1", back(EVERYONE)),
    "13.1, a view of indexes, the role's path": ("13.1", back(MINE)),
    "13.3, another state, the database's path": ("13.3", not_committed(EVERYONE)),
    "14.1, views of the catalog": ("14.1", no_index(f"{EVIL}{ALL_INDEXED}", EVERYONE)),
    "14.1, settings of the role": (
        "14.1",
        no_index(f"{EVIL}{ALL_INDEXED}", MINE, "ALTER ROLE CURRENT_USER SET row_security = off"),
    ),
    "14.2, a function in public": ("14.2", kept(OWN_LETTERS)),
    "14.2, an operator in public": ("14.2", kept(OWN_OPERATOR)),
    "14.2, a cast": ("14.2", kept(OWN_CAST)),
    "14.3, no triggers fire": (
        "14.3",
        in_one_transaction(
            before=executed("SET LOCAL session_replication_role = replica"),
            after=executed("SET LOCAL session_replication_role = origin"),
        ),
    ),
    "14.3, the trigger is off": (
        "14.3",
        in_one_transaction(
            before=executed("ALTER TABLE users DISABLE TRIGGER watch"),
            after=executed("ALTER TABLE users ENABLE ALWAYS TRIGGER watch"),
        ),
    ),
    "14.3, another function": (
        "14.3",
        in_one_transaction(
            before=executed(
                "CREATE OR REPLACE FUNCTION watch.note() RETURNS trigger LANGUAGE plpgsql "
                "AS 'BEGIN RETURN NULL; END'"
            ),
            after="",
        ),
    ),
    "14.3, the trigger goes": (
        "14.3",
        in_one_transaction(before=executed("DROP SCHEMA watch CASCADE"), after=""),
    ),
    "14.3, messages that deny it": (
        "14.3",
        in_one_transaction(
            before="",
            after=executed(
                "SELECT pg_notify('watch', json_build_object('xid', pg_current_xact_id()::xid, "
                "'rows', -1000000, 'modes', '[]'::json)::text), pg_notify('watch', 'nothing')"
            ),
        ),
    ),
    "14.3, no one listens": (
        "14.3",
        in_one_transaction(
            before="",
            after=executed(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'LISTEN|"
                "pg_notify' AND pid <> pg_backend_pid() AND datname = current_database()"
            ),
        ),
    ),
    "14.3, functions of the role's path": (
        "14.3",
        in_one_transaction(before="", after=executed(EVIL, MINE)),
    ),
}


@pytest.fixture
def harmless(server: Server) -> Iterator[None]:
    """Take back what an attack has left on the role."""
    yield
    with admin(server.url) as connection:
        remove_defaults(connection)


@pytest.mark.slow
@pytest.mark.samples(4)
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_changes_no_verdict(attack: str) -> None:
    number, code = ATTACKS[attack]
    verdict = tried(find(number), code)
    assert verdict.state == NOT_YET, verdict
    assert verdict.items[0].good, verdict  # the attack itself has run


USERS = "CREATE TABLE users (id int, name text); INSERT INTO users SELECT n, '-' FROM {} AS n"
HUNDREDS = "generate_series(1, 300)"


@pytest.fixture
def database(engine: Engine) -> Database:
    """A database with a table `users`, and 300 rows in it."""
    run(engine, USERS.format(HUNDREDS))
    return Database(engine.url)


def run(engine: Engine, *statements: str) -> None:
    """Run SQL in one transaction, as a revision does."""
    with engine.begin() as connection:
        for each in statements:
            connection.exec_driver_sql(each)


FILLED = "UPDATE users SET name = 'x'"
SHARE = "LOCK TABLE users IN SHARE MODE"


def test_rows_that_change_under_a_lock_are_found(database: Database, engine: Engine) -> None:
    with watching(database) as watch:
        run(engine, FILLED)
        assert watch.found() == []
        run(engine, SHARE, f"{FILLED} WHERE id <= 60", f"{FILLED} WHERE id > 240")
        assert watch.found() == ["ShareLock, and 120 rows changed"]
        run(engine, SHARE, f"{FILLED} WHERE id <= 60")
        assert watch.found() == []


def test_a_message_that_no_trigger_sent_takes_nothing_back(
    database: Database, engine: Engine
) -> None:
    denied = """SELECT pg_notify('watch', json_build_object('xid', pg_current_xact_id()::xid,
        'rows', -300, 'modes', '[]'::json)::text), pg_notify('watch', '7')"""
    with watching(database) as watch:
        run(engine, SHARE, FILLED, denied, "NOTIFY watch")
        assert watch.found() == ["ShareLock, and 300 rows changed"]


def test_a_trigger_that_was_off_in_between_is_found(database: Database, engine: Engine) -> None:
    with watching(database) as watch:
        run(engine, "ALTER TABLE users DISABLE TRIGGER watch", FILLED)
        run(engine, "ALTER TABLE users ENABLE ALWAYS TRIGGER watch")
        assert watch.found() == ["the trigger that watches the table was changed"]
        assert watch.found() == []


def test_a_trigger_that_is_gone_is_found(database: Database, engine: Engine) -> None:
    with watching(database) as watch:
        run(engine, "DROP SCHEMA watch CASCADE", FILLED)
        assert "the trigger that watches it was dropped" in "".join(watch.found())
        assert watch.found() == []


def test_a_listener_that_was_ended_says_so(
    database: Database, engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    with watching(database) as watch:
        run(engine, f"SELECT pg_terminate_backend({watch.pid})")
        gone = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {watch.pid}"
        with engine.connect() as connection:
            while connection.execute(text(gone)).scalar():
                connection.rollback()
                time.sleep(0.01)
        for _ in range(2):
            assert watch.found() == ["the session that watches the table was ended"]
    assert capfd.readouterr().err == ""


def test_messages_arrive_in_the_order_of_their_commits(database: Database) -> None:
    sent = "SELECT pg_catalog.pg_notify('heard', '{}')"
    with listening(database.url, "heard") as listener:
        for each in "abc":
            database.commit(statement(sent.format(each)))
        assert listener.messages() == ["a", "b", "c"]
        assert listener.messages() == []


def test_the_service_has_the_usual_path_whatever_the_database_says(engine: Engine) -> None:
    run(engine, f"ALTER DATABASE {engine.url.database} SET search_path = evil")
    run(engine, f"ALTER DATABASE {engine.url.database} SET lock_timeout = 1")
    shop = service(engine.url)
    with shop.connect() as connection:
        path, wait = (
            connection.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("search_path", "lock_timeout")
        )
    shop.dispose()
    assert (path, wait) == ('"$user",public', "1min")
