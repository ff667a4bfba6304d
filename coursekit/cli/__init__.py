"""The `tutorial` command. Each command imports what it needs when it runs, so --help is quick."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from coursekit.cli import database, learner
from coursekit.cli.refresh import refresh
from coursekit.cli.remove import remove
from coursekit.cli.verify import verify
from tutorial_lib.errors import Problem

app = typer.Typer(
    help="Database setup and migrations, hands-on. To start, run: python3 start.py. "
    "To run the tests: python3 start.py test.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they'd print local variables, passwords included
    rich_markup_mode=None,
)
for command in (*learner.COMMANDS, remove, verify, refresh):
    app.command()(command)
app.add_typer(database.app, name="db")


def main() -> None:
    """Run the command; report a Problem as one paragraph, with exit code 1."""
    try:
        app(prog_name="tutorial")
    except Problem as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(str(error), markup=False)
        sys.exit(1)
