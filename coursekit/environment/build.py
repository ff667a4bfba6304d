"""Build the environment in .vnew, check it, and replace .venv with it. Run by start.py.

Two renames replace the old environment, and only when the new one is whole. So an interruption at
any time leaves one of them; the next run continues from there. It's a process of its own: if
start.py is killed, this one ends its work.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

sys.path[0] = str(Path(__file__).resolve().parents[2])
import start  # noqa: E402  it knows what's wanted
from start import QUIET, ROOT, STAMP, VENV, python, ready, stop  # noqa: E402

NEW = ROOT / ".vnew"  # as long as .venv: contents.py has the reason
OLD = ROOT / ".vold"
LOCK = ROOT / ".venv.lock"
FULL = 50  # megabytes: with less, a full disk is the cause
# Why a step failed, and what to do before the next start.
NETWORK = "The cause is printed above; usually it's the network.", "Fix it"
LOST = "The package index didn't respond.", "Check your internet connection, or your proxy"
KILLED = "Another program killed it, or the system did because memory ran out.", "Close programs"
SETTINGS = (
    "The installer's settings may be the cause.",
    "Look for target, prefix or dry-run in what `pip config list` prints",
)
UNREACHABLE = re.compile(r"connection (broken|error|timed out)|read timed out", re.IGNORECASE)


def main() -> None:
    """Put a whole environment in place, unless another start does so meanwhile."""
    try:
        if sys.argv[1:] == ["tidy"]:
            return tidy()
        with environment_lock():
            prepare()
    except KeyboardInterrupt:
        stop("Interrupted before the environment was ready.", f"{kept()}Run start.py again.")
    except OSError as error:
        stop(
            f"The environment can't be set up: {error}.",
            f"Check that you have write permission for {ROOT} and for what's named here.",
        )


def prepare() -> None:
    """Build the environment if it's necessary, and tidy up after an interruption."""
    if not exists(VENV) and exists(OLD) and not ready(NEW):
        OLD.rename(VENV)  # interrupted between the two renames
    if not ready(VENV):
        if not ready(NEW):
            build()
        put_in_place()
    discard(NEW)
    discard(OLD)


def tidy() -> None:
    """Delete what an interruption has left over, unless a start is at work."""
    with suppress(OSError), LOCK.open("a") as file:
        if locked(file.fileno()) and ready(VENV):
            discard(NEW)
            discard(OLD)


def build() -> None:
    """Make .vnew with the versions that constraints.txt pins, check it and stamp it."""
    uv = shutil.which("uv")
    tool = "uv" if uv else "pip"
    say(
        f"Setting up the environment in .venv, with {tool}. This happens once and takes a minute "
        "or two."
    )
    discard(NEW)
    if exists(NEW):
        stop("The folder .vnew can't be deleted.", "Delete it, then run start.py again.")
    try:
        if uv:
            with_uv(uv)
        else:
            with_pip()
        finish()
    except OSError as error:
        failed(f"{error}.")
    finally:
        if not exists(NEW / STAMP):
            discard(NEW)


def with_uv(uv: str) -> None:
    """Create it with uv."""
    call("uv", [uv, "venv", "--quiet", "--python", sys.executable, str(NEW)])
    call("uv", [uv, "pip", "install", "--python", python(NEW), *requirements()])


def with_pip() -> None:
    """Create it with venv and pip. Python includes them, but Debian packages them separately."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        stop(
            "This Python can't create an environment: its ensurepip module is missing.",
            "On Debian and Ubuntu: apt install python3-venv. Elsewhere: install uv, or Python "
            "from python.org. Then run start.py again.",
        )
    say("1 of 2: creating the environment ...")
    call("venv", [sys.executable, "-m", "venv", str(NEW)])
    say("2 of 2: installing the packages ...")
    pip = [python(NEW), "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with child([*pip, *requirements()], **pipes, text=True, errors="replace") as process:
        assert process.stdout
        lines = show_progress(process.stdout)
    if process.returncode:
        print(*lines, sep="\n", flush=True)
        unreachable = any(map(UNREACHABLE.search, lines))
        ended("pip", process.returncode, LOST if unreachable else NETWORK)


def show_progress(lines: Iterable[str]) -> list[str]:
    """Print a short line now and then: what pip does. Return all of pip's lines."""
    kept = []
    for line in lines:
        kept.append(line.rstrip())
        taken = sum(text.startswith("Collecting ") for text in kept)
        if line.startswith("Collecting ") and taken % 10 == 0:
            say(f"   {taken} packages ...")
        elif UNREACHABLE.search(line):
            say("   The package index doesn't respond. Trying again ...")
        elif line.startswith("Installing collected"):
            say("   writing them to disk ...")
    return kept


def requirements() -> list[str]:
    """Return pip's arguments: the clone, editable, so changes take effect at once."""
    project = str(ROOT) + start.extras()
    return ["--constraint", str(ROOT / "constraints.txt"), "--editable", project]


def finish() -> None:
    """Prepare the new environment for its final path, check that it works, and stamp it."""
    contents = str(Path(__file__).with_name("contents.py"))
    call("Finishing", [python(NEW), "-I", "-S", "-B", contents, "finish"], stdout=-3)
    compile_what_comes_first()
    # From a folder where the kit is found only if it's installed.
    look = child([python(NEW), "-m", "coursekit.course.packages"], cwd=NEW)
    if look.wait() or not start.whole(NEW):
        failed("The installer reported success, but packages are missing.", SETTINGS)
    if hasattr(os, "sync"):  # otherwise a power cut could keep only the stamp
        os.sync()
    (NEW / STAMP).write_text(start.wanted() + start.extras(), encoding="utf-8")


def compile_what_comes_first() -> None:
    """Let two processes import what the first lesson does. Without it, the first start is slow."""
    say("Compiling what the first lesson uses ...")
    environment = {key: os.environ[key] for key in os.environ if key != "PYTHONDONTWRITEBYTECODE"}
    first = [python(NEW), "-m", "coursekit.course.first_imports"]
    halves = [child([*first, half], env=environment, **QUIET) for half in ("jupyterlab", "kernel")]
    for half in halves:
        half.wait()


def put_in_place() -> None:
    """Rename .venv to .vold and .vnew to .venv. On Windows no program may run from them."""
    update = exists(VENV)
    try:
        if update:
            discard(OLD)
            stop_server()
            VENV.rename(OLD)
        NEW.rename(VENV)
    except OSError as error:
        if update and not exists(VENV):
            OLD.rename(VENV)
        stop(
            f"The new environment is complete, but .venv is in use: {error.strerror}.",
            "Stop JupyterLab, close editors that use .venv, then run start.py again. It only takes "
            "a moment.",
        )
    say("The environment is ready." + (" If JupyterLab is running, restart it." if update else ""))


def stop_server() -> None:
    """Stop the embedded PostgreSQL: it runs from the old environment's files."""
    with suppress(OSError):  # an environment without a Python has no server
        child([python(VENV), "-c", start.TUTORIAL, "db", "stop"], **QUIET).wait()


def discard(folder: Path) -> None:
    """Delete an environment that isn't used; never follow a link."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def environment_lock() -> Iterator[None]:
    """Hold a lock; what's started here inherits it, as it may outlive this process."""
    with LOCK.open("a") as file:
        if not locked(file.fileno()):
            say("Another start.py is setting up the environment. Waiting for it ...")
            while not locked(file.fileno()):
                time.sleep(0.2)
        os.set_inheritable(file.fileno(), True)
        yield


def locked(file: int) -> bool:
    """Try to lock a file; return whether it worked."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def child(command: list[str], **options: Any) -> subprocess.Popen[str]:
    """Start a program that inherits the lock."""
    return subprocess.Popen(command, close_fds=False, **{"cwd": ROOT, **options})


def call(name: str, command: list[str], **options: Any) -> None:
    """Run a step of the installation; exit if it fails."""
    with child(command, **options) as process:
        code = process.wait()
    if code:
        ended(name, code, NETWORK)


def ended(name: str, code: int, cause: tuple[str, str]) -> NoReturn:
    """Exit because a step of the installation failed, or was killed."""
    if code < 0:
        failed(f"{name} was killed by signal {-code}.", KILLED)
    failed(f"{name} ended with exit code {code}.", cause)


def exists(path: Path) -> bool:
    """Return whether there's anything of this name, even a broken link."""
    return os.path.lexists(path)


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def kept() -> str:
    """Return a sentence about the environment that hasn't been replaced, if there's one."""
    return "The environment in .venv is unchanged. " if exists(VENV) else ""


def failed(what: str, cause: tuple[str, str] = NETWORK) -> NoReturn:
    """Exit after a failed step."""
    for folder in (tempfile.gettempdir(), ROOT):
        free = shutil.disk_usage(folder).free // 1_000_000
        if free < FULL:
            cause = f"The disk is full, or nearly: {free} MB are free in {folder}.", "Free 1 GB"
    why, do = cause
    stop(f"The installation failed. {what}", f"{why} {kept()}{do}, then run start.py again.")


if __name__ == "__main__":
    main()
