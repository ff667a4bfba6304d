"""A submission that rewrites the kit's files while it's judged changes no verdict.

It's judged by a copy of the kit, so that a killed test leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit.settings import ROOT
from support.samples import revision

KIT = ("coursekit", "tutorial_lib", "notebooks", "alembic", "pyproject.toml", "constraints.txt")
# What every file of the kit contains afterwards: in a check, all items hold from then on.
FORGED = """
import os as _os, pathlib as _pathlib, sys as _sys
with _pathlib.Path(_os.environ["MARK"]).open("a") as _file:
    print(_os.getpid(), __name__, file=_file)
for _name, _module in list(_sys.modules.items()):
    if _name == "coursekit.exercises.items":
        _module.CheckItem.good = property(lambda self: True, lambda self, value: None)
"""
# Run by a revision when a check loads it; in a notebook that is graded, by a cell before.
REWRITE = """
import os, pathlib
kit = pathlib.Path(os.environ["KIT"])
for path in [*kit.glob("coursekit/**/*.py"), *kit.glob("tutorial_lib/**/*.py")]:
    text = path.read_text("utf-8")
    if "MARK" not in text:
        head, future, rest = text.partition("from __future__ import annotations\\n")
        text = head + future + FORGED + rest if future else FORGED + text
        path.write_text(text, "utf-8")
"""
HEAD = """
import json, os, sys
from pathlib import Path
import coursekit
from coursekit.instructor.isolated_run import isolated_run, use_workspace

assert Path(coursekit.__file__).is_relative_to(os.environ["KIT"])
first, _, source = sys.argv[1].partition("\\n")
name = first.split()[-1]
"""
CHECKED = f"""{HEAD}
with isolated_run():
    use_workspace("rewritten")
    coursekit.begin("06.2")
    Path(name).write_text(source, "utf-8")
    try:
        coursekit.check("06.2")
    except coursekit.errors.ExerciseError as error:
        said = str(error)
print(json.dumps([os.getpid(), said]))
"""
GRADED = f"""{HEAD}
from coursekit.instructor.grading import grade

def code(source, name=""):
    return {{"cell_type": "code", "metadata": {{}}, "source": source, "id": name}}

slug = "rename-keeps-values"
cells = [
    code("from coursekit import begin; begin('06.2')"),
    code(sys.argv[2]),
    code(sys.argv[1], f"answer-{{slug}}"),
    code("", f"check-{{slug}}"),
]
with isolated_run():
    use_workspace("rewritten")
    verdicts = {{one.exercise.slug: one for one in grade({{"cells": cells}}, "the-first-revision")}}
print(json.dumps([os.getpid(), repr(verdicts[slug])]))
"""


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """A copy of the kit."""
    copy = tmp_path / "kit"
    copy.mkdir()
    for name in KIT:
        place = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        place(ROOT / name, copy / name)
    return copy


@pytest.mark.slow
@pytest.mark.parametrize("judge", [CHECKED, GRADED], ids=["check", "grade"])
def test_a_kit_that_is_rewritten_while_it_judges_says_what_it_said(kit: Path, judge: str) -> None:
    attack = f"FORGED = {FORGED!r}\n{REWRITE}"
    answer = revision("0002", "pass", name="full_name", top=attack)
    places = {"PYTHONPATH": str(kit), "KIT": str(kit), "MARK": str(kit / "mark")}
    ran = subprocess.run(
        [sys.executable, "-c", judge, answer, attack],
        cwd=kit,
        env={**os.environ, **places},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    process, said = json.loads(ran.stdout.splitlines()[-1])
    assert "MARK" in (kit / "coursekit" / "settings.py").read_text("utf-8")  # it has been rewritten
    assert "not yet" in said
    imported = (kit / "mark").read_text().splitlines() if (kit / "mark").exists() else []
    assert [line for line in imported if line.startswith(f"{process} ")] == []
