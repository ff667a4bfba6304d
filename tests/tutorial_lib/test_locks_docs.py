"""The examples of docs/locks.md work as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from support.drivers import both_drivers
from support.pages import blocks, run_alembic, write_project
from tutorial_lib import locks

pytestmark = [both_drivers, pytest.mark.slow]


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """A database with a table of orders."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id int PRIMARY KEY)"))
    return engine


def test_the_first_examples_run(shop: Engine) -> None:
    for block in blocks("locks.md")[:3]:
        code = block.replace("from app import", "from tutorial_lib import")
        exec(code, {"engine": shop, "locks": locks})
    with shop.connect() as connection:
        assert connection.scalar(text("SELECT 'ix_orders_note'::regclass")) == "ix_orders_note"


def test_the_project_migrates_behind_a_reader_and_back(shop: Engine, tmp_path: Path) -> None:
    write_project(tmp_path, "locks.md")
    with shop.connect() as reader:
        reader.execute(text("SELECT count(*) FROM orders"))
        upgrade = run_alembic(tmp_path, shop.url, "upgrade", "head")
        assert len(locks.queue(shop, waiting=1, timeout=300)) == 2
        while len(locks.queue(shop)):
            pass  # until the first attempt has given up
    printed, _ = upgrade.communicate()
    assert upgrade.returncode == 0, printed
    with shop.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "0002"
        assert connection.scalar(text("SELECT bool_and(indisvalid) FROM pg_index"))
    downgrade = run_alembic(tmp_path, shop.url, "downgrade", "base")
    printed, _ = downgrade.communicate()
    assert downgrade.returncode == 0, printed
