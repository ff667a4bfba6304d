"""A kernel imports a project's modules as they are on disk now."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from coursekit.course import autoreload


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A real IPython whose working directory is below a watched folder."""
    project = tmp_path / "projects" / "05"
    project.mkdir(parents=True)
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(project))
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    autoreload.enable(shell, tmp_path / "projects")
    yield shell
    autoreload.unload(tmp_path / "projects")


def test_a_rewritten_module_is_imported_again(shell: InteractiveShell) -> None:
    Path("shop.py").write_text("PRICE = 1")
    shell.run_cell("import shop; first = shop.PRICE")
    shell.run_cell("from pathlib import Path; _ = Path('shop.py').write_text('PRICE = 2')")
    shell.run_cell("import shop; second = shop.PRICE")
    assert (shell.user_ns["first"], shell.user_ns["second"]) == (1, 2)


def test_modules_that_import_it_are_imported_again(shell: InteractiveShell) -> None:
    Path("base.py").write_text("class Base: pass")
    Path("shop.py").write_text("from base import Base")
    shell.run_cell("import shop, base; same = shop.Base is base.Base")
    shell.run_cell("from pathlib import Path; _ = Path('base.py').write_text('class Base: x = 1')")
    shell.run_cell("import shop, base; still = shop.Base is base.Base and shop.Base.x")
    assert (shell.user_ns["same"], shell.user_ns["still"]) == (True, 1)


def test_a_module_that_did_not_change_stays(shell: InteractiveShell) -> None:
    Path("shop.py").write_text("PRICE = 1")
    shell.run_cell("import shop; first = shop")
    shell.run_cell("import shop; second = shop")
    assert shell.user_ns["first"] is shell.user_ns["second"]


def test_modules_outside_projects_are_left_alone(shell: InteractiveShell) -> None:
    Path("shop.py").write_text("PRICE = 1")
    shell.run_cell("import shop, json; first = json")
    shell.run_cell("from pathlib import Path; _ = Path('shop.py').write_text('PRICE = 2')")
    shell.run_cell("import json; second = json")
    assert shell.user_ns["first"] is shell.user_ns["second"]


def test_starting_a_lesson_again_forgets_its_modules(shell: InteractiveShell) -> None:
    Path("shop.py").write_text("PRICE = 1")
    shell.run_cell("import shop")
    autoreload.enable(shell, Path.cwd().parent)
    assert "shop" not in sys.modules
