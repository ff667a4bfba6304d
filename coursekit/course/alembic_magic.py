"""`%alembic` in a cell: the real command, in a fresh process, raising when it fails."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from coursekit.course import commands
from coursekit.course.commands import from_here, redirected, require_dir, split
from coursekit.course.project import project_url
from coursekit.errors import AlembicError
from coursekit.servers.server import admin
from tutorial_lib.locks import statement_prefix

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def run_alembic(line: str, project: Path, *, echo: bool = True) -> str:
    """Run `alembic LINE` in the folder `project` and return all that it printed.

    The process is a fresh one: it sees models and revisions as the files are now, not as
    this kernel imported them. A line that ends in `> deploy.sql` puts all but the log into
    that file. Raises AlembicError when it fails, after its output (`echo`).
    """
    require_dir(project, AlembicError)
    words, file = redirected(split("alembic", line, 'revision -m "add users"', AlembicError))
    code, printed = launch(words, project, into=project / file if file else None)
    output = tidy(printed, project)
    if code == 0:
        return output
    if echo:
        print(output, end="")
    raise _failed(line, code, output, project)


def launch(words: list[str], project: Path, into: Path | None = None) -> tuple[int, str]:
    """Run Alembic with these words in a process of its own: its exit code and its output."""
    return commands.launch("alembic.config:main", ["alembic", *words], project, into=into)


def tidy(output: str, project: Path) -> str:
    """The same output with paths told from the project's folder on, and short tracebacks."""
    output = from_here(output, project)
    output = REFLECTED.sub(lambda found: "".join(sorted(found[0].splitlines(True))), output)
    before, traceback, _ = output.partition(TRACEBACK)
    if not traceback:
        return output
    return before + traceback + _own_frames(output.rpartition(TRACEBACK)[2])


# Alembic looks at the tables of a database in the order of a set: another one on each run.
REFLECTED = re.compile(r"(?:^INFO .* Detected sequence named .*\n){2,}", re.M)
TRACEBACK = "Traceback (most recent call last):\n"
MARKS = re.compile(r"^ +[~^]+\n", re.M)  # each version of Python sets them elsewhere
FRAME = re.compile(r'  File "(?P<file>[^"]+)", line \d+, in .*\n(?:    .*\n)*')


def _own_frames(traceback: str) -> str:
    """The frames in the project's files and the error itself, of the last traceback."""
    traceback = MARKS.sub("", traceback)
    # Where and the first line of what: Python 3.13 shows all lines of a statement.
    frames = [
        "".join(found.group().splitlines(keepends=True)[:2])
        for found in FRAME.finditer(traceback)
        if _in_project(found["file"])
    ]
    error = FRAME.sub("", traceback)
    lines = [line for line in error.splitlines() if not line.startswith("(Background on")]
    return "".join(frames) + "\n".join(lines).rstrip() + "\n"


def _in_project(file: str) -> bool:
    return not (file.startswith("<") or Path(file).is_absolute())


def register(shell: InteractiveShell, project: Path | None) -> None:
    """Give a notebook the line magic `%alembic`, which works in `project`."""
    commands.register(shell, "alembic", run_alembic, project)


def _failed(line: str, code: int, output: str, project: Path) -> AlembicError:
    if "due to lock timeout" in output:
        return _blocked(line, project)
    return AlembicError(
        f"alembic {line.strip()} ended with exit code {code}.",
        f"It says: {_last_word(output)}." if output.strip() else "It says nothing.",
        "All that it printed stands above.",
    )


def _blocked(line: str, project: Path) -> AlembicError:
    """Name the sessions that keep a migration from its lock, and how to end them."""
    with admin(project_url(project)) as connection, connection.cursor() as cursor:
        cursor.execute(OPEN_TRANSACTIONS)
        found = cursor.fetchall()
    told = [
        f"session {pid}, whose last statement began with {statement_prefix(query, 40)!r}"
        for pid, query in found
    ]
    ending = " or ".join(f"SELECT pg_terminate_backend({pid})" for pid, _ in found)
    return AlembicError(
        f"alembic {line.strip()} gave up waiting for a lock; nothing was changed.",
        f"A transaction is open: {'; '.join(told) or 'it has ended meanwhile'}.",
        "Leave the `with` block of that session or call its close(), then run this again"
        + (f"; or end it with: {ending}." if ending else "."),
    )


OPEN_TRANSACTIONS = """
SELECT pid, query FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
ORDER BY xact_start
"""


def _last_word(output: str) -> str:
    """The line that says what went wrong: Alembic's verdict, the error, or the last line."""
    told = output.rpartition(TRACEBACK)[2].splitlines() if TRACEBACK in output else []
    lines = [line for line in output.splitlines() if line.strip()]
    failed = [line for line in lines if line.startswith("FAILED:")][-1:]
    error = [line for line in told if line.strip() and not line[0].isspace()][:1]
    return (failed or error or lines[-1:])[0].strip().rstrip(".")
