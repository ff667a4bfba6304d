"""A table of 1,000 orders without a tax, and the backfill that fills it in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, text
from sqlalchemy.orm import Session

from tutorial_lib import backfill

ORDERS = """
DROP SCHEMA public CASCADE; CREATE SCHEMA public;
CREATE TABLE orders (id serial PRIMARY KEY, amount int NOT NULL, tax int);
INSERT INTO orders (amount) SELECT n FROM generate_series(1, 1000) AS n;
"""
TAX = {"tax": text("amount * 2")}
NO_TAX = text("tax IS NULL")
# The number of rows each transaction wrote; the one that created the table is first.
WRITTEN = "SELECT count(*) FROM orders GROUP BY xmin ORDER BY min(xmin::text::bigint)"
DONE = "What was committed stays. Run it again to continue from there."


def rows(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(_sent(connection, query).scalars())


def do(engine: Engine, statements: str) -> None:
    with engine.begin() as connection:
        _sent(connection, statements)


def _sent(connection: Connection, sql: str) -> CursorResult[Any]:
    """Run SQL as it is: psycopg takes several statements, and a %, if there are no parameters."""
    return connection.execution_options(no_parameters=True).exec_driver_sql(sql)


def fill(bind: Engine | Connection | Session | None, **options: Any) -> backfill.BackfillProgress:
    return backfill.run(bind, "orders", **{"set": TAX, "where": NO_TAX, "size": 100, **options})
