"""Commands for who runs or changes the course: verify, refresh."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated

import typer

from coursekit.cli.console import Numbers, out

if TYPE_CHECKING:
    from coursekit.instructor.verification import LessonRun, Options, Run

Learner = typer.Option("--learner", help="Judge the exercises in the learner's copies.")
Twice = typer.Option("--twice", help="Run all twice, to find what is not the same each time.")
Jobs = typer.Option(min=1, help="How many lessons run at the same time.", show_default=False)
Server = typer.Option(help="The address of a server to run on, as DATABASE_URL has it.")
Python = typer.Option(
    help="The Python of another environment with the kit in it.", show_default=False
)
Unpinned = typer.Option("--unpinned", help="Run with the newest version of every package.")
Junit = typer.Option(help="Write the results into this file, as JUnit's XML.")
Report = typer.Option(help="Write a page and the executed copies of what fails into this folder.")
PARTS = ("problem", "source", "expected", "got", "cause", "fix")


def verify(
    numbers: Numbers = None,
    learner: Annotated[bool, Learner] = False,
    twice: Annotated[bool, Twice] = False,
    jobs: Annotated[int, Jobs] = 1,
    server: Annotated[str, Server] = "",
    python: Annotated[str, Python] = sys.executable,
    unpinned: Annotated[bool, Unpinned] = False,
    junit: Annotated[Path | None, Junit] = None,
    report: Annotated[Path | None, Report] = None,
) -> None:
    """Run the notebooks strictly, and say what fails and why.

    They run on a server and in workspaces of their own, the reference edition or, with
    --learner, the exercises of the learner's copies.

    Example: python3 start.py verify 01
    """
    from coursekit.course.catalog import lesson_path, lessons
    from coursekit.instructor.verification import Options

    keys = [lesson_path(number).name[:2] for number in numbers or lessons()]
    if learner:
        raise typer.Exit(_judge_copies(keys))
    options = Options(python, jobs, server, junit)
    if not numbers:
        keys = _fitting(keys, options)
    if unpinned:
        raise typer.Exit(_with_newest(keys, options, report))
    runs = [_run(keys, options, report)]
    if twice:
        out.print("Once more ...")
        runs.append(_run(keys, replace(options, junit=None), report))
        _tell_unstable(*runs)
    raise typer.Exit(1 if any(run.failed for run in runs) else 0)


def _fitting(keys: list[str], options: Options) -> list[str]:
    """Without the lessons that the server is not fit for; says which these are, and why."""
    from coursekit.course.catalog import entry, lesson_path
    from coursekit.instructor.verification import left_out

    unfit = left_out(keys, options)
    for key, error in unfit.items():
        out.print(f"{key} · {entry(lesson_path(key)).title:<27} left out: {error.what}")
    return [key for key in keys if key not in unfit]


def _run(keys: list[str], options: Options, report: Path | None) -> Run:
    """Run lessons, with a bar for each that runs and a line for each that has ended."""
    from coursekit.instructor.verification import Run

    with tempfile.TemporaryDirectory() as folder:
        executed = report or Path(folder)
        executed.mkdir(parents=True, exist_ok=True)
        run = Run(keys, options, executed.resolve())
        _show(run)
        for lesson in run.failed:
            _tell(lesson)
        _sum_up(run)
        if report:
            from coursekit.instructor.report_page import write_page

            write_page(run.lessons.values(), report, _about(run))
            out.print(f"The report: {report / 'index.html'}")
    return run


def _show(run: Run) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn())
    with Progress(*columns, console=out, transient=True) as progress:
        bars = {}
        for lesson in run.follow():
            if lesson.file not in bars:
                bars[lesson.file] = progress.add_task(lesson.title, total=lesson.tests)
            progress.update(bars[lesson.file], completed=lesson.done)
            if lesson.ended:
                progress.remove_task(bars[lesson.file])
                progress.console.print(_line(lesson))


def _line(lesson: LessonRun) -> str:
    """`06 · The first revision        ok       33 tests    4.1 s`."""
    result = f"FAILED at {lesson.finding['where']}" if lesson.finding else "ok"
    tests = f"{lesson.ran} of {lesson.tests}" if lesson.finding else str(lesson.tests)
    return f"{lesson.title:<32} {result:<18} {tests:>8} tests {lesson.seconds:6.1f} s"


def _tell(lesson: LessonRun) -> None:
    """All that is known of why a lesson fails."""
    finding = lesson.finding
    out.print(f"\n{lesson.title}, {finding['where']}: {finding['kind']}")
    for part in PARTS:
        if finding[part]:
            text = finding[part]
            lines = f"\n{indent(text, ' ' * 6)}"
            out.print(f"   {part}:{lines}" if "\n" in text else f"   {part + ':':<10}{text}")


def _sum_up(run: Run) -> None:
    count, failed = len(run.lessons), len(run.failed)
    lessons = "1 lesson" if count == 1 else f"{count} lessons"
    out.print(f"\n{failed} of {lessons} failed." if failed else f"\nAll is well: {lessons}.")


def _about(run: Run) -> str:
    from sqlalchemy import make_url

    server = run.options.server
    where = str(make_url(server)) if server else "a server of the run's own"  # hides the password
    return f"{len(run.lessons)} lessons, on {where}"


def _tell_unstable(first: Run, second: Run) -> None:
    """Name what failed in one of two runs only."""
    one, two = ({lesson.title for lesson in run.failed} for run in (first, second))
    for title in sorted(one ^ two):
        when = "first" if title in one else "second"
        out.print(f"{title} is not stable: it failed the {when} time only.")


def _judge_copies(keys: Iterable[str]) -> int:
    """Judge the exercises in the learner's copies; 0 when all are done."""
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


def _with_newest(keys: list[str], options: Options, report: Path | None) -> int:
    """Verify with the newest versions; when that fails, find the package that broke it."""
    from coursekit.instructor import unpinned

    out.print("Installing the newest versions into .venv-newest ...")
    unpinned.install()
    options = replace(options, python=str(unpinned.PYTHON))
    for name, (pinned, found) in unpinned.changed().items():
        out.print(f"   {name} {found} (pinned: {pinned})")
    run = _run(keys, options, report)
    for culprit in unpinned.bisect([lesson.number for lesson in run.failed], options):
        out.print(culprit)
    return 1 if run.failed else 0


def refresh(numbers: Numbers = None) -> None:
    """Run the notebooks; write their outputs and the page of rules.

    Example: python3 start.py refresh 01
    """
    from coursekit.course.catalog import lessons
    from coursekit.instructor import rules_page, source_edition
    from coursekit.instructor.isolated_run import isolated_run

    with isolated_run():
        for number in numbers or lessons():
            out.print(f"{number}: running ...")
            changed = source_edition.refresh(number)
            out.print(f"{number}: {'written' if changed else 'nothing has changed'}")
    if rules_page.write():
        out.print("docs/reference.md: written")


COMMANDS = (verify, refresh)
