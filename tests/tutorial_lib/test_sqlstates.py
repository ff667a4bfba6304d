"""The SQLSTATEs worth another attempt, read from either driver's errors."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from tutorial_lib import backfill, locks
from tutorial_lib.sqlstates import RETRYABLE, sqlstate_of


class PsycopgError(Exception):
    """An error with psycopg's attribute."""

    sqlstate = "55P03"


class Psycopg2Error(Exception):
    """An error with psycopg2's attribute."""

    pgcode = "55P03"


class LostConnection(Exception):
    """An error that didn't come from the server: both drivers set their attribute to None."""

    sqlstate = pgcode = None


@pytest.mark.parametrize(
    ("error", "sqlstate"),
    [(PsycopgError(), "55P03"), (Psycopg2Error(), "55P03"), (LostConnection(), "")],
)
def test_reads_the_sqlstate_of_either_driver(error: Exception, sqlstate: str) -> None:
    assert sqlstate_of(DBAPIError(None, None, error)) == sqlstate


@pytest.mark.parametrize("driver_error", [PsycopgError, Psycopg2Error])
def test_with_lock_retries_retries_an_error_of_either_driver(
    engine: Engine, driver_error: type[Exception]
) -> None:
    attempts: list[int] = []

    def fail_once(connection: Connection) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise DBAPIError(None, None, driver_error())

    assert locks.with_lock_retries(engine, fail_once, pause=0) == 2


@pytest.mark.parametrize("sqlstate", sorted(RETRYABLE))
def test_with_lock_retries_retries_what_a_backfill_retries(engine: Engine, sqlstate: str) -> None:
    attempts: list[int] = []

    def fail_once(connection: Connection) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            connection.execute(text(FAIL.format(sqlstate)))

    assert locks.with_lock_retries(engine, fail_once, pause=0) == 2


@pytest.mark.parametrize("sqlstate", sorted(RETRYABLE))
def test_a_backfill_retries_them(
    engine: Engine, sqlstate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tutorial_lib.backfill.session.FIRST_WAIT", 0)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id int PRIMARY KEY, tax int)"))
        connection.execute(text("INSERT INTO orders VALUES (1)"))
        connection.execute(text("CREATE SEQUENCE calls"))
        connection.execute(text(FAIL_FIRST.format(sqlstate)))
    done = backfill.run(
        engine, "orders", set={"tax": text("fail_first()")}, where=text("tax IS NULL")
    )
    assert (done.rows, done.left, done.retries) == (1, 0, 1)


FAIL = "DO $$ BEGIN RAISE EXCEPTION 'failed' USING ERRCODE = '{}'; END $$"
# A sequence isn't rolled back, so only the first call fails.
FAIL_FIRST = """
CREATE FUNCTION fail_first() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('calls') = 1 THEN RAISE EXCEPTION 'failed' USING ERRCODE = '{}'; END IF;
    RETURN 1;
END $$"""
