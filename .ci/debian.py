"""Install Debian packages; sessions that run side by side take turns."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock

POSTGRESQL = Path("/usr/lib/postgresql")
LOCK = Path(tempfile.gettempdir()) / "tutorial-apt.lock"
NO_CLUSTER = r"s/^#\?create_main_cluster.*/create_main_cluster = false/"


def install(*packages: str) -> None:
    """Install packages, as root or with sudo. Exits with apt's output if that fails."""
    with FileLock(LOCK):
        _run("apt-get", "update", "-q")
        _run("apt-get", "install", "-y", "-q", "--no-install-recommends", *packages)


def postgresql() -> Path:
    """Return the programs of the oldest PostgreSQL that's installed; install one if none is."""
    if not (found := sorted(POSTGRESQL.glob("*/bin/initdb"))):
        # Debian creates a cluster and starts it, unless it's told not to.
        install("postgresql-common")
        _run("sed", "-i", NO_CLUSTER, "/etc/postgresql-common/createcluster.conf")
        install("postgresql")
        found = sorted(POSTGRESQL.glob("*/bin/initdb"))
    return found[0].parent


def _run(*words: str) -> None:
    command = [*(["sudo"] if os.geteuid() else []), "env", "DEBIAN_FRONTEND=noninteractive", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout[-4000:]}")
