"""`tutorial verify --learner`: judge the exercises in the learner's copies."""

from __future__ import annotations

from collections.abc import Iterable

from coursekit.cli.console import out


def judge_copies(keys: Iterable[str]) -> int:
    """Print a verdict for each exercise of these lessons; return 0 if all are done, else 1."""
    from coursekit.course.notebooks import load
    from coursekit.exercises.copies import copy_of
    from coursekit.exercises.manifest import exercises_of
    from coursekit.instructor.grading import grade
    from coursekit.instructor.isolated_run import isolated_run, use_workspace
    from coursekit.settings import read_settings

    settings = read_settings()
    notebooks = {key: load(copy_of(settings, key)) for key in keys if exercises_of(key)}
    done = True
    with isolated_run():
        for key, notebook in notebooks.items():
            use_workspace(f"learner-{key}")
            for verdict in grade(notebook, key):
                good = verdict.state == "done"
                out.print(verdict.summary if good else repr(verdict))
                done = done and good
    return 0 if done else 1
