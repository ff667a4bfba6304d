"""The examples of docs/workload.md run, and what the page says about the report is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine

from coursekit.settings import ROOT
from support.backfills import do
from support.drivers import both_drivers
from tutorial_lib.workload import WorkloadReport

PAGE = (ROOT / "docs" / "workload.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
# Of the page on backfills: a project whose revision adds a column to the orders.
PROJECT = (ROOT / "docs" / "backfill.md").read_text(encoding="utf-8")
FILES = re.findall(r"^```python\n# (alembic/\S+)\n(.*?)^```", PROJECT, re.MULTILINE | re.DOTALL)
HEAD = "worker calls errors per second p50 p95 p99 max"
ORDERS = """
CREATE TABLE orders (id int PRIMARY KEY, amount numeric, paid boolean);
INSERT INTO orders SELECT i, 6 * i, false FROM generate_series(1, 100) AS i;
"""


@pytest.fixture
def project(tmp_path: Path, engine: Engine) -> Path:
    shutil.copytree(ROOT / "tutorial_lib", tmp_path / "app")
    do(engine, ORDERS)
    return tmp_path


def run(project: Path, url: URL, *arguments: str) -> str:
    """Run Python in the project and return its output."""
    address = url.render_as_string(hide_password=False)
    environment = {**os.environ, "PYTHONPATH": str(project), "DATABASE_URL": address}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@both_drivers
def test_the_first_example_prints_its_report(project: Path, url: URL) -> None:
    address = url.render_as_string(hide_password=False)
    code = re.sub(r'create_engine\(".*"\)', f"create_engine({address!r})", BLOCKS[0])
    lines = run(project, url, "-c", code).splitlines()
    assert lines[0].split() == HEAD.split()
    assert [line.split()[0] for line in lines[1:]] == ["readers", "writers"]


@pytest.mark.slow
def test_the_test_of_a_migration_passes(project: Path, url: URL) -> None:
    for name, code in FILES:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    (project / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    patient = BLOCKS[1].replace("< 1.0", "< 120.0")  # this machine may be slow
    (project / "test_migration.py").write_text(patient)
    arguments = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_migration.py")
    assert "1 passed" in run(project, url, *arguments)


def test_the_table_names_what_a_report_has() -> None:
    rows = PAGE.split("## The report")[1].split("## ")[0]
    names = re.findall(r"`(\w+)[(`]", " ".join(re.findall(r"^\| (`.*?) \|", rows, re.MULTILINE)))
    assert len(names) == 8
    assert [name for name in names if not hasattr(WorkloadReport(), name)] == []
