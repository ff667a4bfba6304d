"""Run a command on a PostgreSQL server of one's own, made from any version's programs.

    python .ci/own_server.py [--socket] [--superuser] PROGRAMS COMMAND ...

PROGRAMS is the folder of initdb and pg_ctl. The server lives in a temporary folder as long as
the command runs, which finds it in DATABASE_URL, and behind others in TUTORIAL_TEST_URLS, so that
the command may be this one again, with another server. It listens on 127.0.0.1, or on nothing but a
unix socket. It is unlike the kit's own wherever servers differ: another time zone, another
style of dates, text sorted by a language's rules where it was built for that, a password of
characters that mean something in an address, and a role that may make databases, no more.
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
STRANGE = "@:/%20#? ü"  # follows what cannot be guessed
MEMORY = Path("/dev/shm")  # noqa: S108  the folder there gets a name of its own
INITDB = ("--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync")
BY_LANGUAGE = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
BY_CODE = ("--locale=C.UTF-8",)
CONFIG = "timezone = 'Asia/Kathmandu'\ndatestyle = 'German'\nfsync = off\n"
TCP = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nport = {port}\n"
SOCKET = "listen_addresses = ''\nunix_socket_directories = '{place}'\nport = {port}\n"


def run(programs: Path, name: str, *words: str | Path) -> int:
    """Run one of PostgreSQL's programs to its end, as nobody when we are root; its exit code."""
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
    # Not into a pipe: the server would hold it open.
    said = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    return subprocess.run([programs / name, *words], **said, **user).returncode


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder of whoever PostgreSQL runs as; in memory, where there is such a place."""
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    place = Path(tempfile.mkdtemp(prefix="own-", dir=memory))
    if os.geteuid() == 0:
        shutil.chown(place, "nobody")
    try:
        yield place
    finally:
        shutil.rmtree(place)


@contextmanager
def server(programs: Path, by_socket: bool) -> Iterator[URL]:
    """A running server; gives its administrator's address."""
    with folder() as place:
        url = administrator(place, by_socket)
        make(programs, place, url)
        data = place / "data"
        listen = (SOCKET if by_socket else TCP).format(place=place, port=url.port)
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(CONFIG + listen)
        if run(programs, "pg_ctl", "start", "-D", data, "-l", place / "log", "-w", "-s"):
            sys.exit(f"{programs / 'postgres'} does not start:\n{(place / 'log').read_text()}")
        try:
            yield url
        finally:
            run(programs, "pg_ctl", "stop", "-D", data, "-m", "immediate", "-w", "-s")


def administrator(place: Path, by_socket: bool) -> URL:
    """The address of the server that will run in a folder."""
    with closing(socket.socket()) as probe:  # a port that nobody listens on now
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where: dict[str, Any] = {"query": {"host": str(place)}} if by_socket else {"host": "127.0.0.1"}
    password = secrets.token_hex(8) + STRANGE
    return URL.create("postgresql+psycopg2", "postgres", password, None, port, "postgres").set(
        **where
    )


def make(programs: Path, place: Path, url: URL) -> None:
    """Make the cluster; its text is sorted by a language's rules, if these programs can."""
    secret = place / "secret"
    secret.write_text(str(url.password), encoding="utf-8")
    secret.chmod(0o644)  # in a folder that nobody else may enter
    for rules in (BY_LANGUAGE, BY_CODE):
        if not run(programs, "initdb", "-D", place / "data", f"--pwfile={secret}", *INITDB, *rules):
            return
    sys.exit(f"{programs / 'initdb'} made no cluster.")


def add_role(admin: URL, superuser: bool) -> URL:
    """Make a role with a database of its own; gives its address."""
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
    """Run the command; its exit code is ours."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--socket", action="store_true", help="listen on a unix socket only")
    parser.add_argument("--superuser", action="store_true", help="a role that may do anything")
    parser.add_argument("programs", type=Path, help="the folder of initdb and pg_ctl")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server is stopped, too
    with server(asked.programs, asked.socket) as admin:
        url = add_role(admin, asked.superuser).render_as_string(hide_password=False)
        doors = f"{os.environ.get('TUTORIAL_TEST_URLS', '')} {url.replace(' ', '%20')}"
        named = {"DATABASE_URL": url, "TUTORIAL_POSTGRES": "external", "TUTORIAL_TEST_URLS": doors}
        environ = {**os.environ, **named}
        return subprocess.run(asked.command, env=environ).returncode


if __name__ == "__main__":
    sys.exit(main())
