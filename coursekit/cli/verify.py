"""`tutorial verify`: run the notebooks strictly."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coursekit.cli.console import Numbers, out
from coursekit.cli.judge import judge_copies
from coursekit.cli.results import follow, print_findings, print_unstable

if TYPE_CHECKING:
    from coursekit.instructor.verification import Options, Run

Learner = typer.Option("--learner", help="Grade the exercises in the learner's copies instead.")
AsJson = typer.Option("--json", help="With --learner: print each verdict as one line of JSON.")
Twice = typer.Option(
    "--twice", help="Run everything twice, and name the lessons that fail only once."
)
Jobs = typer.Option(min=1, help="Number of lessons to run at the same time.", show_default=False)
Server = typer.Option(
    help="URL of an external server to run on, in the same format as DATABASE_URL."
)
Python = typer.Option(
    help="Python of another environment that has the course installed.", show_default=False
)
Unpinned = typer.Option("--unpinned", help="Use the newest version of every package.")
Junit = typer.Option(help="Write the results to this file as JUnit XML.")
Report = typer.Option(help="Write an HTML report with executed notebooks to this folder.")


def verify(
    numbers: Numbers = None,
    learner: Annotated[bool, Learner] = False,
    as_json: Annotated[bool, AsJson] = False,
    twice: Annotated[bool, Twice] = False,
    jobs: Annotated[int, Jobs] = 1,
    server: Annotated[str, Server] = "",
    python: Annotated[str, Python] = sys.executable,
    unpinned: Annotated[bool, Unpinned] = False,
    junit: Annotated[Path | None, Junit] = None,
    report: Annotated[Path | None, Report] = None,
) -> None:
    """Run the notebooks strictly, and report what fails and why.

    Runs the source edition, or with --learner the exercises in the learner's copies, in
    isolation: on a server and in workspaces that are removed afterwards.

    Example: python3 start.py verify 01
    """
    from coursekit.course.catalog import lesson_path, lessons, slug_of
    from coursekit.instructor.verification import Options

    keys = [slug_of(lesson_path(number)) for number in numbers or lessons()]
    if as_json and not learner:
        raise typer.BadParameter("--json requires --learner.", param_hint="--json")
    if learner:
        raise typer.Exit(judge_copies(keys, as_json=as_json))
    options = Options(python, jobs, server, junit)
    if not numbers:
        keys = _supported(keys, options)
    if unpinned:
        raise typer.Exit(_run_unpinned(keys, options, report))
    runs = [_run(keys, options, report)]
    if twice:
        out.print("Running everything again ...")
        runs.append(_run(keys, replace(options, junit=None), report))
        print_unstable(*runs)
    raise typer.Exit(1 if any(run.failed for run in runs) else 0)


def _supported(keys: list[str], options: Options) -> list[str]:
    """Return the lessons that the server can run; print which ones it can't, and why."""
    from coursekit.course.catalog import lesson_path, number_of
    from coursekit.course.course_map import entry
    from coursekit.instructor.verification import unsupported

    left_out = unsupported(keys, options)
    for key, error in left_out.items():
        out.print(f"{number_of(key)} · {entry(lesson_path(key)).title:<27} skipped: {error.what}")
    return [key for key in keys if key not in left_out]


def _run(keys: list[str], options: Options, report: Path | None) -> Run:
    """Run lessons, print the results, and write the report if asked for."""
    from coursekit.instructor.verification import Run

    with tempfile.TemporaryDirectory() as folder:
        executed = report or Path(folder)
        executed.mkdir(parents=True, exist_ok=True)
        run = Run(keys, options, executed.resolve())
        follow(run)
        print_findings(run)
        if report:
            from coursekit.instructor.report_page import write_page

            write_page(run.lessons.values(), report, _about(run))
            out.print(f"Report: {report / 'index.html'}")
    return run


def _about(run: Run) -> str:
    """Return one line on what was run and where, without a password."""
    from sqlalchemy import make_url

    server = run.options.server
    where = str(make_url(server)) if server else "a server started for this run"
    return f"{len(run.lessons)} lessons, on {where}"


def _run_unpinned(keys: list[str], options: Options, report: Path | None) -> int:
    """Run lessons with the newest versions; if some fail, find the package that broke them."""
    from coursekit.instructor import unpinned

    out.print(f"Installing the newest versions into {unpinned.FOLDER.name} ...")
    unpinned.install()
    options = replace(options, python=str(unpinned.PYTHON))
    for name, (pinned, found) in unpinned.changed().items():
        out.print(f"   {name} {found} (pinned: {pinned})")
    run = _run(keys, options, report)
    for sentence in unpinned.bisect([lesson.number for lesson in run.failed], options):
        out.print(sentence)
    return 1 if run.failed else 0
