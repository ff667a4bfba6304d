"""The front door: install the kit into .venv beside this file, then run it.

    python3 start.py            PostgreSQL starts, JupyterLab opens at lesson 00
    python3 start.py test       every test and every notebook
    python3 start.py doctor     any other words go to the `tutorial` command

Only the standard library is used here, in a form that old Pythons can read as well, so
that they can say what is missing.
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
STAMP = VENV / "installed"  # written last; holds what the environment was made from
DEV = "[dev]"
VERSIONS = ((3, 13), (3, 12), (3, 11))


def main() -> int:
    """Make the environment when need be, and hand over to it."""
    if sys.version_info[:2] not in VERSIONS:
        return another_python()
    with environment_lock():
        if stamp() not in (wanted() + extras(), wanted() + DEV):
            install()
    words = sys.argv[1:] or ["lab"]
    if words[0] == "test":
        # In two processes, for much of the time one of them waits; a notebook stays in one.
        return run("-m", "pytest", "-n", "2", "--dist", "loadfile", *words[1:])
    return run("-c", "from coursekit.cli import main; main()", *words)


def another_python() -> int:
    """Start again under a Python that fits, or say which are wanted."""
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
    """Whether a command really runs that version: a name on PATH may be an empty shim."""
    ask = f"import sys; raise SystemExit(sys.version_info[:2] != {version})"
    done = subprocess.call(
        [*command, "-c", ask], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return done == 0


def python() -> Path:
    """The environment's interpreter."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def wanted() -> str:
    """What the environment should be made from, in one line."""
    import tomllib  # it came with Python 3.11

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = repr(project).encode() + (ROOT / "constraints.txt").read_bytes()
    return f"{sys.version.split()[0]} {ROOT} {hashlib.sha256(text).hexdigest()}"


def stamp() -> str:
    """What it was made from, or nothing when it is not whole."""
    if not python().exists() or not STAMP.exists():
        return ""
    return STAMP.read_text(encoding="utf-8")


def install() -> None:
    """Make .venv and install the kit with the versions that constraints.txt pins."""
    uv = shutil.which("uv")
    say(
        "Setting up the environment in .venv, with {}; once, for a minute or two.".format(
            "uv" if uv else "pip"
        )
    )
    clear()
    if uv:
        call([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)])
        # Without compiled files every import of the first hour would be four times slower.
        call([uv, "pip", "install", "--python", str(python()), "--compile-bytecode", *packages()])
    else:
        with_pip()
    say("Getting ready for the first plot ...")
    fonts = "from coursekit.course.jupyterlab import warm_up; warm_up()"
    subprocess.call(  # it may fail: then the first plot takes longer
        [str(python()), "-c", fonts], cwd=str(ROOT), stderr=subprocess.DEVNULL
    )
    STAMP.write_text(wanted() + extras(), encoding="utf-8")
    say("The environment is ready.")


def clear() -> None:
    """Delete an old environment; on Windows a program that runs from it forbids that."""
    try:
        if VENV.exists():
            shutil.rmtree(VENV)
    except OSError as error:
        stop(
            f"The folder .venv is in use: {error.strerror}.",
            "End JupyterLab, run: python start.py db stop. Then run start.py again.",
        )


def with_pip() -> None:
    """The same with venv and pip, which come with Python, and on Debian apart from it."""
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        stop(
            "This Python cannot make an environment: its module ensurepip is missing.",
            "On Debian and Ubuntu: apt install python3-venv. Elsewhere: install uv, or Python "
            "from python.org. Then run start.py again.",
        )
    say("1 of 2: making the environment ...")
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
    """One short line for every tenth package that pip takes up; gives back all lines."""
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
    """What is installed: this folder, editable, so that changes to it work at once."""
    return ["--constraint", str(ROOT / "constraints.txt"), "--editable", str(ROOT) + extras()]


def extras() -> str:
    """The tools of whoever changes the kit, when they are asked for."""
    return DEV if os.environ.get("TUTORIAL_DEV") else ""


def call(command: list) -> None:
    """Run a step of the installation, or end with what it said."""
    done = subprocess.call(command, cwd=str(ROOT))
    if done:
        failed(done)


def failed(code: int) -> NoReturn:
    """End after a failed step; the environment stays unfinished, and is made anew next time."""
    stop(
        f"The installation failed with exit code {code}.",
        "What went wrong stands above; the network is the usual cause. Run start.py again.",
    )


def run(*words: str) -> int:
    """Become the environment's Python; on Windows, run it and give its exit code."""
    path = str(python().parent) + os.pathsep + os.environ.get("PATH", "")
    environment = {**os.environ, "PATH": path}
    environment.pop("PYTHONHOME", None)
    os.chdir(str(ROOT))
    if os.name != "nt":  # so that signals and the exit code are its own
        os.execve(str(python()), [str(python()), *words], environment)  # noqa: S606
    return wait([str(python()), *words], env=environment)


def wait(command: list, **options: object) -> int:
    """Run a command to its end; Ctrl-C reaches it as well, and it ends in its own way."""
    process = subprocess.Popen(command, **options)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


@contextmanager
def environment_lock() -> Iterator:
    """Hold a lock while looking at or making the environment."""
    with (ROOT / ".venv.lock").open("w") as file:
        if os.name == "nt":
            import msvcrt

            while True:  # it gives up after ten seconds; an installation takes longer
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
    """A line for the person who waits."""
    print(text, flush=True)


def stop(what: str, do: str) -> NoReturn:
    """End with what is wrong and what to do about it."""
    sys.exit(f"{what} {do}")


if __name__ == "__main__":
    sys.exit(main())
