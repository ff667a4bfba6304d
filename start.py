"""The entry point: install the course into .venv beside this file, then run it.

    python3 start.py            start PostgreSQL, open JupyterLab at lesson 00
    python3 start.py test       run the quick tests and every notebook
    python3 start.py doctor     pass any other words to the `tutorial` command

If .venv is up to date, it's used, whichever Python runs this file. Otherwise, a separate process
builds it (coursekit/environment/build.py).

This file uses only the standard library, and syntax that old versions of Python can parse, so that
they can print which version to install.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator, NoReturn  # noqa: UP035  Python 3.7 reads this

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = "installed"  # a file in the environment, written last: what it was built from
DEV = "[dev]"
SCRIPTS = ROOT / "coursekit" / "environment"  # run, never imported
SETTINGS = ROOT / "coursekit" / "course" / "jupyter_config"  # copied into the environment
TUTORIAL = "from coursekit.cli import main; main()"
# For these, every package has wheels. `nox -s pins` asks the resolver.
SYSTEMS = re.compile(r"linux-(x86_64|aarch64)|macosx-.*-(x86_64|arm64|universal2)|win-amd64")
INSTEAD = {
    "win-arm64": "Install the 64-bit Python for x86 from python.org, which runs on Windows on Arm "
    "too, then use it to run this file.",
    "linux-x86_64-musl": "Use a Linux with glibc, such as Debian or Ubuntu, or the dev container.",
    "linux-aarch64-musl": "Use a Linux with glibc, such as Debian or Ubuntu, or the dev container.",
}
ELSEWHERE = "Use Linux, macOS or Windows on a 64-bit x86 or Arm processor."
QUIET: "dict[str, Any]" = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)


def main() -> int:
    """Build the environment unless there's one that fits, then run the command in it."""
    if ready(VENV):
        if any(os.path.lexists(str(ROOT / name)) for name in (".vnew", ".vold")):
            wait([python(VENV), str(SCRIPTS / "build.py"), "tidy"])
    else:
        problem = unsuitable()
        if problem:
            return another_python(problem)
        code = wait([sys.executable, str(SCRIPTS / "build.py")])
        if code < 0:
            stop(f"The installation was killed by signal {-code}.", "Run start.py again.")
        if code:
            return code
    words = sys.argv[1:] or ["lab"]
    if words[0] == "test":
        # Four processes on two cores: they wait a lot. A file, or notebook, stays in one process.
        return run("-m", "pytest", "-n", "4", "--dist", "loadfile", *words[1:])
    return run("-c", TUTORIAL, *words)


# Which environment -------------------------------------------------------------------------------


def ready(folder: Path) -> bool:
    """Return whether an environment is up to date and complete."""
    fitting = (wanted() + extras(), wanted() + DEV)
    try:
        built_from = (folder / STAMP).read_text(encoding="utf-8")
    except (OSError, ValueError):  # missing, a folder, not text
        return False
    return built_from in fitting and whole(folder)


def wanted() -> str:
    """Return a digest of what's installed in the environment, and of its path."""
    tables = f"\n{read('pyproject.toml')}".split("\n[")
    texts = [text for text in tables if text.startswith(("build-system", "project", "tool.hatch"))]
    texts += [os.path.normcase(str(ROOT)), read("constraints.txt")]
    texts += [read(str(path)) for path in sorted(SETTINGS.rglob("*.json"))]
    return hashlib.sha256(os.fsencode("\n".join(texts))).hexdigest()


def extras() -> str:
    """Return the extra with the developers' tools if TUTORIAL_DEV asks for it."""
    return DEV if os.environ.get("TUTORIAL_DEV") else ""


def whole(folder: Path) -> bool:
    """Return whether an environment's Python is supported, and no file of a package is missing."""
    look = [python(folder), "-I", "-S", "-B", str(SCRIPTS / "contents.py"), "whole"]
    try:
        printed = subprocess.check_output(look, stderr=subprocess.DEVNULL).decode()
    except (OSError, ValueError, subprocess.CalledProcessError):
        return False
    return printed.split() in [["whole", *map(str, version)] for version in supported()]


def python(folder: Path) -> str:
    """Return the path of an environment's interpreter."""
    return str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


# Which Python ------------------------------------------------------------------------------------


def supported() -> "list[tuple[int, int]]":
    """Return the versions of Python that pyproject.toml allows, newest first."""
    found = re.search(r'^requires-python = ">=3\.(\d+),<3\.(\d+)"$', read("pyproject.toml"), re.M)
    if not found:
        damaged("pyproject.toml has no requires-python line that can be read.")
    return [(3, minor) for minor in range(int(found.group(2)) - 1, int(found.group(1)) - 1, -1)]


def unsuitable() -> str:
    """Return why this Python can't run the course, or an empty string."""
    newest, *_, oldest = supported()
    this = "Python {}.{}".format(*sys.version_info[:2])
    needs = "the course needs Python {}.{} to {}.{}".format(*oldest, *newest)
    if sys.version_info[:2] not in supported():
        return f"This is {this}; {needs}."
    if free_threaded():
        return f"This is a free-threaded build of {this}; {needs}, in a standard build."
    if not SYSTEMS.fullmatch(system()):
        return f"This is {this} for {system()}; the course needs packages that aren't built for it."
    return ""


def free_threaded() -> bool:
    """Return whether this Python was built without the GIL; some packages have no wheel for it."""
    import sysconfig

    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def system() -> str:
    """Return the system and the processor that this Python was built for."""
    import sysconfig

    musl = "musl" in str(sysconfig.get_config_var("HOST_GNU_TYPE"))
    return sysconfig.get_platform() + ("-musl" if musl else "")


def another_python(problem: str) -> int:
    """Run this file with a suitable Python, or print which versions are supported."""
    for command in others():
        if works(command):
            return wait([*command, str(ROOT / "start.py"), *sys.argv[1:]])
    if not SYSTEMS.fullmatch(system()):
        stop(problem, INSTEAD.get(system(), ELSEWHERE))
    newest = "python{}.{}".format(*supported()[0])
    stop(
        problem,
        "Install one of these versions, then use it to run this file, for example: "
        f"{newest} start.py",
    )


def others() -> "Iterator[list[str]]":
    """Yield commands that may run a supported Python; the last one, uv downloads."""
    versions = ["{}.{}".format(*version) for version in supported()]
    for version in versions:
        for command in ([f"python{version}"], ["py", f"-{version}"]):
            if shutil.which(command[0]):
                yield command
    uv = shutil.which("uv")
    if uv and SYSTEMS.fullmatch(system()):
        print(f"There's no suitable Python here. uv downloads Python {versions[0]} ...", flush=True)
        if wait([uv, "python", "install", versions[0]]) == 0:
            find = [uv, "python", "find", "--no-project", versions[0]]
            yield [subprocess.check_output(find).decode().strip()]


def works(command: "list[str]") -> bool:
    """Return whether a command runs a suitable Python. A name on PATH may be an empty shim."""
    ask = "import start; raise SystemExit(bool(start.unsuitable()))"
    return subprocess.call([*command, "-B", "-c", ask], cwd=str(ROOT), **QUIET) == 0


# Programs, files and messages --------------------------------------------------------------------


def run(*words: str) -> int:
    """Become the environment's Python; on Windows, run it and return its exit code."""
    path = str(Path(python(VENV)).parent) + os.pathsep + os.environ.get("PATH", "")
    environment = {**os.environ, "PATH": path}
    environment.pop("PYTHONHOME", None)
    os.chdir(str(ROOT))
    if os.name != "nt":  # it gets the signals, and its exit code is ours
        os.execve(python(VENV), [python(VENV), *words], environment)  # noqa: S606
    return wait([python(VENV), *words], environment)


def wait(command: "list[str]", environment: "dict[str, str] | None" = None) -> int:
    """Wait for a child. Ctrl-C reaches it too, so keep waiting until it has shut down."""
    process = subprocess.Popen(command, env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def read(name: str) -> str:
    """Return the text of a file of the course, or exit."""
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        damaged(f"{name} can't be read: {error}.")


def damaged(what: str) -> NoReturn:
    """Exit because a file of the course is missing or damaged."""
    stop(
        what,
        "This copy of the course is damaged. Restore that file with git, or download the course "
        "again.",
    )


def stop(what: str, do: str) -> NoReturn:
    """Exit with what's wrong and how to fix it."""
    sys.exit(f"{what} {do}")


if __name__ == "__main__":
    sys.exit(main())
