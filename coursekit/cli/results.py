"""How `tutorial verify` prints a run: a bar per running lesson, a line per lesson, the findings."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING

from coursekit.cli.console import out

if TYPE_CHECKING:
    from coursekit.instructor.verification import LessonRun, Run

PARTS = ("problem", "source", "expected", "got", "cause", "fix")


def follow(run: Run) -> None:
    """Run the lessons: show a bar for each that runs, and print a line for each that ends."""
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


def print_findings(run: Run) -> None:
    """Print everything known about each lesson that failed, and a summary."""
    for lesson in run.failed:
        _print_finding(lesson)
    count, failed = len(run.lessons), len(run.failed)
    lessons = "1 lesson" if count == 1 else f"{count} lessons"
    out.print(f"\n{failed} of {lessons} failed." if failed else f"\n{lessons} passed.")


def print_unstable(first: Run, second: Run) -> None:
    """Print which lessons failed in only one of two runs."""
    one, two = ({lesson.title for lesson in run.failed} for run in (first, second))
    for title in sorted(one ^ two):
        out.print(
            f"{title} isn't stable: only the {'first' if title in one else 'second'} run failed."
        )


def _line(lesson: LessonRun) -> str:
    """Return a line such as `06 · The first revision        ok       33 tests    4.1 s`."""
    result = f"FAILED at {lesson.finding['where']}" if lesson.finding else "ok"
    tests = f"{lesson.ran} of {lesson.tests}" if lesson.finding else str(lesson.tests)
    return f"{lesson.title:<32} {result:<18} {tests:>8} tests {lesson.seconds:6.1f} s"


def _print_finding(lesson: LessonRun) -> None:
    finding = lesson.finding
    out.print(f"\n{lesson.title}, {finding['where']}: {finding['kind']}")
    for part in PARTS:
        if text := finding[part]:
            lines = f"\n{indent(text, ' ' * 6)}"
            out.print(f"   {part}:{lines}" if "\n" in text else f"   {part + ':':<10}{text}")
