"""Run a command on an external PostgreSQL server, started from any version's programs.

    python .ci/external_server.py [--socket] [--superuser] PROGRAMS COMMAND ...

PROGRAMS is the folder with initdb and pg_ctl. The server lives in a temporary folder while the
command runs, and the command finds it in DATABASE_URL. TUTORIAL_TEST_URLS gets the same URL, after
those that are there: the command may be this one again, with another server. The server listens on
127.0.0.1, or only on a Unix socket. It differs from the embedded one wherever servers differ:
another time zone and date style, text sorted by a language's rules if the build can, a password of
characters that mean something in a URL, and a role that may create databases and nothing else.
"""

from __future__ import annotations

import argparse
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.sql import SQL, Identifier, Literal
from sqlalchemy import URL

ROLE, DATABASE = "anna", "school"
STRANGE = "@:/%20#? ü"  # the end of the password
MEMORY = Path("/dev/shm")  # noqa: S108  the folder there gets a unique name
INITDB = ("--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync")
BY_LANGUAGE = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
BY_CODE = ("--locale=C.UTF-8",)
CONFIG = "timezone = 'Asia/Kathmandu'\ndatestyle = 'German'\nfsync = off\n"
TCP = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nport = {port}\n"
SOCKET = "listen_addresses = ''\nunix_socket_directories = '{folder}'\nport = {port}\n"


def run(programs: Path, name: str, *words: str | Path) -> int:
    """Run one of PostgreSQL's programs, as nobody if we are root; return its exit code."""
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
    # Not into a pipe: the server would keep it open.
    silent: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return int(subprocess.run([programs / name, *words], cwd="/", **silent, **user).returncode)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder owned by the user PostgreSQL runs as, in memory if possible."""
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="external-", dir=memory))
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def server(programs: Path, by_socket: bool) -> Iterator[URL]:
    """Run a server until the block ends; yield its administrator's URL."""
    with temporary_folder() as folder:
        url = administrator(folder, by_socket)
        create_cluster(programs, folder, url)
        data = folder / "data"
        listen = (SOCKET if by_socket else TCP).format(folder=folder, port=url.port)
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(CONFIG + listen)
        if run(programs, "pg_ctl", "start", "-D", data, "-l", folder / "log", "-w", "-s"):
            sys.exit(f"{programs / 'postgres'} does not start:\n{(folder / 'log').read_text()}")
        try:
            yield url
        finally:
            run(programs, "pg_ctl", "stop", "-D", data, "-m", "immediate", "-w", "-s")


def administrator(folder: Path, by_socket: bool) -> URL:
    """Return the administrator's URL for the server that will run in a folder."""
    with closing(socket.socket()) as probe:  # a free port
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where: dict[str, Any] = {"query": {"host": str(folder)}} if by_socket else {"host": "127.0.0.1"}
    password = secrets.token_hex(8) + STRANGE
    return URL.create("postgresql+psycopg2", "postgres", password, None, port, "postgres").set(
        **where
    )


def create_cluster(programs: Path, folder: Path, url: URL) -> None:
    """Create the cluster, with ICU's collation for English if the build has ICU."""
    secret = folder / "secret"
    secret.write_text(str(url.password), encoding="utf-8")
    secret.chmod(0o644)  # the folder is private
    for rules in (BY_LANGUAGE, BY_CODE):
        if not run(
            programs, "initdb", "-D", folder / "data", f"--pwfile={secret}", *INITDB, *rules
        ):
            return
    sys.exit(f"{programs / 'initdb'} created no cluster.")


def add_role(admin: URL, superuser: bool) -> URL:
    """Create a role that owns a database; return the role's URL."""
    arguments = admin.translate_connect_args(username="user", database="dbname")
    right = SQL("SUPERUSER" if superuser else "CREATEDB")
    role = Identifier(ROLE), right, Literal(admin.password)
    with closing(psycopg2.connect(**{**admin.query, **arguments})) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(*role))
        made = Identifier(DATABASE), Identifier(ROLE)
        cursor.execute(SQL("CREATE DATABASE {} OWNER {}").format(*made))
    return admin.set(username=ROLE, database=DATABASE)


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--socket", action="store_true", help="listen on a unix socket only")
    parser.add_argument("--superuser", action="store_true", help="a role that may do anything")
    parser.add_argument("programs", type=Path, help="the folder with initdb and pg_ctl")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # still stops the server
    with server(options.programs, options.socket) as admin:
        url = add_role(admin, options.superuser).render_as_string(hide_password=False)
        urls = f"{os.environ.get('TUTORIAL_TEST_URLS', '')} {url.replace(' ', '%20')}"
        named = {"DATABASE_URL": url, "TUTORIAL_POSTGRES": "external", "TUTORIAL_TEST_URLS": urls}
        environ = {**os.environ, **named}
        return subprocess.run(options.command, env=environ).returncode


if __name__ == "__main__":
    sys.exit(main())
