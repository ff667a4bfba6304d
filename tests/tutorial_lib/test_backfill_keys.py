"""The key of a backfill: of any type, unique and NOT NULL, or refused before a row is written."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from support.backfills import do, rows
from support.drivers import both_drivers
from tutorial_lib import backfill
from tutorial_lib.errors import BackfillError

pytestmark = both_drivers

TYPES = """
DROP SCHEMA public CASCADE; CREATE SCHEMA public;
CREATE TYPE size AS ENUM ('small', 'large', 'huge');
CREATE TYPE "a%b :c" AS ENUM ('x', 'y', 'z');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN grade AS size;
"""
NO_CASE = (
    "CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
)
# A type, and three of its values in no order.
KEYS: dict[str, str] = {
    "size": "('large'), ('small'), ('huge')",
    '"a%b :c"': "('z'), ('x'), ('y')",
    "pair": """('(2,x)'), ('(1,"a, b")'), ('(1,)')""",
    "positive": "(2), (1), (3)",
    "grade": "('huge'), ('small'), ('large')",
    "jsonb": """('{"a": 1}'), ('[1, 2]'), ('"x"')""",
    "int[]": "('{2}'), ('{}'), ('{1,NULL}')",
    "size[]": "('{small,huge}'), ('{huge}'), ('{}')",
    "int4range": "('[2,5)'), ('empty'), ('(,7)')",
    "tstzmultirange": "('{}'), ('{[2020-01-01,2021-01-01)}'), ('{(,2019-01-01]}')",
    "timestamptz": "('infinity'), ('-infinity'), ('2020-01-31 10:00+05:45')",
    "timestamp": "('0044-03-15 BC'), ('infinity'), ('2020-01-31 10:00:00.000001')",
    "date": "('infinity'), ('10000-01-01'), ('-infinity')",
    "time": "('24:00'), ('00:00'), ('10:30')",
    "timetz": "('10:00+02'), ('10:00+03'), ('10:00-05:30')",
    "interval": "('1 mon'), ('-1 day 2 hours'), ('31 days')",
    "numeric": "('NaN'), ('-Infinity'), (12345678901234567890.0123456789)",
    "float8": "('NaN'), (0.1), ('Infinity')",
    "float4": "(0.1), (0.2), (16777217)",
    "bytea": r"('\x00ff'), ('\x'), ('\x00')",
    "inet": "('::1'), ('10.0.0.1/8'), ('10.0.0.1')",
    "macaddr": "('08:00:2b:01:02:05'), ('08:00:2b:01:02:03'), ('08:00:2b:01:02:04')",
    "uuid": "(gen_random_uuid()), (gen_random_uuid()), (gen_random_uuid())",
    "bit(3)": "('101'), ('000'), ('111')",
    "varbit": "('1'), (''), ('01')",
    "char(4)": "('b'), ('a'), ('abcd')",
    '"char"': "('b'), ('a'), ('c')",
    "name": "('b'), ('a'), ('c')",
    "text": r"(''), (' '), (E'It''s \\ %s :x \n')",
    "money": "(1.5), (-2), (3)",
    "bigint": "(9223372036854775807), (-9223372036854775808), (0)",
    "pg_lsn": "('0/2'), ('0/1'), ('1/0')",
    "tsvector": "('a b'), ('a'), ('c')",
}


@pytest.fixture(scope="module")
def types(shared: Engine) -> Engine:
    do(shared, TYPES)
    return shared


def three_rows(engine: Engine, kind: str, values: str) -> None:
    """Create a table with this key, and insert the rows."""
    do(engine, f"DROP TABLE IF EXISTS t; CREATE TABLE t (k {kind} PRIMARY KEY, done int)")
    do(engine, f"INSERT INTO t (k) VALUES {values}")


@pytest.mark.samples(8)
@pytest.mark.parametrize("kind", KEYS)
def test_a_key_of_any_type_is_walked_in_its_order(types: Engine, kind: str) -> None:
    three_rows(types, kind, KEYS[kind])
    seen: list[backfill.BackfillProgress] = []
    values = {"done": text("(SELECT count(done) FROM t) + 1")}
    done = backfill.run(types, "t", set=values, where="done IS NULL", size=1, progress=seen.append)
    assert (done.rows, done.batches, done.left, len(seen)) == (3, 3, 0, 3)
    assert rows(types, "SELECT done FROM t ORDER BY k") == [1, 2, 3]


def test_a_key_without_case_is_walked(types: Engine) -> None:
    do(types, "CREATE EXTENSION citext")
    three_rows(types, "citext", "('B'), ('a'), ('c')")
    assert backfill.run(types, "t", set={"done": 1}, where="done IS NULL", size=1).batches == 3


def test_a_type_without_the_usual_operators_is_refused(types: Engine) -> None:
    do(types, "CREATE EXTENSION hstore")
    three_rows(types, "hstore", "('a=>1'), ('b=>1')")
    with pytest.raises(BackfillError, match="operator does not exist: hstore <= hstore"):
        backfill.run(types, "t", set={"done": 1}, where="done IS NULL", size=1)
    assert rows(types, "SELECT count(done) FROM t") == [0]


def test_the_last_key_is_as_python_has_it(types: Engine) -> None:
    do(types, "DROP TABLE IF EXISTS t; CREATE TABLE t (a date, b bool, c numeric, done int)")
    do(types, "ALTER TABLE t ADD PRIMARY KEY (a, b, c)")
    do(types, "INSERT INTO t VALUES ('2020-01-31', true, 1.5)")
    done = backfill.run(types, "t", set={"done": 1}, where="done IS NULL")
    assert done.last == (date(2020, 1, 31), "true", Decimal("1.5"))


@pytest.mark.parametrize("kind", ["float8", "timestamptz"])
def test_the_formats_of_a_session_do_not_blur_its_keys(types: Engine, kind: str) -> None:
    values = {
        "float8": "(0.1), (0.10000001), (0.10000002)",
        "timestamptz": "('2020-05-01 10:00'), ('2020-05-01 10:01'), ('2020-06-02')",
    }
    three_rows(types, kind, values[kind])
    options = "-c extra_float_digits=-10 -c DateStyle=SQL,DMY -c TimeZone=Asia/Kolkata"
    engine = sa.create_engine(types.url, connect_args={"options": options})
    done = backfill.run(engine, "t", set={"done": 1}, where="done IS NULL", size=1)
    engine.dispose()
    assert (done.rows, done.batches) == (3, 3)


TABLE = """
DROP TABLE IF EXISTS t CASCADE;
CREATE TABLE t (id int PRIMARY KEY, s text, n int NOT NULL, u int NOT NULL, done int);
INSERT INTO t SELECT i, i % 3, i % 3, i, NULL FROM generate_series(1, 30) AS i;
"""
NOT_UNIQUE = {
    "no index": "",
    "an index": "CREATE INDEX ON t (n)",
    "a part of the table": "CREATE UNIQUE INDEX ON t (n) WHERE id < 3",
    "an expression": "CREATE UNIQUE INDEX ON t ((n * 100 + id))",
    "one column of two": "CREATE UNIQUE INDEX ON t (n, u)",
    "another that is included": "CREATE UNIQUE INDEX ON t (u) INCLUDE (n)",
}


@pytest.mark.parametrize("name", NOT_UNIQUE)
def test_a_key_that_is_not_unique_is_refused_before_a_row_is_written(
    types: Engine, name: str
) -> None:
    do(types, TABLE + NOT_UNIQUE[name])
    with pytest.raises(BackfillError) as caught:
        backfill.run(types, "t", set={"done": 1}, where="done IS NULL", key="n", size=10)
    assert caught.value.why == "No unique index covers n, so rows can share a key."
    assert caught.value.do == "Leave key= out: id is unique and NOT NULL."
    assert rows(types, "SELECT count(done) FROM t") == [0]


def test_an_index_that_failed_to_build_does_not_make_a_key_unique(types: Engine) -> None:
    do(types, TABLE)
    alone = types.execution_options(isolation_level="AUTOCOMMIT")
    with alone.connect() as connection, pytest.raises(sa.exc.IntegrityError):
        connection.exec_driver_sql("CREATE UNIQUE INDEX CONCURRENTLY bad ON t (n)")
    with pytest.raises(BackfillError, match="rows can share a key"):
        backfill.run(types, "t", set={"done": 1}, where="done IS NULL", key="n")


UNIQUE: dict[str, tuple[str, Any]] = {
    "an index": ("CREATE UNIQUE INDEX ON t (u)", "u"),
    "a deferrable constraint": ("ALTER TABLE t ADD UNIQUE (u) DEFERRABLE INITIALLY DEFERRED", "u"),
    "more columns than the index": ("", ["n", "id"]),
    "the columns in another order": ("CREATE UNIQUE INDEX ON t (u, n)", ("n", "u")),
    "the primary key by name": ("", "id"),
    "a column": ("", sa.column("id")),
}


@pytest.mark.parametrize("name", UNIQUE)
def test_a_unique_key_is_taken(types: Engine, name: str) -> None:
    statement, key = UNIQUE[name]
    do(types, TABLE + statement)
    done = backfill.run(types, "t", set={"done": 1}, where="done IS NULL", key=key, size=7)
    assert (done.rows, done.batches) == (30, 5)


def test_a_key_that_can_be_null_is_refused_even_if_no_row_is(types: Engine) -> None:
    do(types, TABLE + "UPDATE t SET s = id; CREATE UNIQUE INDEX ON t (s) NULLS NOT DISTINCT")
    with pytest.raises(BackfillError, match="s can be NULL, and a row without a key is in no"):
        backfill.run(types, "t", set={"done": 1}, where="done IS NULL", key="s")


def test_not_null_that_was_not_validated_does_not_count(types: Engine) -> None:
    if rows(types, "SHOW server_version_num")[0] < "180000":
        pytest.skip("PostgreSQL 18 has NOT NULL constraints that are NOT VALID")
    do(types, TABLE + "UPDATE t SET s = nullif(id, 1); CREATE UNIQUE INDEX ON t (s)")
    do(types, "ALTER TABLE t ADD CONSTRAINT known NOT NULL s NOT VALID")
    with pytest.raises(BackfillError, match="s can be NULL"):
        backfill.run(types, "t", set={"done": 1}, where="done IS NULL", key="s")


def test_a_collation_that_ignores_case_needs_an_index_that_does(types: Engine) -> None:
    try:
        do(types, NO_CASE)
    except DBAPIError:
        pytest.skip("this server was built without ICU")
    do(types, "DROP TABLE t CASCADE; CREATE TABLE t (k text COLLATE no_case NOT NULL, done int)")
    do(types, 'CREATE UNIQUE INDEX ON t (k COLLATE "C")')
    with pytest.raises(BackfillError, match="rows can share a key"):
        backfill.run(types, "t", set={"done": 1}, where="done IS NULL", key="k")
    do(types, "CREATE UNIQUE INDEX ON t (k)")
    assert backfill.run(types, "t", set={"done": 1}, where="done IS NULL", key="k").left == 0


def test_without_a_primary_key_the_message_names_a_key_that_is_unique(types: Engine) -> None:
    do(types, TABLE + "ALTER TABLE t DROP CONSTRAINT t_pkey; CREATE UNIQUE INDEX ON t (n, u)")
    with pytest.raises(BackfillError, match="It has no primary key") as caught:
        backfill.run(types, "t", set={"done": 1}, where="done IS NULL")
    assert caught.value.do == "Pass key=('n', 'u'): n, u is unique and NOT NULL."


def test_the_rows_of_a_view_that_share_a_key_are_in_one_batch(types: Engine) -> None:
    do(types, TABLE + "CREATE VIEW v AS SELECT n / 2 AS k, * FROM t")
    do(types, "UPDATE t SET n = id / 3")
    reports: list[backfill.BackfillProgress] = []
    done = backfill.run(
        types, "v", set={"done": 1}, where="done IS NULL", key="n", size=7, progress=reports.append
    )
    # id / 3 is 0 twice, then 1 to 9 three times each, then 10 once.
    assert [seen.last for seen in reports] == [(1,), (3,), (5,), (7,), (10,)]
    assert (done.rows, done.left) == (30, 0)
    assert max(rows(types, "SELECT count(*) FROM t GROUP BY xmin")) == 7


def test_a_batch_of_a_view_is_never_larger_than_size(types: Engine) -> None:
    do(types, TABLE + "CREATE VIEW v AS SELECT * FROM t")
    with pytest.raises(BackfillError) as caught:
        backfill.run(types, "v", set={"done": 1}, where="done IS NULL", key="n", size=9)
    assert caught.value.what == "10 rows of v share the key n 0, and a batch has 9 rows."
    assert rows(types, "SELECT count(done) FROM t") == [0]


def test_null_keys_of_a_view_are_rows_that_are_left(types: Engine) -> None:
    do(types, TABLE + "CREATE VIEW v AS SELECT * FROM t; UPDATE t SET s = NULL WHERE id <= 4")
    with pytest.raises(BackfillError) as caught:
        backfill.run(types, "v", set={"done": 1}, where="done IS NULL", key="s")
    assert caught.value.what == "4 rows of v still match; 26 rows changed."
    assert caught.value.why == "4 rows: s is NULL, so no batch contains them."


def test_a_table_with_children_may_hold_a_key_twice(types: Engine) -> None:
    do(types, TABLE + "CREATE TABLE child () INHERITS (t); INSERT INTO child SELECT * FROM t")
    done = backfill.run(types, "t", set={"done": 1}, where="done IS NULL", size=10)
    assert (done.rows, done.batches) == (60, 6)


def test_the_key_of_a_partitioned_table_is_unique(types: Engine) -> None:
    do(types, "DROP TABLE t CASCADE; CREATE TABLE t (id int PRIMARY KEY, done int)")
    do(types, "DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, done int) PARTITION BY HASH (id)")
    do(types, "CREATE TABLE t0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0)")
    do(types, "CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1)")
    do(types, "INSERT INTO t SELECT generate_series(1, 30)")
    assert backfill.run(types, "t", set={"done": 1}, where="done IS NULL", size=10).batches == 3
