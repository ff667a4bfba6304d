"""pytest-alembic's own tests of the kit's environment, called one by one.

Its plugin is off, because its collector doesn't work under pytest 9.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_alembic import Config, MigrationContext, runner, tests
from sqlalchemy import URL

from coursekit.settings import ROOT
from tutorial_lib.db import make_engine


@pytest.fixture
def migrations(external: URL, monkeypatch: pytest.MonkeyPatch) -> Iterator[MigrationContext]:
    """pytest-alembic's runner for the kit's alembic.ini, on a new database."""
    monkeypatch.chdir(ROOT)
    engine = make_engine(external)
    with runner(Config(config_options={"file": "alembic.ini"}), engine) as context:
        yield context
    engine.dispose()


@pytest.mark.parametrize(
    "check",
    [
        tests.test_single_head_revision,
        tests.test_upgrade,
        tests.test_model_definitions_match_ddl,
        tests.test_up_down_consistency,
    ],
    ids=lambda check: check.__name__,
)
def test_it_passes(check: object, migrations: MigrationContext) -> None:
    assert callable(check)
    check(migrations)
