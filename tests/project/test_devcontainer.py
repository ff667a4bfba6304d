"""The dev container and Binder: other ways into the course, which run start.py.

These tests read the files and check that everything they name exists. `nox -s devcontainer` builds
the dev container on a base image of its own, and runs the commands of both in it. The public base
images, and Binder's conda, aren't tested: CI may run without a registry.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml
from packaging.specifiers import SpecifierSet

from coursekit import cli
from coursekit.settings import ROOT

DEVCONTAINER = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
BINDER = yaml.safe_load((ROOT / ".binder" / "environment.yml").read_text("utf-8"))
DOCKERFILE = (ROOT / ".devcontainer" / "Dockerfile").read_text("utf-8")
POST_BUILD = ROOT / ".binder" / "postBuild"
# The properties our dev container sets, and their types.
PROPERTIES = {
    "name": str,
    "build": dict,
    "remoteUser": str,
    "onCreateCommand": str,
    "postAttachCommand": str,
    "forwardPorts": list,
    "portsAttributes": dict,
    "customizations": dict,
}


def commands() -> set[str]:
    return set(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]


def supported() -> SpecifierSet:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    found = re.search(r'^requires-python = "(.*)"$', text, re.M)
    assert found
    return SpecifierSet(found.group(1))


def test_the_dev_container_has_the_properties_of_one() -> None:
    assert {name: type(value) for name, value in DEVCONTAINER.items()} == PROPERTIES
    assert set(DEVCONTAINER["portsAttributes"]) == set(map(str, DEVCONTAINER["forwardPorts"]))


@pytest.mark.parametrize("event", ["onCreateCommand", "postAttachCommand"])
def test_the_dev_container_runs_commands_of_start_py(event: str) -> None:
    python, script, command, *_ = shlex.split(DEVCONTAINER[event])
    assert (python, script) == ("python3", "start.py")
    assert command in commands()


def test_the_dev_container_recommends_what_the_editors_settings_do() -> None:
    settings = json.loads((ROOT / ".vscode" / "extensions.json").read_text("utf-8"))
    extensions = DEVCONTAINER["customizations"]["vscode"]["extensions"]
    assert extensions == settings["recommendations"]


def test_the_dev_container_is_built_from_the_file_beside_it_and_has_its_user() -> None:
    assert DEVCONTAINER["build"] == {"dockerfile": "Dockerfile"}
    *_, user = re.findall(r"^USER (\w+)$", DOCKERFILE, re.M)
    assert user == DEVCONTAINER["remoteUser"] != "root"


def test_every_way_in_has_a_python_that_the_course_runs_on() -> None:
    (binder,) = [text for text in BINDER["dependencies"] if text.startswith("python=")]
    (base,) = re.findall(r"^ARG BASE=(\S+)$", DOCKERFILE, re.M)
    for version in (base.rpartition(":")[2], binder.partition("=")[2]):
        assert f"{version}.0" in supported()


def test_binder_provides_python_and_the_course_pins_the_rest() -> None:
    assert [text.partition("=")[0] for text in BINDER["dependencies"]] == ["python", "pip"]
    install = "pip install --no-cache-dir --constraint constraints.txt --editable ."
    assert install in POST_BUILD.read_text("utf-8")


@pytest.mark.skipif(os.name == "nt", reason="Binder is Linux, and Windows has no such mode")
def test_binder_can_run_what_comes_after_the_build() -> None:
    assert os.access(POST_BUILD, os.X_OK)
    subprocess.run(["bash", "-n", POST_BUILD], check=True)


def test_binders_last_step_writes_the_learners_copies(tmp_path: Path) -> None:
    word, *rest = POST_BUILD.read_text("utf-8").splitlines()[-1].split()
    assert word == "tutorial"
    assert set(rest) <= commands()
    environ = {**os.environ, "TUTORIAL_WORKSPACE": str(tmp_path / "workspace")}
    program = Path(sys.executable).with_name(word)
    subprocess.run([program, *rest], env=environ, check=True, capture_output=True)
    assert (tmp_path / "workspace" / "notebooks" / "00_start_here.ipynb").is_file()
