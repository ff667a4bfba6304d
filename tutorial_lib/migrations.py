"""`%alembic` in a cell: the real command, in a fresh process, raising when it fails."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tutorial_lib.errors import AlembicError
from tutorial_lib.kernel import warm
from tutorial_lib.kernel.process import NotWarm
from tutorial_lib.project import project_url
from tutorial_lib.servers.server import admin

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def run_alembic(line: str, project: Path, *, echo: bool = True) -> str:
    """Run `alembic LINE` in the folder `project` and return all that it printed.

    The process is a fresh one: it sees models and revisions as the files are now, not as
    this kernel imported them. Raises AlembicError when it fails, after its output (`echo`).
    """
    if not project.is_dir():
        raise AlembicError(
            f"The project's folder {project.name} is gone.",
            "It was deleted or moved while the lesson was open.",
            f'Run start("{project.name}") to begin the lesson again.',
        )
    code, printed = launch(_words(line), project)
    output = tidy(printed, project)
    if code == 0:
        return output
    if echo:
        print(output, end="")
    raise _failed(line, code, output, project)


def launch(words: list[str], project: Path) -> tuple[int, str]:
    """Run Alembic with these words in a process of its own: its exit code and its output.

    It is forked from a warm one that has imported Alembic, and none of the learner's files;
    where there is none, Python starts, which takes a second longer.
    """
    environ = {**os.environ, **ENVIRONMENT}
    try:
        return warm.run("alembic.config:main", ["alembic", *words], environ=environ, folder=project)
    except NotWarm:
        return _cold(words, environ, project)


def _cold(words: list[str], environ: dict[str, str], project: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *words],
        cwd=project,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    return done.returncode, done.stdout


ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",  # so that the log stands where it belongs among the rest
    "PYTHONIOENCODING": "utf-8",
    "PYTHON_COLORS": "0",  # a notebook's kernel asks for colours, which Python 3.13 gives
    "PYTHONDONTWRITEBYTECODE": "1",  # a compiled file can hide a quick edit
}
# As the console script does it. `python -m alembic` would put the project, with its own
# folder called alembic, in front of the library.
MAIN = "import sys; sys.path.pop(0); from alembic.config import main; main(prog='alembic')"


def tidy(output: str, project: Path) -> str:
    """The same output with paths told from the project's folder on, and short tracebacks."""
    for folder in {str(project), str(project.resolve())}:
        output = output.replace(folder + os.sep, "").replace(folder, ".")
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
    """Give a notebook the line magic `%alembic`, which works in `project`.

    Without a project it says that no lesson was started.
    """
    from IPython.core.magic import no_var_expand

    def alembic(line: str) -> None:
        """Run Alembic in the lesson's project: `%alembic upgrade head`."""
        if project is None:
            raise AlembicError(
                "No lesson is started in this kernel.",
                "%alembic works in a lesson's project; a kernel that was restarted has none.",
                'Run the lesson\'s first cells, or go on with: start("06", resume=True).',
            )
        print(run_alembic(line, project), end="")

    no_var_expand(alembic)  # a message may hold { and $, as it may in a terminal
    shell.register_magic_function(alembic, magic_kind="line", magic_name="alembic")  # type: ignore[call-arg, arg-type]


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
    told = [f"session {pid}, whose last statement began with {text!r}" for pid, text in found]
    ending = " or ".join(f"SELECT pg_terminate_backend({pid})" for pid, _ in found)
    return AlembicError(
        f"alembic {line.strip()} gave up waiting for a lock; nothing was changed.",
        f"A transaction is open: {'; '.join(told) or 'it has ended meanwhile'}.",
        "Leave the `with` block of that session or call its close(), then run this again"
        + (f"; or end it with: {ending}." if ending else "."),
    )


# The beginning of the statement only, up to its first value: values are nobody's business.
OPEN_TRANSACTIONS = """
SELECT pid, trim(split_part(left(query, 40), '''', 1)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
ORDER BY xact_start
"""


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise AlembicError(
            f"alembic {line.strip()} cannot be read: {error}.",
            "A quotation mark was opened and not closed.",
            'Write for instance: %alembic revision -m "add users".',
        ) from None


def _last_word(output: str) -> str:
    """The line that says what went wrong: Alembic's verdict, the error, or the last line."""
    told = output.rpartition(TRACEBACK)[2].splitlines() if TRACEBACK in output else []
    lines = [line for line in output.splitlines() if line.strip()]
    failed = [line for line in lines if line.startswith("FAILED:")][-1:]
    error = [line for line in told if line.strip() and not line[0].isspace()][:1]
    return (failed or error or lines[-1:])[0].strip().rstrip(".")
