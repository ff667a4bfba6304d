"""Commands for who runs or changes the course: verify, refresh."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer

from tutorial_lib.cli.paper import Numbers, out


def verify(
    numbers: Numbers = None,
    learner: Annotated[
        bool, typer.Option("--learner", help="Judge the exercises in the learner's copies.")
    ] = False,
) -> None:
    """Run notebooks strictly, on a server of their own: the reference ones, or the learner's.

    Example: python3 start.py verify 01
    """
    if learner:
        raise typer.Exit(_verify_copies(numbers))
    from tutorial_lib.config import ROOT
    from tutorial_lib.course import lesson_path, lessons
    from tutorial_lib.jupyter import wait

    paths = [lesson_path(number) for number in numbers or lessons()]
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(ROOT), *map(str, paths)]
    raise typer.Exit(wait(subprocess.Popen(command, cwd=ROOT)))


def _verify_copies(numbers: list[str] | None) -> int:
    """Judge the exercises in the learner's copies; 0 when all are done."""
    from tutorial_lib.config import read_settings
    from tutorial_lib.copies import copy_of
    from tutorial_lib.course import lesson_path, lessons
    from tutorial_lib.editions import load
    from tutorial_lib.exercises.grading import grade
    from tutorial_lib.exercises.manifest import exercises_of
    from tutorial_lib.runs import reference_run, use_workspace

    keys = [lesson_path(number).name[:2] for number in numbers or lessons()]
    settings = read_settings()
    notebooks = {key: load(copy_of(settings, key)) for key in keys if exercises_of(key)}
    done = True
    with reference_run():
        for key, notebook in notebooks.items():
            use_workspace(f"learner-{key}")
            for verdict in grade(notebook, key):
                good = verdict.state == "done"
                out.print(verdict.summary if good else repr(verdict))
                done = done and good
    return 0 if done else 1


def refresh(numbers: Numbers = None) -> None:
    """Run the reference notebooks and write their outputs into them.

    Example: python3 start.py refresh 01
    """
    from tutorial_lib import editions
    from tutorial_lib.course import lessons
    from tutorial_lib.runs import reference_run

    with reference_run():
        for number in numbers or lessons():
            out.print(f"{number}: running ...")
            changed = editions.refresh(number)
            out.print(f"{number}: {'written' if changed else 'nothing has changed'}")


COMMANDS = (verify, refresh)
