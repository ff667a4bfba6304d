"""Run the examples of a page in docs/ as they stand, in a project that has copied the library."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from sqlalchemy import URL

from coursekit.settings import ROOT

INI = "[alembic]\nscript_location = %(here)s/alembic\nprepend_sys_path = %(here)s\n"


def blocks(page: str) -> list[str]:
    """Return the Python blocks of a page in docs/."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def write_project(folder: Path, page: str) -> None:
    """Write an Alembic project: the page's env.py and revisions, and the library as `app`."""
    shutil.copytree(ROOT / "tutorial_lib", folder / "app")
    versions = folder / "alembic" / "versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text(INI, encoding="utf-8")
    for block in blocks(page):
        if found := re.search(r'^revision = "(\w+)"', block, re.MULTILINE):
            (versions / f"{found[1]}_step.py").write_text(block, encoding="utf-8")
        elif "context.run_migrations()" in block:
            (folder / "alembic" / "env.py").write_text(block, encoding="utf-8")


def run_alembic(folder: Path, url: URL, *words: str) -> subprocess.Popen[str]:
    """Start `alembic …` in such a project."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["DATABASE_URL"] = url.render_as_string(hide_password=False)
    return subprocess.Popen(
        [sys.executable, "-m", "alembic", *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
