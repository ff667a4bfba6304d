"""The learner's commands: lab, copy, reset, progress, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from coursekit.cli.console import out


def lab(
    lesson: Annotated[str, typer.Argument(help="The lesson to open, such as 06.")] = "00",
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    port: Annotated[int | None, typer.Option(help="Port. Default: 8888, or a free one.")] = None,
) -> None:
    """Start PostgreSQL and open a lesson in JupyterLab.

    Example: python3 start.py lab 06 --no-browser
    """
    from coursekit import servers
    from coursekit.course import jupyterlab
    from coursekit.course.catalog import lesson_path
    from coursekit.exercises.copies import copy_for_learner, newest
    from coursekit.settings import read_settings

    settings = read_settings()
    default = lesson_path(lesson)
    server = servers.find(settings)
    out.print(f"PostgreSQL {server.release} is running at {server.netloc}. {server.why}")
    copies = copy_for_learner(settings)
    for line in (*copies.told, f"Your notebooks are in {copies.folder}"):
        out.print(line)
    notebook = f"notebooks/{(newest(settings, lesson) or default).name}"
    code = jupyterlab.serve(
        settings.workspace,
        notebook,
        settings.data / "jupyter",
        browser=browser,
        port=port,
        ready=_lab_is_ready,
    )
    if server.origin == "embedded":
        out.print(
            "JupyterLab has stopped. PostgreSQL is still running; to stop it: "
            "python3 start.py db stop"
        )
    raise typer.Exit(code)


def _lab_is_ready(address: str) -> None:
    out.print(f"JupyterLab is ready: {address}\nTo stop it, press Ctrl-C here.")


def doctor() -> None:
    """Check everything the lessons need, and show fixes.

    Example: python3 start.py doctor
    """
    from rich.markup import escape
    from rich.table import Table

    from coursekit.course.doctor import examine

    lines = list(examine())
    table = Table("", "what")
    table.add_column("found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for line in lines:
        cells = map(escape, (line.topic, line.found, line.fix))  # a path may hold [ and ]
        table.add_row("ok" if line.good else "BAD", *cells)
    Console(highlight=False).print(table)
    raise typer.Exit(0 if all(line.good for line in lines) else 1)


def copy() -> None:
    """Create or update your copies of the notebooks.

    A copy that you have changed isn't overwritten.

    Example: python3 start.py copy
    """
    from coursekit.exercises.copies import copy_for_learner
    from coursekit.settings import read_settings

    copies = copy_for_learner(read_settings())
    for line in (*copies.told, f"Your notebooks are in {copies.folder}"):
        out.print(line)


def reset(number: Annotated[str, typer.Argument(help="A lesson, such as 06.")]) -> None:
    """Replace your copy of a lesson, and keep the old one.

    Example: python3 start.py reset 06
    """
    from coursekit.exercises.copies import reset as reset_copy
    from coursekit.settings import read_settings

    kept = reset_copy(read_settings(), number)
    out.print(f"Lesson {number} has been reset.{f' Your old copy: {kept}' if kept else ''}")
    out.print("If it's open in JupyterLab, close it without saving and open it again.")


def progress(
    export: Annotated[Path | None, typer.Option(help="Write your progress to this file.")] = None,
    take: Annotated[
        Path | None, typer.Option("--import", help="Merge your progress with this exported file.")
    ] = None,
) -> None:
    """Show which exercises are done, tried or open.

    Example: python3 start.py progress
    """
    from coursekit.exercises import transfer
    from coursekit.exercises.progress import progress_of
    from coursekit.settings import read_settings

    workspace = read_settings().workspace
    if take:
        out.print(f"Exercises merged from {take}: {transfer.import_file(workspace, take)}")
    if export:
        out.print(f"Exercises written to {export}: {transfer.export(workspace, export)}")
    if not (take or export):
        out.print(repr(progress_of(workspace)))


COMMANDS = (lab, copy, reset, progress, doctor)
