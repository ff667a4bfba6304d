"""Everything that the explorer lists, apart from tables, with both drivers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from support.drivers import both_drivers
from tutorial_lib import explorer
from tutorial_lib.errors import ExplorerError

pytestmark = both_drivers
OBJECTS = """
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE point2 AS (x int, y int);
CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL, mood mood, code positive UNIQUE);
CREATE INDEX ix_users_name ON users (lower(name));
COMMENT ON TABLE users IS 'people';
INSERT INTO users (name) VALUES ('Ann'), ('Ben');
CREATE VIEW happy AS SELECT id, name FROM users WHERE mood = 'happy';
CREATE MATERIALIZED VIEW names AS SELECT id, name FROM users WITH NO DATA;
CREATE UNIQUE INDEX uq_names ON names (id);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE PROCEDURE nothing(a int) LANGUAGE sql AS 'SELECT 1';
CREATE TRIGGER touched BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE users DISABLE TRIGGER touched;
CREATE SCHEMA sales;
CREATE TABLE sales.orders (id int PRIMARY KEY, amount numeric);
CREATE SEQUENCE sales.numbers START 7;
GRANT SELECT ON users TO public;
GRANT SELECT (name) ON users TO public;
REVOKE EXECUTE ON FUNCTION touch() FROM public;
CREATE TABLE events (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO events VALUES ('2026-02-03', 'x');
"""


@pytest.fixture(scope="module")
def full(shared: Engine) -> Iterator[Engine]:
    """A database with an object of each kind."""
    with shared.begin() as connection:
        connection.execute(text(OBJECTS))
    return shared


def rows(frame: object) -> list[list[object]]:
    return frame.values.tolist()  # type: ignore[attr-defined]


def test_views_are_listed_with_their_definition(full: Engine) -> None:
    found = explorer.views(full)
    assert found[["view", "kind"]].values.tolist() == [
        ["happy", "view"],
        ["names", "materialized view"],
    ]
    assert found["definition"][0].startswith("SELECT")


def test_sequences_tell_who_owns_them_and_their_value(full: Engine) -> None:
    assert explorer.sequences(full)[["sequence", "owned_by", "value"]].values.tolist() == [
        ["users_id_seq", "users.id", "last value 2"]
    ]
    found = explorer.sequences(full, "sales")
    assert found[["sequence", "start", "value"]].values.tolist() == [
        ["numbers", "7", "next value 7"]
    ]


def test_functions_are_listed_with_their_kind(full: Engine) -> None:
    found = explorer.functions(full)
    assert found[["function", "kind", "returns", "language"]].values.tolist() == [
        ["nothing(IN a integer)", "procedure", "", "sql"],
        ["touch()", "function", "trigger", "plpgsql"],
    ]
    assert found["definition"][1].startswith("CREATE OR REPLACE FUNCTION public.touch()")


def test_triggers_tell_whether_they_are_enabled(full: Engine) -> None:
    found = explorer.triggers(full, "users")
    assert found[["trigger", "table", "enabled"]].values.tolist() == [["touched", "users", "no"]]
    assert explorer.triggers(full, "events").empty


def test_indexes_and_constraints_are_listed_for_a_table(full: Engine) -> None:
    found = explorer.indexes(full, "users")
    assert rows(found) == [["ix_users_name", "users", "yes", "btree (lower(name))"]]
    assert explorer.indexes(full)["index"].tolist() == ["uq_names", "ix_users_name"]
    assert rows(explorer.constraints(full, "users")) == [
        ["users_code_key", "users", "UNIQUE (code)"],
        ["users_pkey", "users", "PRIMARY KEY (id)"],
    ]


def test_types_are_listed_with_their_labels(full: Engine) -> None:
    assert rows(explorer.types(full)) == [
        ["mood", "enum", "sad, happy"],
        ["positive", "domain", "integer"],
        ["point2", "attributes", "x integer, y integer"],
    ]


def test_schemas_and_extensions_are_listed(full: Engine) -> None:
    assert explorer.schemas(full)["schema"].tolist() == ["public", "sales"]
    assert explorer.extensions(full)[["extension", "schema"]].values.tolist() == [
        ["plpgsql", "pg_catalog"]
    ]


def test_grants_list_what_is_not_the_default(full: Engine) -> None:
    found = explorer.grants(full)
    assert rows(found[found["role"] == "public"]) == [
        ["users.name", "column", "public", "select"],
        ["touch()", "function", "public", "nothing"],
        ["public", "schema", "public", "usage"],
        ["users", "table", "public", "select"],
    ]


def test_objects_has_everything_with_its_owner_and_comment(full: Engine) -> None:
    found = explorer.objects(full)
    tables = found[found["kind"] == "table"].set_index("name")
    assert tables.loc["users", ["schema", "comment"]].tolist() == ["public", "people"]
    assert tables.loc["orders", "schema"] == "sales"
    assert "select to public" in found.loc[found["kind"] == "grant", "about"].tolist()
    assert set(explorer.objects(full, "sales")["name"]) == {
        *("orders", "numbers", "id", "amount", "orders_pkey"),
    }


def test_every_listing_can_be_found_by_tab(full: Engine) -> None:
    wanted = {"tables", "columns", "head", "views", "functions", "grants", "diagram", "changes"}
    assert wanted <= set(dir(explorer))
    assert all(callable(getattr(explorer, name)) for name in dir(explorer))


def test_columns_work_for_all_that_can_be_selected_from(full: Engine) -> None:
    assert rows(explorer.columns(full, "happy")) == [
        ["id", "integer", "yes", "", ""],
        ["name", "text", "yes", "", ""],
    ]
    assert explorer.columns(full, "names")["key"].tolist() == ["unique (id)", ""]
    assert explorer.columns(full, "events")["type"].tolist() == ["date", "text"]
    assert explorer.columns(full, "orders", "sales")["key"].tolist() == ["primary key", ""]


def test_head_returns_the_first_rows_by_the_primary_key(full: Engine) -> None:
    with full.begin() as connection:
        connection.execute(text("UPDATE users SET name = 'Anna' WHERE id = 1"))  # moves the row
        found = explorer.head(connection, "users", 1)
    assert found[["id", "name"]].values.tolist() == [[1, "Anna"]]
    assert explorer.head(full, "users", 0).columns.tolist() == ["id", "name", "mood", "code"]
    assert explorer.head(full, "events")["what"].tolist() == ["x"]


def test_head_of_a_view_without_data_says_so(full: Engine) -> None:
    with pytest.raises(ExplorerError, match="has not been populated"):
        explorer.head(full, "names")


def test_head_says_if_python_cannot_hold_a_value(full: Engine) -> None:
    with full.begin() as connection:
        connection.execute(text("CREATE TEMP TABLE days AS SELECT date '12000-01-01' AS day"))
        schema = connection.scalar(
            text("SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()")
        )
        with pytest.raises(ExplorerError, match="Python can't hold a value of 'days'"):
            explorer.head(connection, "days", schema=schema)


def test_tables_estimate_until_asked_to_count(full: Engine) -> None:
    found = explorer.tables(full).set_index("table")
    assert found["estimated_rows"].isna().all()  # never analyzed
    with full.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE users"))
        connection.execute(text("ANALYZE events_2026"))
    found = explorer.tables(full).set_index("table")
    assert found["estimated_rows"].to_dict() == {"events": 1, "events_2026": 1, "users": 2}
    counted = explorer.tables(full, count=True).set_index("table")
    assert counted["rows"].to_dict() == {"events": 1, "events_2026": 1, "users": 2}
    assert counted.loc["events", "size_kb"] == counted.loc["events_2026", "size_kb"]


def test_a_size_is_missing_while_the_table_is_locked(full: Engine) -> None:
    with full.begin() as connection:
        connection.execute(text("LOCK TABLE users"))
        found = explorer.tables(full).set_index("table")
    assert found["size_kb"].isna().to_dict() == {
        "events": False,
        "events_2026": False,
        "users": True,
    }


def test_head_keeps_values_exact(full: Engine) -> None:
    big = 2**53 + 1
    with full.connect() as connection:
        connection.execute(text("CREATE TABLE numbers (id bigint PRIMARY KEY, n bigint, x float8)"))
        connection.execute(text(f"INSERT INTO numbers VALUES (1, {big}, NULL), (2, NULL, 0.5)"))
        found = explorer.head(connection, "numbers")
        connection.rollback()
    assert found["n"].tolist() == [big, None]
    assert (found["id"].dtype, found["x"].dtype) == ("int64", "float64")


def test_a_type_that_sqlalchemy_does_not_know_has_its_name(full: Engine) -> None:
    found = explorer.columns(full, "pg_class", "pg_catalog").set_index("column")["type"]
    assert (found["relfrozenxid"], found["relacl"]) == ("xid", "aclitem[]")


def test_postgresqls_own_schemas_are_not_listed(full: Engine) -> None:
    with pytest.raises(ExplorerError, match="'pg_catalog' is PostgreSQL's own"):
        explorer.views(full, "pg_catalog")


@pytest.mark.parametrize("path", ["''", "nosuch", "pg_catalog"])
def test_schemas_and_extensions_need_no_search_path(full: Engine, path: str) -> None:
    with full.connect() as connection:
        connection.execute(text(f"SET LOCAL search_path = {path}"))
        assert "public" in explorer.schemas(connection)["schema"].tolist()
        assert "plpgsql" in explorer.extensions(connection)["extension"].tolist()


SHADOWS = """
CREATE SCHEMA evil; CREATE TABLE evil.pg_class (oid text); CREATE TABLE evil.pg_namespace (x int);
CREATE FUNCTION evil.current_schema() RETURNS text LANGUAGE sql AS $$SELECT 'nosuch'$$;
CREATE FUNCTION evil.no(name, name) RETURNS bool LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION evil.no(oid, oid) RETURNS bool LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION evil.no("char", "char") RETURNS bool LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.no);
CREATE OPERATOR evil.<> (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.no);
CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.no);
CREATE OPERATOR evil.= (LEFTARG = "char", RIGHTARG = "char", FUNCTION = evil.no);
"""


def test_objects_that_shadow_the_catalog_change_nothing(full: Engine) -> None:
    def listed(connection: Connection) -> list[list[object]]:
        frames = [
            *(
                explorer.constraints(connection, schema="public"),
                explorer.functions(connection, schema="public"),
            ),
            *(
                explorer.indexes(connection, schema="public"),
                explorer.types(connection, schema="public"),
            ),
            *(
                explorer.tables(connection, schema="public"),
                explorer.schemas(connection),
            ),
            *(
                explorer.columns(connection, "users", "public")[["column", "null"]],
                explorer.extensions(connection),
            ),
            explorer.head(connection, "users", schema="public"),
        ]
        return [frame.astype(str).to_numpy().tolist() for frame in frames]

    with full.connect() as connection:
        connection.execute(text(SHADOWS))
        usual = listed(connection)
        connection.execute(text("SET LOCAL search_path = evil, pg_catalog, public"))
        assert listed(connection) == usual
