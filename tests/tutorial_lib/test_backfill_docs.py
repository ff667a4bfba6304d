"""The examples of docs/backfill.md run as they stand, in a project of their own."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine

from coursekit.settings import ROOT
from support.backfills import do, rows
from support.drivers import both_drivers
from tutorial_lib import backfill

PAGE = (ROOT / "docs" / "backfill.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ORDERS = """
CREATE TABLE orders (id int PRIMARY KEY, amount numeric(10, 2) NOT NULL);
INSERT INTO orders SELECT i, 6 * i FROM generate_series(1, 12000) AS i;
"""


@pytest.fixture
def project(tmp_path: Path, engine: Engine) -> Path:
    """A project with the page's files and the library in `app`, and a database with orders."""
    shutil.copytree(ROOT / "tutorial_lib", tmp_path / "app")
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    for block in BLOCKS:
        if block.startswith("# alembic/"):
            name, _, code = block.partition("\n")
            path = tmp_path / name.removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code)
    do(engine, ORDERS)
    return tmp_path


def run(project: Path, url: URL, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(project),
        "DATABASE_URL": url.render_as_string(hide_password=False),
    }
    return subprocess.run(
        [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
@both_drivers
def test_the_revisions_fill_in_the_tax(project: Path, url: URL, engine: Engine) -> None:
    done = run(project, url, "-m", "alembic", "upgrade", "head")
    assert done.returncode == 0, done.stderr
    assert rows(engine, "SELECT count(*) FROM orders WHERE tax = amount / 6") == [12000]
    assert len(rows(engine, "SELECT 1 FROM orders GROUP BY xmin")) == 3
    assert rows(engine, "SELECT version_num FROM alembic_version") == ["0002"]
    assert run(project, url, "-m", "alembic", "downgrade", "base").returncode == 0
    script = run(project, url, "-m", "alembic", "upgrade", "head", "--sql")
    assert "ADD COLUMN tax" in script.stdout
    assert "UPDATE orders" not in script.stdout


@pytest.mark.slow
@both_drivers
def test_rows_that_are_left_keep_the_database_at_the_revision_before(
    project: Path, url: URL, engine: Engine
) -> None:
    do(engine, "ALTER TABLE orders ALTER amount DROP NOT NULL; INSERT INTO orders VALUES (-1)")
    done = run(project, url, "-m", "alembic", "upgrade", "head")
    assert "1 row of orders still matches" in done.stderr
    assert rows(engine, "SELECT version_num FROM alembic_version") == ["0001"]
    do(engine, "DELETE FROM orders WHERE id = -1")
    assert run(project, url, "-m", "alembic", "upgrade", "head").returncode == 0


@pytest.mark.slow
@both_drivers
def test_the_first_example_prints_what_it_did(project: Path, url: URL, engine: Engine) -> None:
    do(engine, "ALTER TABLE orders ADD tax numeric")
    address = url.render_as_string(hide_password=False)
    code = re.sub(r'create_engine\(".*"\)', f"create_engine({address!r})", BLOCKS[0])
    done = run(project, url, "-c", code)
    assert done.stdout == "orders: 12,000 rows in 3 batches, 0 left\n", done.stderr


def test_the_table_lists_every_option() -> None:
    table = PAGE.split("## What it takes")[1].split("\n\n")[1]
    listed = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(listed) == sorted(inspect.signature(backfill.run).parameters)
