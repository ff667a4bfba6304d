"""What PostgreSQL accepts as one query is read: its own answer is the judge."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from support import drivers
from tutorial_lib import frames

ACCEPTED = (
    "SELECT 1",
    "select 1;",
    "SELECT 1 ; ; -- ;\n;",
    "\n\t SELECT 1 AS one\n",
    "-- first\nSELECT 1",
    "/* a /* b */ ; c */ SELECT 1 /* ; /* ' */ \" */",
    "SELECT 1 --",
    "SELECT 1 -- it's ; here",
    "SELECT (ARRAY[1,2,3])[:2]",
    "SELECT (ARRAY[1,2,3])[2:]",
    "SELECT (ARRAY[1,2,3])[ :2 ]",
    "SELECT (ARRAY[1,2,3])[1 :2]",
    "SELECT '12:30'::time, '1'::int::text, 'a:b', ':x', \"a:b\" FROM (SELECT 1 AS \"a:b\") _",
    "SELECT ':x' -- :y\n, 2 /* :z */",
    "SELECT '%', '%%', '%s', '%(x)s', 7 % 4",
    "SELECT E'\\'', E'a\\nb', 'a''b', '\\', U&'\\0041', B'101', X'1F', N'n'",
    "SELECT E'\\':x'",
    "SELECT 'a'\n'b'",
    "SELECT $$;$$, $a$ $$ :x $a$, $é$'$é$",
    "SELECT 1 AS a$b, 2 AS a$b$c",
    'SELECT 1 AS "a;b", 2 AS "a""b", 3 AS "--", 4 AS "/*"',
    'SELECT 1 AS U&"d\\0061t\\+000061"',
    "(SELECT 1)",
    "((SELECT 1) UNION ALL (SELECT 2)) ORDER BY 1",
    "(VALUES (1, 'a'), (2, 'b'))",
    "VALUES (1), (2)",
    "WITH x AS (SELECT 1 AS n) SELECT n FROM x",
    "WITH x AS MATERIALIZED (SELECT 1 AS n) TABLE x",
    "WITH RECURSIVE x(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM x WHERE n < 3) TABLE x",
    "SELECT 1 AS a, 2 AS a",
    "SELECT 1 UNION SELECT 2 ORDER BY 1 LIMIT 1 OFFSET 1",
    "SELECT n FROM generate_series(1, 3) AS n FETCH FIRST 2 ROWS ONLY",
    "SELECT count(*) FILTER (WHERE n > 1), sum(n) OVER () FROM generate_series(1, 3) n GROUP BY n",
    "SELECT '{\"a\": 1}'::jsonb ? 'a', '{\"a\": 1}'::jsonb -> 'a'",
    "SELECT '{\"a\": 1}'::jsonb @? '$.a ? (@ > 0)'",
    "SELECT 'abc' ~ '^a', 'abc' ~* 'B', 'abc' !~ 'x', 'a' || 'b', @ -5, |/ 4.0",
    "SELECT DATE '2020-01-31' + INTERVAL '1 day', TIME '12:00' AT TIME ZONE 'UTC' IS NOT NULL",
    "SELECT ROW(1, 'a'), (1, 2) = (1, 2)",
    "SELECT CASE WHEN true THEN 1 ELSE 0 END, CAST('1' AS int), int '1'",
    "SELECT a.*, b.n FROM (VALUES (1, 2)) AS a(x, y) CROSS JOIN LATERAL (SELECT a.x AS n) AS b",
    "SELECT n FROM generate_series(1, 2) n WHERE false",
    "SHOW datestyle",
    "SHOW DateStyle;",
    "EXPLAIN (COSTS OFF) SELECT 1",
    "explain (costs off) select 1; -- ;",
    "EXPLAIN (COSTS OFF, FORMAT JSON) SELECT ':x'",
)


driver = drivers.each_driver


@pytest.mark.parametrize("sql", ACCEPTED)
def test_a_query_has_the_rows_that_postgresql_returns(shared: Engine, sql: str) -> None:
    raw = shared.raw_connection()
    try:
        with raw.cursor() as cursor:
            cursor.execute(sql)
            names, rows = [one.name for one in cursor.description], cursor.fetchall()
    finally:
        raw.close()
    frame = frames.read(sql, shared)
    assert [*frame.columns] == names
    assert [tuple(map(plain, row)) for row in frame.itertuples(index=False, name=None)] == [
        tuple(map(plain, row)) for row in rows
    ]


def plain(value: Any) -> str:
    """Return a value as text, and an integral number the same in every type."""
    return str(value)


PARAMETERS = {
    "SELECT :a::int + 1": 6,
    "SELECT :a ::int": 5,
    "SELECT (:a)::int::text || ':a'": "5:a",
    "SELECT (ARRAY[1,2,3,4,5,6])[:a:6]": [5, 6],
    "SELECT 1 /* :b */ + :a -- :c": 6,
    "SELECT ':b' || :a::text": ":b5",
    "SELECT $$:b$$ || :a::text || $x$:c$x$": ":b5:c",
    r"SELECT '\:b' || :a::text": r"\:b5",
}


@pytest.mark.parametrize("sql", PARAMETERS)
def test_a_colon_is_a_parameter_where_it_can_be_one(shared: Engine, sql: str) -> None:
    assert frames.read(sql, shared, a=5).iloc[0, 0] == PARAMETERS[sql]
