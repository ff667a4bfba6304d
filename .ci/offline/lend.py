"""Lend a container this machine's network, certificates and pip settings; no image keeps them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
SYSTEM = Path("/etc/pip.conf")
INSIDE = "/run/pip.conf"


def options(folder: Path) -> list[str]:
    """Return the options for `docker run`. Copies for the container's user go into the folder."""
    names = [name for name in os.environ if name.startswith("PIP_")]
    lent = ["--network=host"]
    for name in ("http_proxy", "https_proxy", "no_proxy", *names):
        lent += ["--env", name]
    for path in (CERTIFICATES, SYSTEM):
        lent += _volume(path, str(path), folder)
    homes = (Path.home() / name for name in (".config/pip/pip.conf", ".pip/pip.conf"))
    named = [Path(os.environ["PIP_CONFIG_FILE"])] if os.environ.get("PIP_CONFIG_FILE") else []
    if user := next((path for path in (*named, *homes) if path.is_file()), None):
        lent += [*_volume(user, INSIDE, folder), "--env", f"PIP_CONFIG_FILE={INSIDE}"]
    return lent


def _volume(path: Path, inside: str, folder: Path) -> list[str]:
    if not path.is_file():
        return []
    copy = folder / ("lent" + inside.replace("/", "-"))
    shutil.copyfile(path, copy)
    copy.chmod(0o644)  # the container's user isn't ours
    return ["--volume", f"{copy}:{inside}:ro"]
