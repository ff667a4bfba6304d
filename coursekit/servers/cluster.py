"""A PostgreSQL cluster on disk and its postmaster: create, launch, monitor, stop."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import psutil

from coursekit.errors import ServerError
from coursekit.files import sync, with_retries, write_atomic
from coursekit.servers import configuration
from coursekit.servers.binaries import Programs, find_programs, wheel_version
from coursekit.servers.credentials import USER, Credentials
from coursekit.servers.failures import last_lines, not_started
from coursekit.servers.server import one_sentence

# The same on every machine: collation, language of the messages, time zone.
INITDB = (
    *("--auth=scram-sha-256", f"--username={USER}", "--encoding=UTF8", "--locale=C"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--lc-messages=C"),
    *("--no-instructions", "--wal-segsize=4"),
)
START_TIMEOUT, STOP_TIMEOUT = 120, 120  # seconds that pg_ctl waits; a slow disk can need them
# Phrases in the log after which another attempt, or another port, can succeed.
RETRYABLE_FAILURES = (
    "pre-existing shared memory block",
    "is another postmaster",
    "could not bind",
    "could not create any TCP/IP sockets",
)


class Cluster:
    """The data folder and the postmaster of one embedded server."""

    def __init__(self, home: Path, programs: Callable[[], Programs] = find_programs) -> None:
        self.home = home
        self._find_programs = programs

    @cached_property
    def programs(self) -> Programs:
        """PostgreSQL's programs, located when they're first needed."""
        return self._find_programs()

    @property
    def area(self) -> Path:
        """The folder that PostgreSQL writes to; created when it's first needed.

        It's `home`, unless PostgreSQL runs as a user who can't enter that.
        """
        folder = self.programs.area(self.home)
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            self.programs.give(folder)
        return folder

    @cached_property
    def data(self) -> Path:
        """The data folder, one for each major version: PostgreSQL can't read another version's."""
        return self.area / f"data-{wheel_version().split('.')[0]}"

    @property
    def log(self) -> Path:
        """The postmaster's log file, without statements and values."""
        return self.area / "log"

    def create(self, credentials: Credentials) -> None:
        """Run initdb under a temporary name: an interrupted initdb leaves no usable cluster.

        Raises:
            ServerError: initdb fails.

        """
        fresh, secret = self.area / "fresh", self.area / "secret"
        shutil.rmtree(fresh, ignore_errors=True)
        write_atomic(secret, credentials.password, private=True)
        self.programs.give(secret)
        settings = [f"--set={name}={value}" for name, value in configuration.parameters().items()]
        try:
            done = self.programs.run(
                "initdb", "-D", fresh, f"--pwfile={secret}", *INITDB, *settings
            )
        finally:
            secret.unlink()
        _require_success(done.returncode == 0, done.stdout)
        with_retries(fresh.rename, self.data)
        sync([self.area])

    def set_password(self, credentials: Credentials) -> None:
        """Set the password of a stopped cluster, in single-user mode, and let its user log in.

        Raises:
            ServerError: PostgreSQL rejects the statement or doesn't run.

        """
        statement = f"ALTER ROLE {USER} LOGIN PASSWORD '{credentials.password}'\n"
        done = self.programs.run(
            *("postgres", "--single", *configuration.options()),
            *("-D", self.data, "postgres"),
            stdin=statement,
        )
        _require_success(done.returncode == 0 and "ERROR:" not in done.stdout, done.stdout)

    def launch(self, port: int) -> None:
        """Try once to start the postmaster; also return if another attempt can succeed.

        Raises:
            ServerError: No other attempt can; it shows the cause, from the log or from pg_ctl.

        """
        log_size = self.log.stat().st_size if self.log.exists() else 0
        arguments = ("start", "-D", self.data, "-l", self.log, "-w", "-t", str(START_TIMEOUT), "-s")
        options = " ".join(("-p", str(port), *configuration.options()))
        done = self.programs.run("pg_ctl", *arguments, "-o", options, pipe=False)
        messages = self._logged(log_size)
        if done.returncode and not any(text in messages for text in RETRYABLE_FAILURES):
            raise not_started(done.stdout, messages, self.data)

    def shut_down(self) -> None:
        """Stop a running postmaster; open connections are closed, transactions rolled back.

        Raises:
            ServerError: It's still running afterwards.

        """
        arguments = ("stop", "-D", self.data, "-m", "fast", "-w", "-t", str(STOP_TIMEOUT), "-s")
        done = self.programs.run("pg_ctl", *arguments)
        if done.returncode and self.running():
            raise ServerError(
                "PostgreSQL doesn't stop.",
                one_sentence(f"pg_ctl reports: {last_lines(done.stdout)}"),
                f"End process {self.pid()} yourself, then try again.",
            )

    def remove(self) -> None:
        """Delete all files of a stopped cluster."""
        shutil.rmtree(self.area, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def pid(self) -> int | None:
        """Return the process number in postmaster.pid, or None."""
        return self._noted(0)

    def port(self) -> int | None:
        """Return the port in postmaster.pid, or None."""
        return self._noted(3)

    def _noted(self, line: int) -> int | None:
        """Return the number in a line of postmaster.pid, or None."""
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[line])
        except (OSError, ValueError, IndexError):
            return None

    def alive(self) -> bool:
        """Return whether the postmaster is running."""
        pid = self.pid()
        return pid is not None and _is_postmaster(pid, self.data)

    def suspended(self) -> bool:
        """Return whether the postmaster is running but stopped by a signal."""
        try:
            return self.alive() and psutil.Process(self.pid()).status() == psutil.STATUS_STOPPED
        except psutil.Error:
            return False

    def running(self) -> bool:
        """Return whether the postmaster is running; remove a stale postmaster.pid.

        After a crash the number in it may belong to another program, or the file may be empty.
        Either way PostgreSQL would refuse to start.
        """
        if self.alive():
            return True
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        return False

    def log_tail(self) -> str:
        """Return the last lines of the log."""
        return last_lines(self._logged(0))

    def _logged(self, start: int) -> str:
        """Return the log from byte `start` on."""
        if not self.log.exists():
            return ""
        with self.log.open(encoding="utf-8", errors="replace") as file:
            file.seek(start)
            return file.read()


def _is_postmaster(pid: int, data: Path) -> bool:
    wanted = os.path.normcase(data)
    try:
        process = psutil.Process(pid)
        dead = process.status() == psutil.STATUS_ZOMBIE
        return not dead and wanted in map(os.path.normcase, process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # our own could be read
        return False
    except ValueError:  # negative: written by a single-user PostgreSQL that was killed
        return False


def _require_success(good: bool, output: str) -> None:
    if not good:
        raise ServerError(
            "The embedded PostgreSQL can't be set up.",
            one_sentence(f"It reports: {last_lines(output)}"),
            "Fix what it names, then try again.",
        )
