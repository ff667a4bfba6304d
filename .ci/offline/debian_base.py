"""Build a Debian 12 image for the dev container without pulling one: for CI without a registry."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import debian

INCLUDE = "ca-certificates,python3-venv"


def build(tag: str, folder: Path) -> None:
    """Make a base system with debootstrap in a folder, and import it as an image."""
    if not shutil.which("debootstrap"):
        debian.install("debootstrap")
    base, log = folder / "base", folder / "debootstrap.log"
    command = ["debootstrap", "--variant=minbase", f"--include={INCLUDE}", "bookworm", str(base)]
    with log.open("w") as output:
        if subprocess.run(command, stdout=output, stderr=output).returncode:
            raise SystemExit(f"debootstrap failed:\n{log.read_text()[-4000:]}")
    with subprocess.Popen(["tar", "-C", base, "-c", "."], stdout=subprocess.PIPE) as files:
        subprocess.run(
            ["docker", "import", "-", tag], stdin=files.stdout, check=True, capture_output=True
        )
