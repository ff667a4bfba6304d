"""Ask uv's resolver whether constraints.txt is up to date, with wheels for every system.

    python .ci/pins.py            compare, then resolve for each system and Python, wheels only
    python .ci/pins.py --write    write constraints.txt again; pins that still fit stay as they are

uv is installed into a folder that's deleted at the end.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
import start  # noqa: E402  it knows which versions of Python are supported

PINS = ROOT / "constraints.txt"
KIT = "database-setup-tutorial (pyproject.toml)"
OPTIONS = ("--extra", "dev", "--universal", "--python-version", "3.11", "--no-header")
LAYOUT = ("--annotation-style", "line", "--no-emit-index-url")
HEADER = """\
# What's installed on every system and Python from 3.11 to 3.15; after each name, what requires it.
# Written by: .venv/bin/nox -s pins -- --write
# passlib 1.7.4 is its last release. It works; the library filters its two warnings.
"""
SYSTEMS = {
    "Linux x86-64": "x86_64-unknown-linux-gnu",
    "Linux aarch64": "aarch64-unknown-linux-gnu",
    "macOS arm64": "aarch64-apple-darwin",
    "macOS Intel": "x86_64-apple-darwin",
    "Windows x64": "x86_64-pc-windows-msvc",
}


def main() -> None:
    """Compare and resolve, or write the file."""
    with tempfile.TemporaryDirectory() as folder:
        uv = install_uv(Path(folder))
        text = resolved(uv, Path(folder) / "constraints.txt")
        if sys.argv[1:] == ["--write"]:
            PINS.write_text(text, "utf-8")
            return
        problems = different(text)
        for system in SYSTEMS:
            for major, minor in start.supported():
                problems += without_wheels(uv, system, f"{major}.{minor}")
    sys.exit("\n".join(problems) or None)


def install_uv(folder: Path) -> str:
    """Return the path of a uv of its own."""
    venv.create(folder / "uv", with_pip=True)
    scripts = folder / "uv" / ("Scripts" if sys.platform == "win32" else "bin")
    subprocess.run([scripts / "python", "-m", "pip", "install", "-q", "uv"], check=True)
    return shutil.which("uv", path=scripts) or "uv"


def resolved(uv: str, file: Path) -> str:
    """Return what constraints.txt has to be, for the requirements of pyproject.toml."""
    shutil.copy(PINS, file)  # uv prefers the versions it finds there
    command = [uv, "pip", "compile", "-q", "pyproject.toml", *OPTIONS, *LAYOUT, "-o", str(file)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    lines = file.read_text("utf-8").replace(KIT, "the kit").replace(", -c (workspace)", "")
    return HEADER + lines


def different(text: str) -> list[str]:
    """Return the lines that only one of the two has."""
    here, there = set(PINS.read_text("utf-8").splitlines()), set(text.splitlines())
    only = [f"Only in constraints.txt: {line}" for line in sorted(here - there)]
    return only + [f"Missing from constraints.txt: {line}" for line in sorted(there - here)]


def without_wheels(uv: str, system: str, version: str) -> list[str]:
    """Return why the pins can't be installed from wheels on a system, and print the result."""
    command = [uv, "pip", "compile", "-q", "pyproject.toml", "--constraint", str(PINS)]
    command += ["--only-binary", ":all:", "--python-version", version]
    command += ["--python-platform", SYSTEMS[system]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(f"{system}, Python {version}: {'NO' if done.returncode else 'ok'}", flush=True)
    cause = re.sub(r"\s+", " ", done.stderr).strip()
    return [f"{system}, Python {version}: {cause}"] if done.returncode else []


if __name__ == "__main__":
    main()
