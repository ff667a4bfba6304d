"""A check loads its own lesson's content and little else of the course."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from coursekit.course.catalog import lessons
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.manifest import exercises_of
from coursekit.settings import ROOT

LINES = 3_000  # our modules that checking an exercise may load
CHECK = """
import json, sys
from coursekit import check
from coursekit.errors import ExerciseError

try:
    check(sys.argv[1])
except ExerciseError:
    print(json.dumps({
        name: module.__file__ for name, module in sys.modules.items()
        if getattr(module, "__file__", None)
    }))
"""
FIRST = [exercises_of(lesson)[0] for lesson in lessons() if exercises_of(lesson)]


@cache
def loaded(number: str) -> dict[str, Path]:
    """Return our modules that a new process has loaded after checking an exercise, by name."""
    command = [sys.executable, "-c", CHECK, number]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    modules = json.loads(run.stdout.splitlines()[-1])
    paths = {name: Path(file) for name, file in modules.items()}
    ours = [ROOT / folder for folder in ("coursekit", "tutorial_lib", "tests", "benchmarks")]
    return {name: path for name, path in paths.items() if {*path.parents} & {*ours}}


def test_a_check_loads_few_lines_of_ours() -> None:
    counts = {
        name: len(path.read_text("utf-8").splitlines()) for name, path in loaded("06.1").items()
    }
    assert "coursekit.lessons.the_first_revision.checks" in counts
    assert sum(counts.values()) <= LINES, sorted(counts.items(), key=lambda item: -item[1])


@pytest.mark.samples(4)
@pytest.mark.parametrize("exercise", FIRST, ids=lambda one: one.number)
def test_a_check_loads_no_answers_tools_or_other_lessons(exercise: Exercise) -> None:
    lesson = f"coursekit.lessons.{exercise.lesson.replace('-', '_')}"
    modules = loaded(exercise.number)
    allowed = ("coursekit.lessons", lesson)
    foreign = ("coursekit.instructor", "coursekit.cli", "coursekit.lessons.")
    found = [
        name
        for name, path in modules.items()
        if name not in allowed and not name.startswith(f"{lesson}.")
        if name.startswith(foreign) or ROOT / "tests" in path.parents
    ]
    assert lesson in modules
    assert found == []
