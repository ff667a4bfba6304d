"""What the explorer shows: changes between snapshots, the entity diagram, the revision graph."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from coursekit.settings import ROOT
from tutorial_lib import explorer
from tutorial_lib.errors import ExplorerError, Problem

TABLES = """
CREATE TABLE users (
    id serial PRIMARY KEY,
    email varchar(255) NOT NULL UNIQUE,
    born timestamp with time zone DEFAULT now()
);
CREATE INDEX ix_lower ON users (lower(email));
CREATE TYPE state AS ENUM ('open', 'paid');
CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users (id));
INSERT INTO users (email) VALUES ('a@x.io');
"""


def run(engine: Engine, statements: str) -> None:
    """Run SQL and commit it."""
    with engine.begin() as connection:
        connection.execute(text(statements))


def changes_of(engine: Engine, statements: str) -> list[str]:
    """Return the changes the explorer reports for some SQL, columns separated by one space."""
    before = explorer.snapshot(engine, rows=True)
    run(engine, statements)
    changes = explorer.changes(before, explorer.snapshot(engine, rows=True))
    return [" ".join(line.split()) for line in repr(changes).splitlines()]


def test_new_objects_are_reported_in_order(engine: Engine) -> None:
    assert changes_of(engine, TABLES) == [
        "+ added table orders",
        "+ added table users",
        "+ added column orders.id integer, not null",
        "+ added column orders.user_id integer",
        "+ added column users.id integer, not null, default nextval('users_id_seq'::regclass)",
        "+ added column users.email character varying(255), not null",
        "+ added column users.born timestamp with time zone, default now()",
        "+ added constraint orders.orders_pkey PRIMARY KEY (id)",
        "+ added constraint orders.orders_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)",
        "+ added constraint users.users_email_key UNIQUE (email)",
        "+ added constraint users.users_pkey PRIMARY KEY (id)",
        "+ added index users.ix_lower btree (lower((email)::text))",
        "+ added sequence users_id_seq",
        "+ added type state enum open, paid",
        "~ changed rows users 0 before, 1 after",
    ]


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("DROP INDEX ix_lower", "- removed index users.ix_lower btree (lower((email)::text))"),
        (
            "ALTER TABLE users ALTER email TYPE text",
            "~ changed column users.email character varying(255), not null before, "
            "text, not null after",
        ),
        (
            "ALTER TABLE users ALTER born SET NOT NULL",
            "~ changed column users.born timestamp with time zone, default now() before, "
            "timestamp with time zone, not null, default now() after",
        ),
        ("DELETE FROM users", "~ changed rows users 1 before, 0 after"),
        ("ALTER TABLE orders DROP user_id", "- removed column orders.user_id integer"),
    ],
)
def test_a_single_change_is_reported(engine: Engine, statement: str, line: str) -> None:
    run(engine, TABLES)
    assert line in changes_of(engine, statement)


def test_no_change_is_reported(engine: Engine) -> None:
    assert changes_of(engine, "SELECT 1") == ["Nothing has changed."]


def test_colour_is_never_the_only_mark(engine: Engine) -> None:
    before = explorer.snapshot(engine, rows=True)
    run(engine, TABLES)
    changes = explorer.changes(before, explorer.snapshot(engine, rows=True))
    assert changes._repr_html_().count("+ added") == len(changes) - 1
    assert "~ changed" in changes._repr_html_()


def test_a_snapshot_says_in_short_what_there_is(engine: Engine) -> None:
    assert repr(explorer.snapshot(engine, rows=True)) == "Snapshot(an empty database)"
    run(engine, "CREATE TABLE t (id int)")
    assert repr(explorer.snapshot(engine, rows=True)) == "Snapshot(1 table, 1 column)"


def test_the_diagram_says_the_same_in_words_and_as_a_drawing(engine: Engine) -> None:
    run(engine, TABLES)
    diagram = explorer.diagram(engine)
    assert repr(diagram).splitlines() == [
        "table orders",
        "    id       integer  primary key",
        "    user_id  integer  refers to users.id",
        "table users",
        "    id     integer  primary key",
        "    email  varchar(255)",
        "    born   timestamp with time zone",
    ]
    assert diagram.mermaid().splitlines()[-3:] == [
        "        timestamp_with_time_zone born",
        "    }",
        '    "users" ||--o{ "orders" : "user_id"',
    ]
    assert "refers to users.id" in diagram.html()


def test_an_empty_database_has_no_diagram(engine: Engine) -> None:
    diagram = explorer.diagram(engine)
    assert (repr(diagram), diagram.mermaid()) == ("There are no tables.", "")


def test_in_a_cell_a_picture_comes_with_its_words_and_a_form_without_drawing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, str]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    run(engine, TABLES)
    explorer.diagram(engine)._ipython_display_()
    drawing, form = shown
    assert set(drawing) == {"text/vnd.mermaid", "text/plain"}
    assert form["text/html"].startswith("<details><summary>The same without a drawing</summary>")


def test_a_drawing_says_its_words_to_who_does_not_see_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, str]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    run(engine, 'CREATE TABLE "a{b}" (id integer PRIMARY KEY)')
    explorer.diagram(engine)._ipython_display_()
    assert shown[0]["text/vnd.mermaid"].splitlines()[:6] == [
        "erDiagram",
        "    accDescr {",
        "table a(b)",  # a brace would end the description
        "    id  integer  primary key",
        "    }",
        "    accTitle: The tables of the database",
    ]


def test_a_key_that_refers_to_another_table_says_both_in_words_and_as_html(engine: Engine) -> None:
    run(engine, TABLES)
    run(engine, "CREATE TABLE notes (id integer PRIMARY KEY REFERENCES users (id))")
    diagram = explorer.diagram(engine)
    assert "    id  integer  primary key, refers to users.id" in repr(diagram).splitlines()
    assert ">primary key, refers to users.id</td>" in diagram.html()
    assert '"users" ||--o{ "notes" : "id"' in diagram.mermaid()


def test_the_revisions_are_drawn_with_head_and_current(engine: Engine) -> None:
    history = explorer.revisions(engine, ROOT)
    assert repr(history).splitlines() == [
        "base (current)",
        "  base -> 0001 users",
        "  0001 -> 0002 orders and carts",
        "  0002 -> 0003 amount, status, quantity (head)",
    ]
    run(engine, "CREATE TABLE alembic_version (version_num varchar(32)); "
                "INSERT INTO alembic_version VALUES ('0001')")  # fmt: skip
    history = explorer.revisions(engine, ROOT)
    assert "  base -> 0001 users (current)" in repr(history)
    assert "style r0001 stroke-width:4px" in history.mermaid()


REVISION = "revision = {!r}\ndown_revision = {!r}\ndef upgrade(): pass\ndef downgrade(): pass\n"


@pytest.fixture
def branched(engine: Engine, tmp_path: Path) -> Path:
    """A project whose history branches and merges; the database is on both branches."""
    (tmp_path / "alembic" / "versions").mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/alembic\n")
    for name, after in (("1", None), ("2a", "1"), ("2b", "1"), ("3", ("2a", "2b"))):
        file = tmp_path / "alembic" / "versions" / f"{name}.py"
        file.write_text(f'"""step {name}"""\n' + REVISION.format(name, after))
    run(engine, "CREATE TABLE alembic_version (version_num varchar(32)); "
                "INSERT INTO alembic_version VALUES ('2b'), ('2a')")  # fmt: skip
    return tmp_path


def test_branches_a_merge_and_two_bookmarks_are_drawn(engine: Engine, branched: Path) -> None:
    history = explorer.revisions(engine, branched)
    assert repr(history).splitlines() == [
        "base",
        "  base -> 1 step 1",
        "  1 -> 2b step 2b (current)",
        "  1 -> 2a step 2a (current)",
        "  2a and 2b -> 3 step 3 (head)",
    ]
    arrows = [line.strip() for line in history.mermaid().splitlines() if "-->" in line]
    assert arrows == ["base --> r1", "r1 --> r2b", "r1 --> r2a", "r2a --> r3", "r2b --> r3"]
    assert history.mermaid().count("stroke-width:4px") == 2


def test_two_heads_are_both_marked(engine: Engine, branched: Path) -> None:
    (branched / "alembic" / "versions" / "3.py").unlink()
    history = explorer.revisions(engine, branched)
    assert [one.id for one in history.revisions if one.head] == ["2b", "2a"]
    assert "  1 -> 2a step 2a (head, current)" in repr(history)


def test_a_bookmark_without_a_file_is_shown(engine: Engine, branched: Path) -> None:
    run(engine, "UPDATE alembic_version SET version_num = '4' WHERE version_num = '2a'")
    history = explorer.revisions(engine, branched)
    assert repr(history).splitlines()[-1] == "  ? -> 4 (current, without a file)"
    assert 'lost0["4<br>current, without a file"]' in history.mermaid()
    assert "? -&gt; 4 (current, without a file)" in history.html()


def test_two_files_with_one_id_are_both_drawn_and_marked(engine: Engine, branched: Path) -> None:
    second = '"""another three"""\n' + REVISION.format("3", ("2a", "2b"))
    (branched / "alembic" / "versions" / "3_another.py").write_text(second)
    history = explorer.revisions(engine, branched)
    assert repr(history).splitlines()[-2:] == [
        "  2a and 2b -> 3 step 3 (head, one of 2 files with this id: 3.py)",
        "  2a and 2b -> 3 another three (head, one of 2 files with this id: 3_another.py)",
    ]
    drawing = history.mermaid()
    assert 'r3["3<br>step 3<br>head, one of 2 files with this id: 3.py"]' in drawing
    assert "style r3_2 stroke-dasharray:6 4" in drawing
    assert "r2a --> r3_2" in drawing
    assert "3_another.py" in history.html()


BROKEN = {
    "a cycle": REVISION.format("1", "3"),
    "a loop": REVISION.format("1", "1"),
    "a missing revision": REVISION.format("1", "0"),
    "a syntax error": "revision = (",
    "a missing module": "import nothing_of_this_name\n" + REVISION.format("1", None),
    "no revision": "x = 1",
    "two bases": REVISION.format("1", None).replace("'1'", "None"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_history_is_explained(engine: Engine, branched: Path, name: str) -> None:
    (branched / "alembic" / "versions" / "1.py").write_text(BROKEN[name])
    with pytest.raises(ExplorerError, match="Alembic can't read the revisions of"):
        explorer.revisions(engine, branched)


def test_rows_that_were_not_compared_are_named(engine: Engine) -> None:
    before = explorer.snapshot(engine)
    run(engine, "CREATE TABLE t (id int)")
    after = explorer.snapshot(engine)
    run(engine, "INSERT INTO t VALUES (1)")
    told = "No change in the schema. To compare rows too, take both snapshots with rows=True."
    assert repr(explorer.changes(after, explorer.snapshot(engine, rows=True))) == told
    assert told in explorer.changes(after, explorer.snapshot(engine))._repr_html_()
    assert "+ added    table" in repr(explorer.changes(before, after))


def test_a_long_definition_shows_the_line_that_differs(engine: Engine) -> None:
    body = "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1;\n{}'"
    run(engine, body.format("SELECT 2"))
    assert changes_of(engine, body.format("SELECT 3")) == [
        "~ changed function f() definition: SELECT 2$function$ before, SELECT 3$function$ after"
    ]


def test_the_order_of_columns_is_compared(engine: Engine) -> None:
    run(engine, "CREATE TABLE t (a int, b int)")
    assert changes_of(engine, "ALTER TABLE t DROP a, ADD a int") == [
        "~ changed table t column order: a, b before, b, a after"
    ]


def test_values_are_compared_in_the_same_columns(engine: Engine) -> None:
    run(engine, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    assert changes_of(engine, "ALTER TABLE t ADD b int") == ["+ added column t.b integer"]
    assert changes_of(engine, "UPDATE t SET b = 2") == [
        "~ changed rows t 1 before and after, with other values"
    ]


def test_snapshots_of_two_current_schemas_are_refused(engine: Engine) -> None:
    before = explorer.snapshot(engine)
    with engine.connect() as connection:
        connection.execute(text("SET search_path = pg_catalog"))
        after = explorer.snapshot(connection)
    with pytest.raises(ExplorerError, match="the second in 'pg_catalog'"):
        explorer.changes(before, after)


def test_without_a_project_there_are_no_revisions(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        explorer.revisions(engine, tmp_path / "shop")
    assert str(caught.value) == (
        "There is no alembic.ini in shop. That file says where the revisions are. "
        "Pass the project's folder, or run: alembic init alembic"
    )
