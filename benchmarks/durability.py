"""Kill a learner's server and count the commits that are lost; measure what durability costs.

    python benchmarks/durability.py                  36 kills, then seconds and ratios
    python benchmarks/durability.py --kills 3 --rounds 1

In each round, rows are committed one by one until a kill -9 of a session's process, of the
postmaster, or of all of PostgreSQL's processes, in turn. Every row whose COMMIT has returned must
be there after the restart; a lost one makes the exit code 1. Then `start("08")` and single
commits are timed on a learner's server and on one that trades durability for speed, both on the
disk that holds the temporary files. Not for Windows.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil

from coursekit.course.opening import start
from coursekit.files import THROWAWAY_VARIABLE
from coursekit.instructor.isolated_run import isolated_run
from coursekit.servers.embedded import EmbeddedServer
from coursekit.servers.server import admin
from coursekit.settings import ROOT
from measure import ROUNDS, Action, show, times

COMMITS = 100
Kill = Callable[[EmbeddedServer, int], None]


def kill_session(server: EmbeddedServer, session: int) -> None:
    """Kill one session's process; the postmaster then restarts all others."""
    psutil.Process(session).kill()


def kill_postmaster(server: EmbeddedServer, session: int) -> None:
    """Kill the postmaster; its children end by themselves."""
    psutil.Process(server.cluster.pid()).kill()


def kill_all(server: EmbeddedServer, session: int) -> None:
    """Kill all processes of the server, as the end of a virtual machine does."""
    postmaster = psutil.Process(server.cluster.pid())
    for process in (postmaster, *postmaster.children()):
        process.kill()


KILLS: tuple[Kill, ...] = (kill_session, kill_postmaster, kill_all)


def lost(server: EmbeddedServer, kill: Kill, count: int) -> tuple[int, int]:
    """Commit rows one by one, kill, and return how many were committed and lost."""
    with admin(server.ensure().url) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS rows; CREATE TABLE rows (n int); CHECKPOINT")
        for number in range(count):
            cursor.execute("INSERT INTO rows VALUES (%s)", [number])
        kill(server, connection.info.backend_pid)
    with admin(server.ensure().url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM rows")
        (found,) = cursor.fetchone() or (0,)
    return count, count - found


def count_losses(server: EmbeddedServer, kills: int) -> int:
    """Print what each way to kill loses, and return the number of lost rows."""
    results = [
        (kill.__name__, *lost(server, kill, 10 * (number + 1)))
        for number in range(kills)
        for kill in [KILLS[number % len(KILLS)]]
    ]
    for name in dict.fromkeys(name for name, _, _ in results):
        ours = [(rows, gone) for each, rows, gone in results if each == name]
        committed, missing = (sum(column) for column in zip(*ours, strict=True))
        print(f"  {name:<16}{len(ours):3} kills, {committed:6} rows committed, {missing} lost")
    return sum(gone for _, _, gone in results)


def commit_rows(server: EmbeddedServer) -> None:
    """Commit rows one by one."""
    with admin(server.ensure().url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS single (n int)")
        for number in range(COMMITS):
            cursor.execute("INSERT INTO single VALUES (%s)", [number])


def measure_costs(learner: EmbeddedServer, throwaway: EmbeddedServer, rounds: int) -> None:
    """Time the same work on both servers."""

    def started(server: EmbeddedServer) -> None:
        os.environ["TUTORIAL_SERVER_HOME"] = str(server.home)
        start("08")

    for title, work in {'start("08")': started, f"{COMMITS} single commits": commit_rows}.items():
        rows: dict[str, Action] = {
            "a learner's server": partial(work, learner),
            "one that doesn't wait for the disk": partial(work, throwaway),
        }
        for action in rows.values():
            action()  # the first start("08") builds its template
        show(title, times(rows, rounds), list(rows)[-1])


@contextmanager
def both(folder: Path) -> Iterator[tuple[EmbeddedServer, EmbeddedServer]]:
    """Start a learner's server and one like an isolated run's; remove them at the end."""
    servers = EmbeddedServer(folder / "learner"), EmbeddedServer(folder / "throwaway")
    try:
        servers[1].ensure()
        del os.environ[THROWAWAY_VARIABLE]  # restored at the end of the isolated run
        servers[0].ensure()
        yield servers
    finally:
        os.chdir(ROOT)  # start() changed to the project's folder, which is deleted
        for server in servers:
            server.remove()


def main() -> int:
    """Count and measure; return whether a row was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=36)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    with (
        isolated_run(),
        tempfile.TemporaryDirectory() as folder,
        both(Path(folder)) as (learner, throwaway),
    ):
        missing = count_losses(learner, asked.kills)
        print(f"{asked.kills} kills: {missing} committed rows lost. Target: 0.")
        measure_costs(learner, throwaway, asked.rounds)
    return min(missing, 1)


if __name__ == "__main__":
    sys.exit(main())
