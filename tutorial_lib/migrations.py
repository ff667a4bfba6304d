"""`%alembic` in a cell: the real command, in a fresh process, raising when it fails."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tutorial_lib.errors import AlembicError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def run_alembic(line: str, project: Path) -> str:
    """Run `alembic LINE` in the folder `project` and return all that it printed.

    The process is a fresh one: it sees models and revisions as the files are now, not as
    this kernel imported them. Raises AlembicError, after its output, when it fails.
    """
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *_words(line)],
        cwd=project,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    output = tidy(done.stdout, project)
    if done.returncode == 0:
        return output
    print(output, end="")
    raise AlembicError(
        f"alembic {line.strip()} ended with exit code {done.returncode}.",
        f"It says: {_last_word(output)}." if output.strip() else "It says nothing.",
        "All that it printed stands above.",
    )


# As the console script does it. `python -m alembic` would put the project, with its own
# folder called alembic, in front of the library.
MAIN = "import sys; sys.path.pop(0); from alembic.config import main; main(prog='alembic')"


def tidy(output: str, project: Path) -> str:
    """The same output with paths told from the project's folder on."""
    for folder in {str(project), str(project.resolve())}:
        output = output.replace(folder + os.sep, "").replace(folder, ".")
    return output


def register(shell: InteractiveShell, project: Path) -> None:
    """Give a notebook the line magic `%alembic`, which works in `project`."""
    from IPython.core.magic import no_var_expand

    def alembic(line: str) -> None:
        """Run Alembic in the lesson's project: `%alembic upgrade head`."""
        print(run_alembic(line, project), end="")

    no_var_expand(alembic)  # a message may hold { and $, as it may in a terminal
    shell.register_magic_function(alembic, magic_kind="line", magic_name="alembic")  # type: ignore[call-arg, arg-type]


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
    """The line that says what went wrong; the last one that is not indented."""
    lines = [line for line in output.splitlines() if line.strip() and not line[0].isspace()]
    failed = [line for line in lines if line.startswith("FAILED:")]
    return (failed or lines or output.splitlines())[-1].strip().rstrip(".")
