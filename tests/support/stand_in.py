"""A small project with the real start.py, whose environment is built in a second.

Its packages are a few tiny wheels. Its `uv` is a script that unpacks them, and that fails, lies or
waits when the variable FAULT says so; without it, the real pip installs the same wheels.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

from coursekit.settings import APP, ROOT

REAL = ("start.py", "coursekit/environment", "coursekit/course/packages.py")
PYPROJECT = f"""\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "{APP}"
version = "1"
requires-python = ">=3.11,<3.16"
dependencies = ["tiny", "packaging"]
"""
CLI = """\
import sys
import tiny

def main():
    print("ran", tiny.VERSION, *sys.argv[1:])
"""
# What hatchling does: an editable wheel, with the path of the project.
BACKEND = f"""\
import sys, pathlib
sys.path.insert(0, {str(ROOT / "tests")!r})
from support.stand_in import wheel

def build_editable(folder, *args):
    here = str(pathlib.Path.cwd())
    files = {{"_editable_impl_app.pth": here}}
    requires = ["tiny", "packaging"]
    script = "[console_scripts]\\ntutorial = coursekit.cli:main\\n"
    return wheel(pathlib.Path(folder), {APP!r}, "1", files, requires, script).name
"""
UV = f"""\
#!{sys.executable}
import os, pathlib, signal, subprocess, sys, time
sys.path.insert(0, {str(ROOT / "tests")!r})
from support import stand_in

step, fault = sys.argv[1], os.environ.get("FAULT", "")
if step == "venv":
    raise SystemExit(subprocess.call([sys.executable, "-m", "venv", "--without-pip", sys.argv[-1]]))
if step == "python":
    if fault == "network":
        raise SystemExit("error: no network")
    print(sys.executable if sys.argv[2] == "find" else "installed")
    raise SystemExit()
clone = pathlib.Path.cwd()
if fault == "wait":
    (clone / "waiting").touch()
    while not (clone / "go").exists():
        time.sleep(0.05)
if fault == "network":
    raise SystemExit("error: no network")
if fault != "lie":
    stand_in.unpack(clone, pathlib.Path(sys.argv[sys.argv.index("--python") + 1]))
"""


def make(clone: Path, version: str = "1") -> Path:
    """Write the project into a folder, and its wheels and its uv beside it."""
    (clone / "coursekit" / "course").mkdir(parents=True)
    for name in REAL:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, clone / name)
    stubs = {
        "pyproject.toml": PYPROJECT,
        "backend.py": BACKEND,
        "coursekit/__init__.py": "",
        "coursekit/cli.py": CLI,
        "coursekit/settings.py": f"from pathlib import Path\nAPP = {APP!r}\n"
        "ROOT = Path(__file__).parents[1]\n",
        "coursekit/course/__init__.py": "",
        "coursekit/course/first_imports.py": "",
        "bin/uv": UV,
    }
    for name, text in stubs.items():
        (clone / name).parent.mkdir(exist_ok=True)
        (clone / name).write_text(text, "utf-8")
    (clone / "bin" / "uv").chmod(0o755)
    pin(clone, version)
    return clone


def pin(clone: Path, version: str) -> None:
    """Require a version of the package `tiny`, and make its wheel."""
    wheels = clone / "wheels"
    wheels.mkdir(exist_ok=True)
    files = {"tiny/__init__.py": f"VERSION = {version!r}\n", "tiny/data/rows.csv": "1\n"}
    wheel(wheels, "tiny", version, files)
    packaging = distribution("packaging")
    copied = [path for path in packaging.files or () if path.parts[0] == "packaging"]
    modules = {str(path): path.read_text() for path in copied if path.suffix == ".py"}
    wheel(wheels, "packaging", packaging.version, modules)
    pins = f"tiny=={version}\npackaging=={packaging.version}\n"
    (clone / "constraints.txt").write_text(pins)


def wheel(
    folder: Path,
    name: str,
    version: str,
    files: dict[str, str],
    requires: list[str] | None = None,
    scripts: str = "",
) -> Path:
    """Write a wheel by hand."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires or [])
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    metadata += "Requires-Python: >=3.11,<3.16\n"
    tags = "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    whole = {**files, f"{info}/METADATA": metadata, f"{info}/WHEEL": tags}
    if scripts:
        whole[f"{info}/entry_points.txt"] = scripts
    rows = io.StringIO()
    csv.writer(rows).writerows([(path, "", "") for path in [*whole, f"{info}/RECORD"]])
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in {**whole, f"{info}/RECORD": rows.getvalue()}.items():
            archive.writestr(member, text)
    return path


def unpack(clone: Path, python: Path) -> None:
    """Install the pinned wheels and the project, as an installer does."""
    site = next(python.parents[1].glob("lib/python3.*/site-packages"))
    sys.path.insert(0, str(clone))
    import backend

    backend.build_editable(site)
    pins = (clone / "constraints.txt").read_text().split()
    wheels = [clone / "wheels" / f"{pin.replace('==', '-')}-py3-none-any.whl" for pin in pins]
    for path in (*wheels, *site.glob("*.whl")):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(site)
    script = python.with_name("tutorial")
    script.write_text(f"#!{python}\nfrom coursekit.cli import main\nmain()\n", "utf-8")
    script.chmod(0o755)


def environ(clone: Path, **more: str) -> dict[str, str]:
    """Return variables for start.py: no network, and no other installer's settings."""
    path = f"{clone / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(clone / "wheels")}
    return {"PATH": path, "PIP_CONFIG_FILE": os.devnull, **offline, **more}


def begin(
    clone: Path, *words: str, python: str = sys.executable, **more: str
) -> subprocess.Popen[str]:
    """Start start.py in a process group of its own."""
    return subprocess.Popen(
        [python, str(clone / "start.py"), *(words or ("hello",))],
        env=environ(clone, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(
    clone: Path, *words: str, python: str = sys.executable, **more: str
) -> tuple[int, list[str]]:
    """Run start.py; return its exit code and its lines."""
    process = begin(clone, *words, python=python, **more)
    lines = process.communicate(timeout=300)[0].splitlines()
    return process.returncode, lines


def works(clone: Path) -> str:
    """Return what the environment's own command prints, without start.py; "" if it fails."""
    script = [str(clone / ".venv" / "bin" / "tutorial"), "directly"]
    try:
        return subprocess.check_output(
            script, text=True, stderr=subprocess.DEVNULL, cwd="/"
        ).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
