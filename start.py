"""The entry point: install the course into .venv beside this file, then run it.

    python3 start.py            start PostgreSQL, open JupyterLab at lesson 00
    python3 start.py test       run the quick tests and every notebook
    python3 start.py doctor     pass any other words to the `tutorial` command

This file uses only the standard library, and syntax that old Pythons can parse: they then print
which version to install.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed"  # written last; says what the environment was built from
DEV = "[dev]"
VERSIONS = ((3, 13), (3, 12), (3, 11))


def main() -> int:
    """Build the environment unless it's up to date, then run the command in it."""
    if sys.version_info[:2] not in VERSIONS:
        return another_python()
    with environment_lock():
        if stamp() not in (wanted() + extras(), wanted() + DEV):
            install()
    words = sys.argv[1:] or ["lab"]
    if words[0] == "test":
        # Four processes on two cores: they wait a lot. A file, or notebook, stays in one process.
        return run("-m", "pytest", "-n", "4", "--dist", "loadfile", *words[1:])
    return run("-c", "from coursekit.cli import main; main()", *words)


def another_python() -> int:
    """Run this file with a supported Python, or print which versions are supported."""
    for major, minor in VERSIONS:
        for command in (
            [f"python{major}.{minor}"],
            ["py", f"-{major}.{minor}"],
        ):
            if shutil.which(command[0]) and works(command, (major, minor)):
                return wait([*command, str(ROOT / "start.py"), *sys.argv[1:]])
    stop(
        "This is Python {}.{}; the course needs 3.11, 3.12 or 3.13.".format(*sys.version_info[:2]),
        "Install one of them, then run it with this file, for instance: python3.13 start.py",
    )


def works(command: list, version: tuple) -> bool:
    """Return whether a command runs that version. A name on PATH may be an empty shim."""
    ask = f"import sys; raise SystemExit(sys.version_info[:2] != {version})"
    done = subprocess.call(
        [*command, "-c", ask], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return done == 0


def python() -> Path:
    """Return the path of the environment's interpreter."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def wanted() -> str:
    """Return what the environment should be built from, in one line."""
    import tomllib  # it came with Python 3.11

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = repr(project).encode() + (ROOT / "constraints.txt").read_bytes()
    return f"{sys.version.split()[0]} {ROOT} {hashlib.sha256(text).hexdigest()}"


def stamp() -> str:
    """Return what it was built from, or an empty string if it's incomplete."""
    if not python().exists() or not STAMP.exists():
        return ""
    return STAMP.read_text(encoding="utf-8")


def install() -> None:
    """Create .venv and install the course with the versions that constraints.txt pins."""
    uv = shutil.which("uv")
    say(
        "Setting up the environment in .venv, with {}; once, for a minute or two.".format(
            "uv" if uv else "pip"
        )
    )
    clear()
    if uv:
        call([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)])
        # Without compiled files, every first import would be four times slower.
        call([uv, "pip", "install", "--python", str(python()), "--compile-bytecode", *packages()])
    else:
        with_pip()
    say("Getting ready for the first plot ...")
    fonts = "from coursekit.course.fonts import build_font_cache; build_font_cache()"
    subprocess.call(  # if it fails, the first plot takes longer
        [str(python()), "-c", fonts], cwd=str(ROOT), stderr=subprocess.DEVNULL
    )
    STAMP.write_text(wanted() + extras(), encoding="utf-8")
    say("The environment is ready.")


def clear() -> None:
    """Delete an old environment. On Windows that fails while a program runs from it."""
    try:
        if VENV.exists():
            shutil.rmtree(VENV)
    except OSError as error:
        stop(
            f"The folder .venv is in use: {error.strerror}.",
            "End JupyterLab, run: python start.py db stop. Then run start.py again.",
        )


def with_pip() -> None:
    """Create it with venv and pip. Python includes them, but Debian packages them separately."""
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        stop(
            "This Python can't create an environment: its module ensurepip is missing.",
            "On Debian and Ubuntu: apt install python3-venv. Elsewhere: install uv, or Python "
            "from python.org. Then run start.py again.",
        )
    say("1 of 2: creating the environment ...")
    venv.create(VENV, with_pip=True)
    say("2 of 2: installing the packages ...")
    pip = [str(python()), "-m", "pip", "install", "--disable-pip-version-check", *packages()]
    with subprocess.Popen(
        pip, cwd=str(ROOT), stdout=subprocess.PIPE, universal_newlines=True
    ) as process:
        kept = show_progress(process.stdout)
    if process.returncode:
        print(*kept, sep="\n")
        failed(process.returncode)


def show_progress(lines: Iterable) -> list:
    """Print a short line for every tenth package that pip collects. Return all of pip's lines."""
    kept = []
    for line in lines:
        kept.append(line.rstrip())
        taken = sum(text.startswith("Collecting ") for text in kept)
        if line.startswith("Collecting ") and taken % 10 == 0:
            say(f"   {taken} packages ...")
        elif line.startswith("Installing collected"):
            say("   writing them to disk ...")
    return kept


def packages() -> list:
    """Return pip's arguments: this folder, editable, so changes take effect at once."""
    return ["--constraint", str(ROOT / "constraints.txt"), "--editable", str(ROOT) + extras()]


def extras() -> str:
    """Return the extra with the developers' tools if TUTORIAL_DEV asks for it."""
    return DEV if os.environ.get("TUTORIAL_DEV") else ""


def call(command: list) -> None:
    """Run a step of the installation; exit if it fails."""
    done = subprocess.call(command, cwd=str(ROOT))
    if done:
        failed(done)


def failed(code: int) -> NoReturn:
    """Exit after a failed step. The environment stays incomplete; the next run rebuilds it."""
    stop(
        f"The installation failed with exit code {code}.",
        "The cause is printed above; usually it's the network. Then run start.py again.",
    )


def run(*words: str) -> int:
    """Become the environment's Python; on Windows, run it and return its exit code."""
    path = str(python().parent) + os.pathsep + os.environ.get("PATH", "")
    environment = {**os.environ, "PATH": path}
    environment.pop("PYTHONHOME", None)
    os.chdir(str(ROOT))
    if os.name != "nt":  # it gets the signals, and its exit code is ours
        os.execve(str(python()), [str(python()), *words], environment)  # noqa: S606
    return wait([str(python()), *words], env=environment)


def wait(command: list, **options: object) -> int:
    """Wait for a child. Ctrl-C reaches it too, so keep waiting until it has shut down."""
    process = subprocess.Popen(command, **options)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


@contextmanager
def environment_lock() -> Iterator:
    """Hold a lock while checking or building the environment."""
    with (ROOT / ".venv.lock").open("w") as file:
        if os.name == "nt":
            import msvcrt

            while True:  # each attempt ends after ten seconds; an installation takes longer
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                    break
                except OSError:
                    continue
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def stop(what: str, do: str) -> NoReturn:
    """Exit with what's wrong and how to fix it."""
    sys.exit(f"{what} {do}")


if __name__ == "__main__":
    sys.exit(main())
