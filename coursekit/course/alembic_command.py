"""Run the real `alembic` command in a project, and shorten what it prints."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from coursekit.course.commands import (
    CARETS,
    did_not_end,
    failure,
    relative_paths,
    require_dir,
    run_command,
    split_line,
    split_redirection,
)
from coursekit.course.project import project_url
from coursekit.errors import AlembicError
from coursekit.servers.server import admin
from tutorial_lib.locks import statement_prefix


def run_alembic(
    line: str, project: Path, *, echo: bool = True, timeout: float | None = None
) -> str:
    """Run `alembic LINE` in a project's folder and return what it printed.

    It's a new process, so it sees models and revisions as the files are now, not as this
    kernel imported them. A line that ends in `> deploy.sql` writes stdout to that file and
    returns the log.

    Args:
        line: What follows `alembic`.
        project: The folder with `alembic.ini`.
        echo: Print the output before raising.
        timeout: Seconds the command may take; None for no limit.

    Raises:
        AlembicError: The command failed, or the line can't be read.
        CommandTimeout: It didn't end in time.

    """
    require_dir(project, AlembicError)
    words, file = split_redirection(
        split_line("alembic", line, 'revision -m "add users"', AlembicError)
    )
    try:
        code, printed = launch(words, project, project / file if file else None, timeout)
    except subprocess.TimeoutExpired as late:
        raise did_not_end("alembic", line, late) from None
    output = tidy(printed, project)
    if code == 0:
        return output
    if echo:
        print(output, end="")
    raise _failed(line, code, output, project, shown=echo)


def launch(
    words: list[str], project: Path, into: Path | None = None, timeout: float | None = None
) -> tuple[int, str]:
    """Run Alembic with these words in a new process; return its exit code and its output."""
    words = ["alembic", *words]
    return run_command("alembic.config:main", words, project, into=into, timeout=timeout)


def tidy(output: str, project: Path) -> str:
    """Return Alembic's output: relative paths, sorted lines, short tracebacks, no plugin lines."""
    output = PLUGINS.sub("", relative_paths(output, project))
    output = REFLECTED.sub(lambda found: "".join(sorted(found[0].splitlines(True))), output)
    before, traceback, _ = output.partition(TRACEBACK)
    if not traceback:
        return output
    return before + traceback + _project_frames(output.rpartition(TRACEBACK)[2])


# Since 1.18, autogenerate logs the plugins that it's made of: the same six lines each time.
PLUGINS = re.compile(r"^INFO .* set(?:ting )?up .*plugin alembic\.autogenerate\..*\n", re.M)
# Alembic reflects a database's tables in the order of a set, which differs from run to run.
REFLECTED = re.compile(r"(?:^INFO .* Detected sequence named .*\n){2,}", re.M)
TRACEBACK = "Traceback (most recent call last):\n"
FRAME = re.compile(r'  File "(?P<file>[^"]+)", line \d+, in .*\n(?:    .*\n)*')


def _project_frames(traceback: str) -> str:
    """Return the error of a traceback, and those of its frames that are in project files."""
    traceback = CARETS.sub("", traceback)
    # The location and the first line of code: Python 3.13 shows all lines of a statement.
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


def _failed(line: str, code: int, output: str, project: Path, *, shown: bool) -> AlembicError:
    if "due to lock timeout" in output:
        return _blocked(line, project)
    last_line = _last_line(output) if output.strip() else ""
    what, why, do = failure("alembic", line, code, last_line)
    next_step = next((step for words, step in NEXT_STEPS if words in last_line), "")
    if shown and next_step:
        return AlembicError(what, "The output above says why.", next_step)
    return AlembicError(what, why, do, shown=shown and bool(last_line))


# After errors that a cell causes if it runs twice, or before the one above it.
NEXT_STEPS = (
    (
        "Target database is not up to date",
        "If you ran this cell twice, go on with the next one. If not, a revision hasn't run yet: "
        "run %alembic upgrade head, and then this cell again.",
    ),
    (
        "Self-loop is detected",
        "If you ran this cell twice, the revision follows itself now: in alembic/versions, set "
        "its down_revision to the ID of the revision before it.",
    ),
)


def _blocked(line: str, project: Path) -> AlembicError:
    """Return the error that names the sessions blocking a migration, and how to end them."""
    with admin(project_url(project)) as connection, connection.cursor() as cursor:
        cursor.execute(OPEN_TRANSACTIONS)
        found = cursor.fetchall()
    sessions = [
        f"session {pid}, whose last statement began with {statement_prefix(query, 40)!r}"
        for pid, query in found
    ]
    ending = " or ".join(f"SELECT pg_terminate_backend({pid})" for pid, _ in found)
    return AlembicError(
        f"alembic {line.strip()} gave up waiting for a lock; nothing was changed.",
        f"A transaction is open: {'; '.join(sessions)}."
        if sessions
        else "The transaction that blocked it has already ended.",
        "Leave that session's `with` block or call its close(), then run this command again. "
        f"Or end the session with: {ending}."
        if sessions
        else "Run this command again.",
    )


OPEN_TRANSACTIONS = """
SELECT pid, query FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
ORDER BY xact_start
"""


def _last_line(output: str) -> str:
    """Return Alembic's `FAILED:` line, else the error of the traceback, else the last line."""
    traceback = output.rpartition(TRACEBACK)[2].splitlines() if TRACEBACK in output else []
    lines = [line for line in output.splitlines() if line.strip()]
    failed = [line for line in lines if line.startswith("FAILED:")][-1:]
    error = [line for line in traceback if line.strip() and not line[0].isspace()][:1]
    return (failed or error or lines[-1:])[0].strip()
