"""Build the dev container, then run its commands, lesson 01 and Binder's last commands in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import docker_engine
from offline import debian_base, lend

ROOT = Path(__file__).resolve().parents[1]
BASE, IMAGE = "tutorial-base:local", "tutorial-devcontainer:local"
INSIDE = "/workspaces/course"
COMMANDS = r"""
echo "as $(id -un), user $(id -u)"
create="import json; print(json.load(open('.devcontainer/devcontainer.json'))['onCreateCommand'])"
eval "$(python3 -c "$create")"
python3 start.py verify 01 --junit devcontainer.xml
PATH=$PWD/.venv/bin:$PATH .binder/postBuild | tail -n 2
"""


def run(junit: Path) -> None:
    """Do all of it, on an engine that's running, and leave no image behind.

    The results of lesson 01 go into `junit`.
    """
    with docker_engine.scratch() as folder:
        debian_base.build(BASE, folder)
        build = ["docker", "build", "-q", "--build-arg", f"BASE={BASE}", "-t", IMAGE]
        subprocess.run([*build, str(ROOT / ".devcontainer")], check=True)
        course = folder / "course"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(course)], check=True)
        _give(course, int(_output("docker", "run", "--rm", IMAGE, "id", "-u")))
        mount = ["--volume", f"{course}:{INSIDE}", "--workdir", INSIDE]
        command = ["docker", "run", "--rm", *lend.options(folder), *mount, IMAGE]
        try:
            subprocess.run([*command, "bash", "-euc", COMMANDS], check=True)
            shutil.copy(course / "devcontainer.xml", junit)
        finally:
            subprocess.run(["docker", "image", "rm", "-f", IMAGE, BASE], capture_output=True)


def _give(folder: Path, user: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, -1, follow_symlinks=False)


def _output(*command: str) -> str:
    return subprocess.check_output(command, text=True)
