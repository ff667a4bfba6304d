"""The examples in docs/explorer.md work as they stand, and its table is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from coursekit.settings import ROOT
from support.drivers import both_drivers
from tutorial_lib import explorer

pytestmark = both_drivers
PAGE = (ROOT / "docs" / "explorer.md").read_text(encoding="utf-8")
FIRST, ENV, TEST = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ROW = re.compile(r"^\| `(\w+)` \| (`.*) \|$", re.MULTILINE)
REVISION = """
from alembic import op
revision, down_revision = "0001", None


def upgrade():
    op.execute("CREATE TABLE orders (id int PRIMARY KEY)")


def downgrade():
    op.execute("DROP TABLE orders")
"""


@pytest.fixture
def project(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the page's env.py and one revision."""
    versions = tmp_path / "alembic" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/alembic\n")
    (tmp_path / "alembic" / "env.py").write_text(ENV)
    (versions / "0001.py").write_text(REVISION)
    monkeypatch.setenv("DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_env_py_prints_what_a_migration_changes(
    project: Path, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    command.upgrade(Config(project / "alembic.ini"), "head")
    assert re.search(r"\+ added +table +orders\n", capsys.readouterr().out)
    assert explorer.tables(engine)["table"].tolist() == ["alembic_version", "orders"]
    command.upgrade(Config(project / "alembic.ini"), "head")
    assert capsys.readouterr().out.startswith("No change in the schema.")


def test_the_test_of_a_downgrade_passes_and_can_fail(project: Path) -> None:
    names: dict[str, object] = {}
    exec(TEST, names)
    test = names["test_the_last_downgrade_undoes_its_upgrade"]
    assert callable(test)
    test()
    revision = project / "alembic" / "versions" / "0001.py"
    revision.write_text(REVISION.replace('op.execute("DROP', 'op.execute("CREATE TABLE x (); DROP'))
    with pytest.raises(Exception, match="x"):
        test()


def test_the_first_example_works(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id int PRIMARY KEY)"))
    lines = [line for line in FIRST.splitlines() if "create_engine" not in line]
    exec("\n".join(lines), {"engine": engine})


def test_the_table_names_every_column(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id int PRIMARY KEY)"))
    documented = dict(ROW.findall(PAGE))
    assert {*documented, "changes", "diagram", "head", "revisions", "snapshot", "Snapshot"} == {
        *(name for name in explorer.__all__ if name != "test_connection")
    }
    for name, cells in documented.items():
        arguments = ["orders"] if name == "columns" else []
        found = getattr(explorer, name)(engine, *arguments)
        named = re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", cells))
        assert found.columns.tolist() == named, name
