"""A PostgreSQL cluster on disk and its postmaster: set up, launched, watched, stopped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import psutil

from coursekit.errors import ServerError
from coursekit.files import write_atomic
from coursekit.servers.binaries import Programs, find_programs, wheel_version
from coursekit.servers.credentials import USER, Credentials
from coursekit.servers.ports import HOST
from coursekit.servers.server import one_sentence

# The same on every machine: how text sorts, what language messages have, what time it is.
INITDB = (
    *("--auth=scram-sha-256", f"--username={USER}", "--encoding=UTF8", "--locale=C"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--lc-messages=C"),
    *("--no-instructions", "--wal-segsize=4"),
)
CONFIG = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A learner's server may lose the last half second in a power cut, never more.
    "synchronous_commit": "off",
    # No statement and no row in the log: they may hold hashes and passwords.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    # Small enough to run beside a browser; a course needs no replicas.
    "shared_buffers": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "16MB",
    "max_wal_size": "128MB",
}
# Set for a reference run, whose server is deleted at its end: it need not wait for the disk.
THROWAWAY = "TUTORIAL_THROWAWAY"
# Its password is random and as long as a key; thousands of rounds at each connection, a third
# of what a connection costs, would stretch nothing.
BRIEF = {"scram_iterations": "1"}
# What the log says when another attempt, or another port, will do.
PASSING = (
    "pre-existing shared memory block",
    "is another postmaster",
    "could not bind",
    "could not create any TCP/IP sockets",
)


class Cluster:
    """The files and the postmaster of one embedded server.

    area  the folder that PostgreSQL itself writes to: `home`, unless it cannot reach it
    data  the cluster, one for each major version: a new PostgreSQL cannot read an old one
    log   what the postmaster says; no statements and no values
    """

    def __init__(self, home: Path, programs: Callable[[], Programs] = find_programs) -> None:
        self.home = home
        self._find_programs = programs

    @cached_property
    def programs(self) -> Programs:
        """PostgreSQL's programs, looked for when they are first needed."""
        return self._find_programs()

    @property
    def area(self) -> Path:
        """The folder that PostgreSQL writes to, made when it is needed."""
        folder = self.programs.area(self.home)
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            self.programs.own(folder)
        return folder

    @cached_property
    def data(self) -> Path:
        """The cluster; its name holds the major version."""
        return self.area / f"data-{wheel_version().split('.')[0]}"

    @property
    def log(self) -> Path:
        """What the postmaster says."""
        return self.area / "log"

    def set_up(self, state: Credentials) -> None:
        """Initdb under a temporary name, so that a half-made cluster is never used."""
        fresh, secret = self.area / "fresh", self.area / "secret"
        shutil.rmtree(fresh, ignore_errors=True)
        write_atomic(secret, state.password, private=True)
        self.programs.own(secret)
        config = {**CONFIG, **(BRIEF if os.environ.get(THROWAWAY) else {})}
        settings = [f"--set={name}={value}" for name, value in config.items()]
        try:
            done = self.programs.run(
                "initdb", "-D", fresh, f"--pwfile={secret}", *INITDB, *settings
            )
        finally:
            secret.unlink()
        _succeeded(done.returncode == 0, done.stdout)
        fresh.rename(self.data)

    def set_password(self, state: Credentials) -> None:
        """Give a stopped cluster, whose private file was lost, the password of a new one."""
        statement = f"ALTER ROLE {USER} PASSWORD '{state.password}'\n"
        arguments = ("--single", "-D", self.data, "postgres")
        done = self.programs.run("postgres", *arguments, stdin=statement)
        _succeeded(done.returncode == 0 and "ERROR:" not in done.stdout, done.stdout)

    def launch(self, port: int) -> None:
        """One attempt to start; comes back as well when another attempt makes sense.

        Raises ServerError with the last lines of the log when none does.
        """
        already = self.log.stat().st_size if self.log.exists() else 0
        arguments = ("start", "-D", self.data, "-l", self.log, "-w", "-t", "60", "-s")
        done = self.programs.run("pg_ctl", *arguments, "-o", _options(port), pipe=False)
        said = self.log_tail(already)
        if done.returncode == 0 or any(text in said for text in PASSING):
            return
        raise ServerError(
            "PostgreSQL refuses to start.",
            one_sentence(f"The last lines of its log: {said or 'none; the disk may be full'}"),
            f"Mend what they name. To begin with an empty server instead, delete {self.home}.",
        )

    def shut_down(self) -> None:
        """Stop a running postmaster; open connections are cut, transactions rolled back."""
        arguments = ("stop", "-D", self.data, "-m", "fast", "-w", "-t", "30", "-s")
        done = self.programs.run("pg_ctl", *arguments)
        if done.returncode and self.running():
            raise ServerError(
                "PostgreSQL does not stop.",
                one_sentence(f"pg_ctl says: {last_lines(done.stdout)}"),
                f"Its process number is {self.pid()}; end it by hand.",
            )

    def remove(self) -> None:
        """Delete all the files of a stopped cluster."""
        shutil.rmtree(self.area, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def pid(self) -> int | None:
        """The process number in postmaster.pid, or None."""
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None

    def running(self) -> bool:
        """Whether the postmaster of this cluster lives; removes a stale postmaster.pid.

        After a crash the number may belong to some other program, or the file may be
        empty, and PostgreSQL would refuse to start because of it.
        """
        pid = self.pid()
        if pid is not None and _is_postmaster(pid, self.data):
            return True
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        return False

    def log_tail(self, start: int = 0) -> str:
        """The last lines of the log, from byte `start` on."""
        if not self.log.exists():
            return ""
        with self.log.open(encoding="utf-8", errors="replace") as file:
            file.seek(start)
            return last_lines(file.read())


def _is_postmaster(pid: int, data: Path) -> bool:
    wanted = os.path.normcase(data)
    try:
        process = psutil.Process(pid)
        dead = process.status() == psutil.STATUS_ZOMBIE
        return not dead and wanted in map(os.path.normcase, process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # ours can always be read
        return False
    except ValueError:  # negative: a single-user PostgreSQL wrote it, and was killed
        return False


def _options(port: int) -> str:
    """What the postmaster is started with; -F where nothing has to survive a power cut."""
    return f"-p {port} -F" if os.environ.get(THROWAWAY) else f"-p {port}"


def _succeeded(good: bool, output: str) -> None:
    if not good:
        raise ServerError(
            "A new PostgreSQL could not be set up.",
            one_sentence(f"It says: {last_lines(output)}"),
            "Mend what it names and try again.",
        )


def last_lines(text: str, count: int = 3) -> str:
    """The last lines that hold anything, on one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-count:])
