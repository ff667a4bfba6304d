"""The `tutorial` command. What a command needs is imported when it is run."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from coursekit.cli import course, database, learner
from tutorial_lib.errors import Problem

app = typer.Typer(
    help="Database setup and migrations, hands-on. Begin with: python3 start.py. "
    "The tests: python3 start.py test.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they would print local variables, passwords among them
    rich_markup_mode=None,
)
for command in (*learner.COMMANDS, *course.COMMANDS):
    app.command()(command)
app.add_typer(database.app, name="db")


def main() -> None:
    """Run the command; a problem that the reader can mend is one paragraph and exit code 1."""
    try:
        app(prog_name="tutorial")
    except Problem as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(str(error), markup=False)
        sys.exit(1)
