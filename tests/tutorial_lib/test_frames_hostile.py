"""Whatever the text is, a read changes nothing, and it doesn't end the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from support import drivers
from tutorial_lib import frames
from tutorial_lib.errors import FrameError

DROP = "DROP TABLE victim"
# Ways in which a text could seem to end, or to go on, for a reader that isn't PostgreSQL.
DISGUISES = (
    "SELECT 1; {}",
    "SELECT 1;; {}",
    "SELECT 1\n;\n{}\n;",
    "SELECT 1 -- \r; {}",
    "SELECT 1 --\r\n; {}",
    "SELECT 1 -- \f\n; {}",
    "SELECT 1 -- \u2028; {}",
    "SELECT 1 /* /* */ */ ; {}",
    "SELECT 1 /* */ ; {} /* */",
    "SELECT 1 /*/ */ ; {} /*/ */",
    "SELECT '--' ; {} --'",
    "SELECT '/*' ; {} /*'*/",
    "SELECT '\\' ; {} --'",
    "SELECT E'\\'' ; {} --'",
    "SELECT E'\\\\' ; {} --'",
    "SELECT e'a''' ; {} --'",
    "SELECT U&'\\0027' ; {} --'",
    "SELECT U&'\\' ; {} --'",
    "SELECT B'1' ; {}",
    "SELECT X'1' ; {}",
    "SELECT N'\\' ; {} --'",
    "SELECT 'a'\n'b' ; {}",
    "SELECT 'a' -- '\n ; {} --'",
    'SELECT 1 AS "--" ; {} --"',
    'SELECT 1 AS "a""" ; {} --"',
    'SELECT 1 AS U&"\\" ; {} --"',
    "SELECT 1 AS \"'\" ; {} --'",
    "SELECT 1 AS a$b$ ; {} --$b$",
    "SELECT 1 AS a$b$) AS _; COMMIT; {}; SELECT * FROM (SELECT 2 AS x --$b$",
    "SELECT 1 AS é$b$ ; {} --$b$",
    "SELECT $$ $$ ; {} --$$",
    "SELECT $a$ $A$ $a$ ; {} --$A$",
    "SELECT $é$ $é$ ; {} --$é$",
    "SELECT $a$ $a$a$ ; {} --$a$",
    "SELECT 1 AS a1$$ ; {} --$$",
    "SELECT 1 ' ; {}",
    "SELECT 1 /* ; {}",
    'SELECT 1 " ; {}',
    "SELECT 1 $$ ; {}",
    "SELECT 1) AS _ LIMIT 0; {}; --",
    "SELECT 1) TO STDOUT; {}; --",
    "SELECT 1) TO STDOUT; COMMIT; {}; --",
    "SELECT 1) AS _; COMMIT; {}; SELECT * FROM (SELECT 2 AS x",
    "SELECT 1 --\r) AS _; COMMIT; {}; SELECT * FROM (SELECT 2 AS x",
    "SELECT 1'); COMMIT; {}; --",
    "SELECT 1'''); COMMIT; {}; --",
    "SELECT 1''; END'; COMMIT; {}; --",
    "SELECT 1; END; COMMIT; {}; --",
    "SELECT 1\\'; END'; COMMIT; {}; --",
    "SELECT 1\\; {}",
    "SELECT 1 \\g {}",
    "SELECT '%' ; {} --'",
    "SELECT '%%' ; {} --'",
    "SELECT '%(open)s' ; {}",
    "SELECT ':x' ; {} --'",
    "SELECT '\\:' ; {} --'",
    "VALUES (1); {}",
    "VALUES (1); COMMIT; {}",
    "VALUES (1); ROLLBACK; {}",
    "TABLE victim; {}",
    "WITH x AS (SELECT 1) TABLE x; {}",
    "(SELECT 1); {}",
    "SHOW ALL; {}",
    "SHOW search_path; COMMIT; {}",
    "EXPLAIN SELECT 1; {}",
    "EXPLAIN SELECT 1 --\r; {}",
    "EXPLAIN ANALYZE SELECT 1; COMMIT; {}",
    "SELECT 1 INTO another; {}",
)
# One statement each, which would change something, or set something.
WRITERS = (
    "SELECT * INTO another FROM victim",
    "SELECT * FROM victim FOR UPDATE",
    "TABLE victim FOR SHARE",
    "WITH x AS (INSERT INTO victim VALUES (77) RETURNING id) SELECT * FROM x",
    "WITH x AS (DELETE FROM victim RETURNING id) SELECT * FROM x",
    "WITH x AS (UPDATE victim SET id = 9 RETURNING id) TABLE x",
    "WITH x AS (SELECT 1) INSERT INTO victim SELECT 77",
    "WITH x AS (SELECT 1) DELETE FROM victim",
    "WITH x AS (SELECT 1 AS n) MERGE INTO victim USING x ON id = n WHEN MATCHED THEN DELETE",
    "EXPLAIN ANALYZE INSERT INTO victim VALUES (78)",
    "EXPLAIN (ANALYZE, BUFFERS) DELETE FROM victim",
    "EXPLAIN ANALYZE CREATE TABLE another AS SELECT 1",
    "EXPLAIN ANALYZE SELECT writes()",
    "SELECT nextval('numbers')",
    "SELECT setval('numbers', 99)",
    "SELECT writes()",
    "SELECT * FROM audited",
    "SELECT set_config('transaction_read_only', 'off', false), writes()",
    "SELECT set_config('transaction_read_only', 'off', true) UNION ALL SELECT writes()::text",
    "SELECT set_config('search_path', 'nowhere', false)",
    "SELECT set_config('role', 'none', false)",
    "SELECT lo_create(4711)",
    "SELECT pg_notify('channel', 'text')",
)
HOSTILE = (*(each.format(DROP) for each in DISGUISES), *WRITERS)


driver = drivers.each_driver


@pytest.fixture(scope="module")
def filled(shared: Engine) -> Engine:
    """A database with a table, a sequence, a function that writes, and a view that calls it."""
    with shared.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE victim (id int PRIMARY KEY); INSERT INTO victim VALUES (1);"
            "CREATE TABLE work (id int); CREATE SEQUENCE numbers;"
            "CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS "
            "'INSERT INTO victim VALUES (79) RETURNING id';"
            "CREATE VIEW audited AS SELECT id, writes() FROM victim"
        )
    return shared


def state(engine: Engine) -> list[Any]:
    """Return what a read could have changed."""
    with engine.connect() as connection:
        return [
            connection.execute(text(each)).all()
            for each in (
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
                "ORDER BY 1",
                "SELECT id FROM victim",
                "SELECT id FROM work",
                "SELECT last_value, is_called FROM numbers",
                "SELECT current_setting('search_path'), current_setting('role')",
                "SELECT oid FROM pg_largeobject_metadata",
            )
        ]


@pytest.fixture(params=["engine", "session"])
def source(request: pytest.FixtureRequest, filled: Engine) -> Iterator[Engine | Session]:
    """An engine, or a session with an uncommitted row."""
    if request.param == "engine":
        yield filled
        return
    with Session(filled) as session:
        session.execute(text("INSERT INTO work VALUES (1)"))
        yield session
        # Neither committed nor rolled back.
        assert session.execute(text("SELECT id FROM work")).all() == [(1,)]
        assert session.execute(text("SHOW transaction_read_only")).scalar() == "off"


@pytest.mark.samples(12)
@pytest.mark.parametrize("backend", [None, "pyarrow", "numpy_nullable"])
@pytest.mark.parametrize("sql", HOSTILE)
def test_no_text_changes_anything(
    filled: Engine, source: Engine | Session, sql: str, backend: Any
) -> None:
    before = state(filled)
    with suppress(FrameError, SQLAlchemyError):
        frames.read(sql, source, dtype_backend=backend)
    assert state(filled) == before
    assert len(frames.read("victim", source)) == 1
