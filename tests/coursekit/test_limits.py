"""The limits are generous, and stated once."""

from __future__ import annotations

import tomllib

from coursekit import limits
from coursekit.settings import ROOT


def test_strict_runs_give_a_cell_the_same_time() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]
    assert f"--nbval-cell-timeout={limits.CELL_TIMEOUT:g}" in options["addopts"]


def test_what_contains_another_may_take_longer() -> None:
    assert limits.LOCK_TIMEOUT < limits.STATEMENT_TIMEOUT <= limits.CALL_TIMEOUT
    assert limits.CALL_TIMEOUT < limits.COMMAND_TIMEOUT < limits.CHECK_TIMEOUT
    assert limits.SERVICE_LOCK_TIMEOUT < limits.COMMAND_TIMEOUT < limits.CELL_TIMEOUT
    assert limits.CELL_TIMEOUT < limits.NOTEBOOK_TIMEOUT
