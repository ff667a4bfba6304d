"""The `tutorial` command. What a command needs is imported when it is run."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Annotated

import typer
from rich.console import Console

from tutorial_lib.errors import TutorialError

app = typer.Typer(
    help="Database setup and migrations, hands-on. Begin with: python3 start.py",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they would print local variables, passwords among them
    rich_markup_mode=None,
)
db = typer.Typer(help="The kit's own PostgreSQL.", no_args_is_help=True)
app.add_typer(db, name="db")

out = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
Numbers = Annotated[list[str] | None, typer.Argument(help="Lessons, as 01; none means all.")]


def main() -> None:
    """Run the command; a problem that the reader can mend is one paragraph and exit code 1."""
    try:
        app(prog_name="tutorial")
    except TutorialError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(str(error), markup=False)
        sys.exit(1)


@app.command()
def lab(
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    port: Annotated[int | None, typer.Option(help="A port; by default 8888 or a free one.")] = None,
) -> None:
    """Start PostgreSQL and open JupyterLab at lesson 00.

    Example: python3 start.py lab --no-browser
    """
    from tutorial_lib import jupyter, servers
    from tutorial_lib.config import read_settings
    from tutorial_lib.course import lesson_path
    from tutorial_lib.editions import copy_for_learner

    settings = read_settings()
    server = servers.find(settings)
    out.print(f"PostgreSQL {server.release} answers at {server.place}. {server.why}")
    folder = copy_for_learner(settings)
    out.print(f"Your notebooks are in {folder}")
    notebook = f"notebooks/{lesson_path('00').name}"
    code = jupyter.serve(
        settings.workspace,
        notebook,
        settings.data / "jupyter",
        browser=browser,
        port=port,
        ready=_lab_is_ready,
    )
    if server.origin == "embedded":
        out.print("JupyterLab has ended. PostgreSQL goes on; to stop it: python3 start.py db stop")
    raise typer.Exit(code)


def _lab_is_ready(address: str) -> None:
    out.print(f"JupyterLab is ready: {address}\nTo end it, press Ctrl-C here.")


@app.command()
def doctor() -> None:
    """Look at all that a lesson needs, and say how to mend what is wrong.

    Example: python3 start.py doctor
    """
    from rich.markup import escape
    from rich.table import Table

    from tutorial_lib.doctor import examine

    lines = list(examine())
    table = Table("", "what")
    table.add_column("found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for line in lines:
        cells = map(escape, (line.topic, line.found, line.mend))  # a path may hold [ and ]
        table.add_row("ok" if line.good else "BAD", *cells)
    Console(highlight=False).print(table)
    raise typer.Exit(0 if all(line.good for line in lines) else 1)


@app.command()
def verify(numbers: Numbers = None) -> None:
    """Run the reference notebooks strictly, on a server of their own.

    Example: python3 start.py verify 01
    """
    from tutorial_lib.config import ROOT
    from tutorial_lib.course import lesson_path, lessons
    from tutorial_lib.jupyter import wait

    paths = [lesson_path(number) for number in numbers or lessons()]
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(ROOT), *map(str, paths)]
    raise typer.Exit(wait(subprocess.Popen(command, cwd=ROOT)))


@app.command()
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


@db.command("start")
def db_start() -> None:
    """Start PostgreSQL, if it does not run.

    Example: python3 start.py db start
    """
    from tutorial_lib import servers

    server = servers.find()
    out.print(f"PostgreSQL {server.release} ({server.origin}) answers at {server.place}.")


@db.command("stop")
def db_stop() -> None:
    """Stop the kit's own PostgreSQL: the embedded one keeps its data, a container goes with it.

    Example: python3 start.py db stop
    """
    from tutorial_lib import servers

    out.print("PostgreSQL is stopped." if servers.stop() else "It was not running.")


@db.command("status")
def db_status() -> None:
    """Say which server is used, why, whether it runs, and where its data lies.

    Example: python3 start.py db status
    """
    from tutorial_lib import servers
    from tutorial_lib.config import read_settings

    settings = read_settings()
    origin = servers.origin_of(settings)
    server = servers.running(settings)
    if server:
        out.print(f"PostgreSQL {server.release} ({origin}) answers at {server.place}.")
        out.print(server.why)
    else:
        out.print(f"PostgreSQL ({origin}) does not run. To start it: python3 start.py db start")
    if origin == "embedded":
        out.print(f"Its folder is {settings.server_home}")


@db.command("url")
def db_url(
    database: Annotated[str | None, typer.Argument(help="A database; else the default.")] = None,
    show_password: Annotated[bool, typer.Option(help="Print the password as well.")] = False,
) -> None:
    """Print the address for other database tools; the password as *** unless it is asked for.

    Example: python3 start.py db url --show-password
    """
    from tutorial_lib import servers

    url = servers.find().url
    # The driver's name in it is SQLAlchemy's; psql and other tools know the plain scheme.
    url = url.set(drivername="postgresql", database=database or url.database)
    out.print(url.render_as_string(hide_password=not show_password))


@db.command("psql")
def db_psql(
    database: Annotated[str | None, typer.Argument(help="A database; else the default.")] = None,
) -> None:
    """Open psql, PostgreSQL's own client, on a database.

    Example: python3 start.py db psql tutorial_lesson_01
    """
    from psycopg2.extensions import make_dsn

    from tutorial_lib import servers
    from tutorial_lib.jupyter import wait
    from tutorial_lib.servers.binaries import psql

    url = servers.find().url
    url = url.set(database=database or url.database)
    arguments = {**url.query, **url.translate_connect_args(username="user", database="dbname")}
    # The password goes by the environment: everybody can read a command line.
    password = {"PGPASSWORD": str(arguments.pop("password", ""))}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    process = subprocess.Popen([psql(), make_dsn(**arguments)], env={**clean, **password})
    raise typer.Exit(wait(process))
