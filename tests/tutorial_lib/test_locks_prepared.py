"""A prepared transaction in the way is named, with the advice that ends it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from coursekit import servers
from coursekit.servers.embedded import EmbeddedServer
from coursekit.servers.server import Server, admin
from coursekit.settings import read_settings
from support.databases import fresh_database
from support.drivers import DRIVERS
from tutorial_lib import locks
from tutorial_lib.db import make_engine
from tutorial_lib.errors import LockError

pytestmark = pytest.mark.slow
ADD = "ALTER TABLE orders ADD COLUMN note text"


@pytest.fixture(scope="module")
def preparing(own_server: Server) -> Server:
    """A server that allows prepared transactions, which needs a restart."""
    with admin(own_server.url) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET max_prepared_transactions = 5")
    EmbeddedServer(read_settings().server_home).stop()
    return servers.find()


@pytest.fixture(params=DRIVERS)
def shop(preparing: Server, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database with a table that a prepared transaction has written to, and another has read."""
    with fresh_database(preparing) as url:
        engine = make_engine(url.set(drivername=f"postgresql+{request.param}"))
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE orders (id int PRIMARY KEY)"))
        prepare(engine, "INSERT INTO orders VALUES (1)", "it's")
        prepare(engine, "SELECT count(*) FROM orders", "reader")
        yield engine
        for name in ("it''s", "reader"):
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text(f"ROLLBACK PREPARED '{name}'"))
        engine.dispose()


def prepare(engine: Engine, statement: str, name: str) -> None:
    with engine.connect() as connection:
        connection.execute(text(statement))
        connection.execute(text("PREPARE TRANSACTION " + "'" + name.replace("'", "''") + "'"))
        connection.commit()


def test_each_that_conflicts_gets_rollback_prepared(shop: Engine) -> None:
    with pytest.raises(LockError) as caught:
        locks.with_lock_retries(shop, ADD, lock_timeout=0.4, attempts=2, pause=0)
    why = "Blocked by: prepared transaction \"it's\"; prepared transaction 'reader'."
    assert caught.value.why == why
    assert caught.value.do == (
        "Try again when that has ended; or end it with: "
        "ROLLBACK PREPARED 'it''s' or ROLLBACK PREPARED 'reader'."
    )


def test_one_whose_lock_does_not_conflict_is_left_alone(shop: Engine) -> None:
    share = "LOCK TABLE orders IN SHARE MODE"
    with pytest.raises(LockError) as caught:
        locks.with_lock_retries(shop, share, lock_timeout=0.4, attempts=2, pause=0)
    assert caught.value.why == 'Blocked by: prepared transaction "it\'s".'


def test_the_queue_shows_them(shop: Engine) -> None:
    with ThreadPoolExecutor() as background:
        background.submit(locks.with_lock_retries, shop, ADD, lock_timeout=2, attempts=1)
        queue = locks.queue(shop, at_least=3, timeout=300)
    assert repr(queue).splitlines() == [
        "1  prepared, holds RowExclusiveLock on orders",
        '   prepared transaction "it\'s"',
        "2  prepared, holds AccessShareLock on orders",
        "   prepared transaction 'reader'",
        "3  waits behind 1 and 2 for AccessExclusiveLock on orders",
        "   ALTER TABLE orders ADD COLUMN note text",
    ]
