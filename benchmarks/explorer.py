"""What the explorer costs on a database of 1,000 tables: time and number of queries.

    python benchmarks/explorer.py [tables]

Each row is the median of its rounds. `count=True` and `rows=True` read all tables; nothing else
does.
"""

from __future__ import annotations

import secrets
import statistics
import sys
from collections.abc import Callable

from sqlalchemy import Engine, event

from coursekit import servers
from coursekit.servers.server import admin
from measure import ROUNDS, seconds
from tutorial_lib import explorer
from tutorial_lib.db import make_engine

# A table refers to the one before; every tenth has a view and a trigger.
TABLES = """
DO $$
BEGIN
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
    FOR n IN 1..{count} LOOP
        EXECUTE format(
            'CREATE TABLE t%s (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text NOT NULL, '
            'b text DEFAULT %L, c int CHECK (c > 0), d timestamptz DEFAULT now(), e numeric(8, 2), '
            'f uuid UNIQUE, g jsonb, h boolean NOT NULL DEFAULT true, before int)', n, 'x');
        EXECUTE format('CREATE INDEX ON t%s (a, d)', n);
        EXECUTE format('INSERT INTO t%s (a) SELECT %L FROM generate_series(1, 100)', n, 'x');
        IF n > 1 THEN
            EXECUTE format('ALTER TABLE t%s ADD FOREIGN KEY (before) REFERENCES t%s', n, n - 1);
        END IF;
        IF n % 10 = 0 THEN
            EXECUTE format('CREATE VIEW v%s AS SELECT id, a FROM t%s WHERE h', n, n);
            EXECUTE format('CREATE TRIGGER touch BEFORE UPDATE ON t%s '
                           'FOR EACH ROW EXECUTE FUNCTION touch()', n);
        END IF;
    END LOOP;
END $$
"""
CALLS: dict[str, Callable[[Engine], object]] = {
    "tables": explorer.tables,
    "tables, count=True": lambda engine: explorer.tables(engine, count=True),
    "columns": lambda engine: explorer.columns(engine, "t1"),
    "head": lambda engine: explorer.head(engine, "t1"),
    "views": explorer.views,
    "functions": explorer.functions,
    "grants": explorer.grants,
    "constraints": explorer.constraints,
    "objects": explorer.objects,
    "snapshot": explorer.snapshot,
    "snapshot, rows=True": lambda engine: explorer.snapshot(engine, rows=True),
    "diagram": explorer.diagram,
}


def main(count: int) -> None:
    """Make the tables in a database of their own, time the calls, and drop it."""
    server, name = servers.find(), f"bench_{secrets.token_hex(4)}"
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    engine = make_engine(server.url.set(database=name))
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(TABLES.format(count=count).replace("%", "%%"))
        report(engine, count)
    finally:
        engine.dispose()
        with admin(server.url) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def report(engine: Engine, count: int) -> None:
    """Print each call's median time and its number of queries."""
    print(f"{count:,} tables, median of {ROUNDS}")
    for label, call in CALLS.items():
        queries = 0

        def sent(*_: object) -> None:
            nonlocal queries
            queries += 1

        event.listen(engine, "before_cursor_execute", sent)
        times = [seconds(lambda call=call: call(engine)) for _ in range(ROUNDS)]
        event.remove(engine, "before_cursor_execute", sent)
        middle = 1000 * statistics.median(times)
        print(f"{label:<22} {middle:8.0f} ms  {queries // ROUNDS:4} queries")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
