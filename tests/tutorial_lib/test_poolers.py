"""What a pooler in transaction mode would break is refused; the rest works through it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text

from support.databases import ADVISORY_LOCKS
from support.drivers import both_drivers
from support.pooler import pooler
from tutorial_lib import locks
from tutorial_lib.advisory_lock import advisory_lock
from tutorial_lib.errors import AdvisoryLockError, LockError

pytestmark = both_drivers
LOCKS = text(ADVISORY_LOCKS)
SETTINGS = text("SELECT current_setting('lock_timeout') || current_setting('idle_session_timeout')")


@pytest.fixture
def sharing(shared: Engine) -> Iterator[Engine]:
    """An engine that reaches the server through a pooler in transaction mode."""
    with pooler(shared.url, shares=True) as url:
        engine = create_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def keeping(shared: Engine) -> Iterator[Engine]:
    """An engine that reaches the server through a pooler in session mode."""
    with pooler(shared.url, shares=False) as url:
        engine = create_engine(url)
        yield engine
        engine.dispose()


def test_a_transaction_pooler_holds_no_advisory_lock(sharing: Engine, shared: Engine) -> None:
    with (
        pytest.raises(AdvisoryLockError, match="can't be held through this connection pooler"),
        advisory_lock(sharing, "job"),
    ):
        pass
    with sharing.connect() as connection:
        assert connection.scalar(SETTINGS) == "00"
        assert connection.scalar(LOCKS) == 0


def test_a_session_pooler_holds_an_advisory_lock(keeping: Engine, shared: Engine) -> None:
    with advisory_lock(keeping, "job") as lock, shared.connect() as connection:
        lock.check()
        assert connection.scalar(LOCKS) == 1


def test_a_schema_change_works_through_both(sharing: Engine, keeping: Engine) -> None:
    for engine in (sharing, keeping):
        change = "CREATE TABLE orders (); DROP TABLE orders"
        assert locks.with_lock_retries(engine, change, lock_timeout=7) == 1
        with engine.connect() as connection:
            assert connection.scalar(SETTINGS) == "00"


def test_a_limit_of_the_session_is_refused_by_a_transaction_pooler(
    sharing: Engine, keeping: Engine
) -> None:
    assert locks.with_lock_retries(keeping, "VACUUM pg_class") == 1
    with pytest.raises(LockError, match="pooler in transaction mode"):
        locks.with_lock_retries(sharing, "VACUUM pg_class")


@pytest.mark.slow
def test_what_blocks_is_named_through_a_transaction_pooler(sharing: Engine, shared: Engine) -> None:
    with shared.begin() as connection:
        connection.execute(text("CREATE TABLE held ()"))
    with shared.connect() as reader:
        reader.execute(text("SELECT FROM held"))
        with pytest.raises(LockError, match="'SELECT FROM held'"):
            locks.with_lock_retries(
                sharing, "ALTER TABLE held ADD COLUMN n int", lock_timeout=0.4, attempts=2, pause=0
            )
