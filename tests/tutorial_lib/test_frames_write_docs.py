"""The section on writing in docs/frames.md is true, and its examples work as they stand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine, text

from support.drivers import both_drivers
from support.pages import blocks, run_alembic, write_project

pytestmark = [both_drivers, pytest.mark.slow]
COUNTRIES = "code,name,eu\nDE,Germany,true\nNA,Namibia,false\nCI,Côte d'Ivoire,false\n"


def test_the_migration_loads_the_countries_and_back(engine: Engine, tmp_path: Path) -> None:
    write_project(tmp_path, "frames.md")
    file = tmp_path / "alembic" / "versions" / "countries.csv"
    file.write_text(COUNTRIES, encoding="utf-8")
    upgrade = run_alembic(tmp_path, engine.url, "upgrade", "head")
    printed, _ = upgrade.communicate()
    assert upgrade.returncode == 0, printed
    found = pd.read_sql("SELECT * FROM countries ORDER BY code", engine)
    assert found.values.tolist() == [
        ["CI", "Côte d'Ivoire", False],
        ["DE", "Germany", True],
        ["NA", "Namibia", False],
    ]
    downgrade = run_alembic(tmp_path, engine.url, "downgrade", "base")
    printed, _ = downgrade.communicate()
    assert downgrade.returncode == 0, printed


def test_a_violation_undoes_the_revision(engine: Engine, tmp_path: Path) -> None:
    write_project(tmp_path, "frames.md")
    file = tmp_path / "alembic" / "versions" / "countries.csv"
    file.write_text(COUNTRIES + "FR,,maybe\n", encoding="utf-8")
    upgrade = run_alembic(tmp_path, engine.url, "upgrade", "head")
    printed, _ = upgrade.communicate()
    assert "Row 3 has a value that isn't valid for the column eu" in printed
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT to_regclass('countries')")) is None


def test_the_first_example_runs(engine: Engine) -> None:
    [block] = [each for each in blocks("frames.md") if "frames.write(df, User, db)" in each]
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE users (id int GENERATED ALWAYS AS IDENTITY, name text, product int,"
                " day date); CREATE SCHEMA shop; CREATE TABLE shop.prices (product int, day date,"
                " name text, PRIMARY KEY (product, day))"
            )
        )
    names = {
        "df": pd.DataFrame({"product": [1], "day": "2020-01-01", "name": ["Ann"]}),
        "engine": engine,
        "db": engine,
        "User": "users",
    }
    exec(block, names)
    found = pd.read_sql("SELECT (SELECT count(*) FROM users), count(*) FROM shop.prices", engine)
    assert found.values.tolist() == [[2, 1]]
