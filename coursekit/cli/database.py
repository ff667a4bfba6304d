"""`tutorial db`: the kit's own PostgreSQL."""

from __future__ import annotations

import os
import subprocess
from typing import Annotated

import typer

from coursekit.cli.console import out

app = typer.Typer(help="The kit's own PostgreSQL.", no_args_is_help=True)


@app.command("start")
def db_start() -> None:
    """Start PostgreSQL if it isn't running.

    Example: python3 start.py db start
    """
    from coursekit import servers

    server = servers.find()
    out.print(f"PostgreSQL {server.release} ({server.origin}) is running at {server.netloc}.")


@app.command("stop")
def db_stop() -> None:
    """Stop the kit's own PostgreSQL.

    The embedded server keeps its data. A container is removed.

    Example: python3 start.py db stop
    """
    from coursekit import servers

    out.print("PostgreSQL is stopped." if servers.stop() else "It wasn't running.")


@app.command("status")
def db_status() -> None:
    """Show which server is used and why, and whether it's running.

    Example: python3 start.py db status
    """
    from coursekit import servers
    from coursekit.settings import read_settings

    settings = read_settings()
    origin = servers.origin_of(settings)
    server = servers.running(settings)
    if server:
        out.print(f"PostgreSQL {server.release} ({origin}) is running at {server.netloc}.")
        out.print(server.why)
    else:
        out.print(f"PostgreSQL ({origin}) isn't running. To start it: python3 start.py db start")
    if origin == "embedded":
        out.print(f"Its folder: {settings.server_home}")


@app.command("url")
def db_url(
    database: Annotated[
        str | None, typer.Argument(help="A database. Default: the one in the URL.")
    ] = None,
    show_password: Annotated[bool, typer.Option(help="Show the password.")] = False,
) -> None:
    """Print the database URL for other tools.

    The password is shown as *** unless you ask for it.

    Example: python3 start.py db url --show-password
    """
    from coursekit import servers

    url = servers.find().url
    # Only SQLAlchemy understands the driver's name in the scheme.
    url = url.set(drivername="postgresql", database=database or url.database)
    out.print(url.render_as_string(hide_password=not show_password))


@app.command("psql")
def db_psql(
    database: Annotated[
        str | None, typer.Argument(help="A database. Default: the one in the URL.")
    ] = None,
) -> None:
    """Open psql, PostgreSQL's own client, connected to a database.

    Example: python3 start.py db psql tutorial_lesson_connect
    """
    from psycopg2.extensions import make_dsn

    from coursekit import servers
    from coursekit.course.child_process import wait_for_child
    from coursekit.servers.binaries import psql

    url = servers.find().url
    url = url.set(database=database or url.database)
    arguments = {**url.query, **url.translate_connect_args(username="user", database="dbname")}
    # In the environment, not on the command line: every user can read command lines.
    password = {"PGPASSWORD": str(arguments.pop("password", ""))}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    process = subprocess.Popen([psql(), make_dsn(**arguments)], env={**clean, **password})
    raise typer.Exit(wait_for_child(process))
