"""start.py under attack: whatever happens while it builds, an environment works afterwards.

`stand_in` is a small project with the real start.py, so that building takes a second.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from support import stand_in

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in's uv is a script")
BUILD = "Setting up the environment in .venv, with uv. This happens once and takes a minute or two."
KEPT = "The environment in .venv is unchanged."
# build.py, killed before the nth call of one of its functions.
KILLED = """\
import os, pathlib, signal, sys
name, left = sys.argv[1], int(sys.argv[2])
sys.path.insert(0, "coursekit/environment")
import build
place = pathlib.Path if name == "rename" else build
true = getattr(place, name)

def deadly(*args, **options):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return true(*args, **options)

setattr(place, name, deadly)
build.main()
"""
POINTS = (
    *(("build", 1), ("call", 1), ("call", 2), ("finish", 1), ("call", 3), ("put_in_place", 1)),
    *(("discard", 2), ("stop_server", 1), ("rename", 1), ("rename", 2), ("discard", 4)),
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose environment is built."""
    clone = stand_in.make(tmp_path_factory.mktemp("stand-in") / "clone")
    code, lines = stand_in.run(clone)
    assert (code, lines[0], lines[-1]) == (0, BUILD, "ran 1 hello")
    shutil.copytree(clone, clone.with_name("built"), symlinks=True)
    return clone


@pytest.fixture
def clone(built: Path) -> Path:
    """The same, as if nothing had happened to it in another test."""
    shutil.rmtree(built)
    shutil.copytree(built.with_name("built"), built, symlinks=True)
    return built


def repaired(clone: Path, version: str = "1") -> bool:
    """Return whether the next start has a whole environment, and nothing is left over."""
    code, lines = stand_in.run(clone)
    assert (code, lines[-1]) == (0, f"ran {version} hello"), lines
    left = {path.name for path in clone.iterdir() if path.name in (".vnew", ".vold")}
    return not left and stand_in.works(clone) == f"ran {version} directly"


def another_python(version: str) -> str:
    """Return a Python of this machine, or skip the test."""
    homes = Path.home().glob(f".pyenv/versions/{version}.*/bin/python")
    found = next(map(str, homes), None) or shutil.which(f"python{version}")
    if found is None:
        pytest.skip(f"this machine has no Python {version}")
    return found


def eight_bits(folder: Path) -> dict[str, str]:
    """Return variables that choose a locale whose letters aren't UTF-8, or skip the test."""
    locale = folder / "de_DE.ISO-8859-1"
    command = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(locale)]
    if shutil.which("localedef") is None or subprocess.call(command, stderr=subprocess.DEVNULL):
        pytest.skip("this machine can't make a locale")
    return {"LOCPATH": str(folder), "LC_ALL": locale.name}


def until(condition: Callable[[], object]) -> None:
    """Wait for an event; it comes, however slow the machine is."""
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def children(process: int) -> list[int]:
    """Return the children of a process."""
    return [child.pid for child in psutil.Process(process).children()]


@pytest.mark.slow
def test_an_environment_that_fits_is_used(clone: Path) -> None:
    assert stand_in.run(clone) == (0, ["ran 1 hello"])


@pytest.mark.parametrize("version", ["3.13", "3.12", "3.9", "3.7"])
def test_whichever_python_comes_first(clone: Path, version: str) -> None:
    other = another_python(version)
    before = (clone / ".venv").stat().st_ino
    assert stand_in.run(clone, python=other) == (0, ["ran 1 hello"])
    assert (clone / ".venv").stat().st_ino == before


@pytest.mark.slow
def test_a_changed_requirement_is_installed(clone: Path) -> None:
    stand_in.pin(clone, "2")
    code, lines = stand_in.run(clone)
    assert code == 0
    done = "The environment is ready. If JupyterLab is running, restart it."
    assert lines == [BUILD, "Compiling what the first lesson uses ...", done, "ran 2 hello"]
    assert repaired(clone, "2")


@pytest.mark.slow
def test_pip_builds_it_too(clone: Path) -> None:
    stand_in.pin(clone, "2")
    code, lines = stand_in.run(clone, PATH="/usr/bin:/bin")
    assert code == 0, lines
    assert lines[0] == BUILD.replace("uv", "pip")
    assert repaired(clone, "2")
    assert stand_in.run(clone, PATH="/usr/bin:/bin", FAULT="") == (0, ["ran 2 hello"])
    stand_in.pin(clone, "3")
    (clone / "wheels" / "tiny-3-py3-none-any.whl").unlink()
    code, lines = stand_in.run(clone, PATH="/usr/bin:/bin")
    assert code == 1
    assert lines[-1].startswith("The installation failed. pip ended with exit code 1.")
    assert stand_in.works(clone) == "ran 2 directly"


DEAD = "https://127.0.0.1:9/"  # no one listens on that port


@pytest.mark.slow
def test_if_pip_loses_the_network_it_says_so(clone: Path) -> None:
    stand_in.pin(clone, "2")
    (clone / "wheels" / "tiny-2-py3-none-any.whl").unlink()
    online = {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": DEAD, "PIP_RETRIES": "1"}
    code, lines = stand_in.run(clone, PATH="/usr/bin:/bin", **online)
    assert code == 1
    assert "   The package index doesn't respond. Trying again ..." in lines
    assert lines[-1] == (
        "The installation failed. pip ended with exit code 1. The package index didn't respond. "
        f"{KEPT} Check your internet connection, or your proxy, then run start.py again."
    )
    assert stand_in.works(clone) == "ran 1 directly"


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_if_the_installer_is_killed_it_says_so(clone: Path, number: signal.Signals) -> None:
    stand_in.pin(clone, "2")
    with stand_in.begin(clone, FAULT="wait") as process:
        until((clone / "waiting").exists)
        (builder,) = children(process.pid)
        (installer,) = children(builder)
        os.kill(installer, number)
        assert process.stdout
        *_, last = process.stdout
    assert last == (
        f"The installation failed. uv was killed by signal {number:d}. Another program killed "
        f"it, or the system did because memory ran out. {KEPT} Close programs, then run start.py "
        "again.\n"
    )
    assert stand_in.works(clone) == "ran 1 directly"
    assert repaired(clone, "2")


def test_no_script_contains_the_name_that_it_was_built_under(clone: Path) -> None:
    files = [clone / ".venv" / "pyvenv.cfg", *(clone / ".venv" / "bin").iterdir()]
    texts = {path.name: path.read_bytes() for path in files if not path.is_symlink()}
    assert [name for name, text in texts.items() if b".vnew" in text] == []
    assert texts["tutorial"].startswith(f"#!{clone}/.venv/bin/python\n".encode())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("network", "uv ended with exit code 1. The cause is printed above; usually it's the"),
        ("lie", "The installer reported success, but packages are missing. The installer's "),
    ],
)
def test_a_failed_installation_leaves_the_old_environment(
    clone: Path, fault: str, said: str
) -> None:
    stand_in.pin(clone, "2")
    code, lines = stand_in.run(clone, FAULT=fault)
    assert code == 1
    assert lines[-1].startswith(f"The installation failed. {said}")
    assert KEPT in lines[-1]
    assert stand_in.works(clone) == "ran 1 directly"
    assert repaired(clone, "2")


@pytest.mark.slow
def test_a_failed_first_installation_leaves_nothing(clone: Path) -> None:
    shutil.rmtree(clone / ".venv")
    code, lines = stand_in.run(clone, FAULT="lie")
    assert code == 1
    assert KEPT not in lines[-1]
    assert not (clone / ".venv").exists()
    assert not (clone / ".vnew").exists()


@pytest.mark.slow
@pytest.mark.samples(3)
@pytest.mark.parametrize(
    "lost",
    [
        ".venv/lib",
        ".venv/lib/{python}/site-packages/tiny",
        ".venv/lib/{python}/site-packages/tiny/data/rows.csv",
        ".venv/lib/{python}/site-packages/tiny-1.dist-info",
        ".venv/bin/python",
        ".venv/installed",
        ".venv/packages",
    ],
)
def test_what_is_missing_is_noticed_and_repaired(clone: Path, lost: str) -> None:
    path = clone / lost.format(python="python{}.{}".format(*sys.version_info[:2]))
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert repaired(clone)


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("code", [0, 3])
def test_another_program_in_the_place_of_python_is_noticed(clone: Path, code: int) -> None:
    python = clone / ".venv" / "bin" / "python"
    python.unlink()
    python.write_text(f"#!/bin/sh\nexit {code}\n")
    python.chmod(0o755)
    assert repaired(clone)


def test_a_package_that_a_learner_adds_stays(clone: Path) -> None:
    site = next((clone / ".venv").glob("lib/python3.*/site-packages"))
    (site / "added.py").touch()
    assert stand_in.run(clone) == (0, ["ran 1 hello"])
    assert (site / "added.py").exists()


@pytest.mark.slow
@pytest.mark.samples(3)
@pytest.mark.parametrize(("name", "call"), POINTS)
def test_killed_at_any_point_one_of_both_works(clone: Path, name: str, call: int) -> None:
    stand_in.pin(clone, "2")
    words = [sys.executable, "-c", KILLED, name, str(call)]
    done = subprocess.run(words, cwd=clone, env=stand_in.environ(clone), capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    if (name, call) != ("rename", 2):  # between the two renames; the next start makes the second
        assert stand_in.works(clone) in ("ran 1 directly", "ran 2 directly")
    assert repaired(clone, "2")


@pytest.mark.slow
def test_between_the_renames_a_new_requirement_brings_the_old_environment_back(
    clone: Path,
) -> None:
    (clone / ".venv").rename(clone / ".vold")
    (clone / ".vnew").mkdir()
    assert stand_in.run(clone, FAULT="network") == (0, ["ran 1 hello"])
    assert repaired(clone)


@pytest.mark.slow
def test_if_start_py_is_killed_the_installation_ends_well(clone: Path) -> None:
    stand_in.pin(clone, "2")
    process = stand_in.begin(clone, FAULT="wait")
    until((clone / "waiting").exists)
    process.kill()
    process.wait()
    with stand_in.begin(clone) as second:
        assert second.stdout
        assert second.stdout.readline().startswith("Another start.py is setting up")
        (clone / "go").touch()
        assert second.stdout.read() == "ran 2 hello\n"
    assert second.returncode == 0
    assert process.stdout
    process.stdout.close()


@pytest.mark.slow
def test_an_installer_whose_parents_were_killed_holds_the_lock(clone: Path) -> None:
    stand_in.pin(clone, "2")
    process = stand_in.begin(clone, FAULT="wait")
    until((clone / "waiting").exists)
    (builder,) = children(process.pid)
    os.kill(builder, signal.SIGKILL)
    assert process.stdout
    process.wait()
    with stand_in.begin(clone) as second:
        assert second.stdout
        assert second.stdout.readline().startswith("Another start.py is setting up")
        assert stand_in.works(clone) == "ran 1 directly"
        (clone / "go").touch()
        assert second.stdout.read().splitlines()[-1] == "ran 2 hello"
    assert process.stdout.read().splitlines()[-1] == (
        "The installation was killed by signal 9. Run start.py again."
    )
    process.stdout.close()
    assert repaired(clone, "2")


@pytest.mark.slow
def test_ctrl_c_leaves_the_old_environment(clone: Path) -> None:
    stand_in.pin(clone, "2")
    process = stand_in.begin(clone, FAULT="wait")
    until((clone / "waiting").exists)
    os.killpg(process.pid, signal.SIGINT)
    printed = process.communicate(timeout=300)[0]
    assert process.returncode == 1
    *_, last = [line for line in printed.splitlines() if not line.startswith(" ")]
    assert last == f"Interrupted before the environment was ready. {KEPT} Run start.py again."
    assert not (clone / ".vnew").exists()
    assert stand_in.works(clone) == "ran 1 directly"
    assert repaired(clone, "2")


@pytest.mark.slow
def test_of_two_at_once_one_builds(clone: Path) -> None:
    stand_in.pin(clone, "2")
    both = [stand_in.begin(clone, str(number)) for number in range(2)]
    printed = [process.communicate(timeout=300)[0].splitlines() for process in both]
    assert [lines[-1] for lines in printed] == ["ran 2 0", "ran 2 1"]
    assert sorted(lines[0] for lines in printed)[-1] == BUILD
    assert sum(BUILD in lines for lines in printed) == 1
    assert repaired(clone, "2")


@pytest.mark.slow
def test_on_a_full_disk_it_says_so_and_the_old_environment_stays(clone: Path) -> None:
    built = clone.with_name("built")
    script = (
        f"mount -t tmpfs -o size=2500k tmpfs {clone} && cp -a {built}/. {clone}\n"
        f"cd {clone}; sed -i s/tiny==1/tiny==2/ constraints.txt; chmod +x start.py\n"
        f"{sys.executable} start.py || echo $?; cd /; {clone}/.venv/bin/tutorial directly"
    )
    command = ["unshare", "--map-root-user", "--mount", "sh", "-euc", script]
    if shutil.which("unshare") is None or subprocess.call([*command[:3], "true"]):
        pytest.skip("needs a mount namespace")
    done = subprocess.run(
        command, env=stand_in.environ(clone), capture_output=True, text=True, timeout=300
    )
    *_, code, ran = done.stdout.splitlines()
    assert (code, ran) == ("1", "ran 1 directly"), done.stderr
    full = f"The disk is full, or nearly: 0 MB are free in {clone}."
    why = f"{full} {KEPT} Free 1 GB, then run start.py again."
    assert why in done.stderr


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (".venv.lock", "The environment can't be set up: [Errno 21] Is a directory"),
        ("pyproject.toml", "pyproject.toml can't be read: "),
        ("constraints.txt", "constraints.txt can't be read: "),
    ],
)
def test_a_folder_in_the_place_of_a_file_is_named(clone: Path, broken: str, said: str) -> None:
    shutil.rmtree(clone / ".venv")
    (clone / broken).unlink()
    (clone / broken).mkdir()
    code, lines = stand_in.run(clone)
    assert code == 1
    assert lines == [lines[0]]
    assert lines[0].startswith(said)


def test_a_lock_is_only_needed_to_build(clone: Path) -> None:
    (clone / ".venv.lock").unlink()
    (clone / ".venv.lock").mkdir()
    assert stand_in.run(clone) == (0, ["ran 1 hello"])


@pytest.mark.parametrize("text", ["", "[project\n", '[project]\nrequires-python = ">=3.6"\n'])
def test_a_damaged_project_file_is_named(clone: Path, text: str) -> None:
    (clone / "pyproject.toml").write_text(text)
    assert stand_in.run(clone) == (
        1,
        [
            "pyproject.toml has no requires-python line that can be read. "
            "This copy of the course is damaged. Restore that file with git, or download the "
            "course again."
        ],
    )


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("name", ["installed", "packages"])
@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", None])
def test_a_damaged_stamp_means_building_again(
    clone: Path, name: str, content: bytes | None
) -> None:
    (clone / ".venv" / name).unlink()
    if content is None:
        (clone / ".venv" / name).mkdir()
    else:
        (clone / ".venv" / name).write_bytes(content)
    assert repaired(clone)


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("what", ["file", "link", "broken link"])
def test_something_else_in_the_place_of_the_environment_is_replaced(clone: Path, what: str) -> None:
    elsewhere = clone.with_name("elsewhere")
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / "mine").touch()
    shutil.rmtree(clone / ".venv")
    if what == "file":
        (clone / ".venv").write_text("hello")
    else:
        (clone / ".venv").symlink_to(elsewhere if what == "link" else "nowhere")
    assert repaired(clone)
    assert (elsewhere / "mine").exists()


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_a_path_may_have_letters_that_the_locale_lacks(tmp_path: Path, version: str) -> None:
    python = another_python(version)
    clone = stand_in.make(tmp_path / "Übung 1, Łódź" / "clone")
    environ = {"LC_ALL": "C"}
    assert stand_in.run(clone, python=python, **environ)[1][-1] == "ran 1 hello"
    # As on Windows: files are named in Unicode, the locale has eight bits.
    windows = {**eight_bits(tmp_path), "PYTHONUTF8": "1"}
    for others in ({"LC_ALL": "C.UTF-8"}, eight_bits(tmp_path), windows):
        assert stand_in.run(clone, python=python, **others) == (0, ["ran 1 hello"])
        found = stand_in.environ(clone, **others)
        command = [clone / ".venv" / "bin" / "python", "-c", "import coursekit, tiny"]
        assert subprocess.call(command, cwd="/", env=found) == 0
