"""A workspace of the first edition, copied into a temporary folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from coursekit.servers.server import Server
from coursekit.settings import ROOT, Settings, read_settings

DATA = ROOT / "tests" / "data" / "old_workspace"


@pytest.fixture
def old_workspace(workspace: Path, server: Server, tmp_path: Path) -> Path:
    """The first edition's files, named by TUTORIAL_WORKSPACE; its server is this run's."""
    shutil.copytree(DATA, workspace)
    for path in list(workspace.rglob("*.old")):
        path.rename(path.with_suffix(""))
    values = {
        "@WORKSPACE@": str(workspace),
        "@SERVER_HOME@": str(tmp_path / "old_server"),
        "@NETLOC@": server.netloc,
    }
    for note in workspace.rglob(".lesson.json"):
        content = note.read_text(encoding="utf-8")
        for placeholder, value in values.items():
            content = content.replace(placeholder, json.dumps(value)[1:-1])
        note.write_text(content, encoding="utf-8")
    return workspace


@pytest.fixture
def settings(old_workspace: Path) -> Settings:
    """The settings of a learner who has that workspace."""
    return read_settings()
