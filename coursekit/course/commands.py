"""Run a command in a project's folder, and prepare its words and its output."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from io import BufferedReader
from pathlib import Path

from coursekit.errors import CommandError, CommandTimeout
from coursekit.kernel import fork_server
from coursekit.kernel.output import collect
from coursekit.kernel.process import ForkUnavailable

ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",  # otherwise the log and the rest come out in another order
    "PYTHONIOENCODING": "utf-8",
    "PYTHON_COLORS": "0",  # a notebook's kernel asks for colours, which Python 3.13 prints
    "PYTHONDONTWRITEBYTECODE": "1",  # a compiled file can hide a quick edit
}
# Like a console script. `python -m alembic` would put the project, which has a folder called
# alembic, in front of the library.
MAIN = "import sys; sys.path.pop(0); sys.argv[0] = {name!r}; from {module} import {main} as main; "
END = "sys.exit(main())"
# The line of carets under a traceback's code: every version of Python puts them elsewhere.
CARETS = re.compile(r"^ +[~^]+\n", re.M)


def run_command(
    function: str,
    words: list[str],
    project: Path,
    *,
    environ: Mapping[str, str] | None = None,
    into: Path | None = None,
    timeout: float | None = None,
) -> tuple[int, str]:
    """Run a Python package's command in a process of its own.

    The process is forked from the fork server, which has imported libraries and none of the
    learner's files. Where there's no fork server Python starts, which takes a second longer.

    Args:
        function: The function that the console script calls, such as `alembic.config:main`.
        words: The command line, starting with the command's name.
        project: The folder to run it in.
        environ: The environment, by default this process's; ENVIRONMENT is added to it.
        into: A file for stdout; without it both streams are returned as one.
        timeout: Seconds it may take before it's killed with all its child processes.

    Returns:
        The exit code and what was printed; with `into`, what was printed on stderr.

    Raises:
        subprocess.TimeoutExpired: It didn't end in time.

    """
    environ = {**(os.environ if environ is None else environ), **ENVIRONMENT}
    with ExitStack() as closing:
        file = closing.enter_context(into.open("wb")).fileno() if into else None
        try:
            return fork_server.run(
                function, words, environ=environ, folder=project, stdout=file, timeout=timeout
            )
        except ForkUnavailable:
            argv = _in_new_python(function, words)
            return run_program(argv, environ, project, file, timeout)


def _in_new_python(function: str, words: list[str]) -> list[str]:
    module, _, main = function.partition(":")
    code = MAIN.format(name=words[0], module=module, main=main) + END
    return [sys.executable, "-c", code, *words[1:]]


def run_program(
    argv: list[str],
    environ: Mapping[str, str],
    project: Path,
    file: int | None = None,
    timeout: float | None = None,
) -> tuple[int, str]:
    """Run a program in a project's folder.

    Args:
        argv: The program and its arguments.
        environ: Its whole environment.
        project: The folder to run it in.
        file: A file descriptor for stdout; without it both streams are returned as one.
        timeout: Seconds it may take before it's killed with all its child processes.

    Returns:
        The exit code and what was printed; with `file`, what was printed on stderr.

    Raises:
        subprocess.TimeoutExpired: It didn't end in time.

    """
    process = subprocess.Popen(
        argv,
        cwd=project,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if file is None else file,
        stderr=subprocess.STDOUT if file is None else subprocess.PIPE,
    )
    stream = process.stdout or process.stderr
    assert isinstance(stream, BufferedReader), "one of them is a pipe"
    return collect(process, stream, timeout, lambda: _kill(process))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all its descendants, and wait for its end."""
    import psutil  # takes a while, and is needed only here

    with suppress(psutil.NoSuchProcess):
        for each in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                each.kill()
    process.kill()
    process.wait()


def split_line(
    name: str, line: str, example: str, kind: type[CommandError] = CommandError
) -> list[str]:
    """Split a line into words, as a shell does.

    Args:
        name: The command.
        line: What follows the command.
        example: A correct line, for the error message.
        kind: The error to raise.

    Raises:
        CommandError: A quotation mark isn't closed (`kind`, if you name one).

    """
    try:
        return shlex.split(line)
    except ValueError as error:
        raise kind(
            f"{name} {line.strip()} cannot be read: {error}.",
            "A quotation mark was opened and not closed.",
            f"Write for instance: %{name} {example}.",
        ) from None


def split_redirection(words: list[str]) -> tuple[list[str], str]:
    """Split a line that ends in `> file` into its command and the file's name, "" if there's none.

    Only the end of a line counts: a `>` within a quoted word stays there.
    """
    if len(words) > 1 and words[-2] == ">":
        return words[:-2], words[-1]
    found = re.fullmatch(r">([^>]+)", words[-1]) if words else None
    return (words[:-1], found[1]) if found else (words, "")


def require_dir(project: Path, kind: type[CommandError] = CommandError) -> None:
    """Raise CommandError, or `kind`, if a project's folder doesn't exist any more."""
    if not project.is_dir():
        raise kind(
            f"The project's folder {project.name} is gone.",
            "It was deleted or moved while the lesson was open.",
            "Run the cell with start() or begin() again.",
        )


def relative_paths(output: str, project: Path) -> str:
    """Return the output with every path into the project written relative to it."""
    for folder in {str(project), str(project.resolve())}:
        output = output.replace(folder + os.sep, "").replace(folder, ".")
    return output


def output_or_error(name: str, line: str, code: int, output: str, *, echo: bool) -> str:
    """Return the output of a command that succeeded.

    Args:
        name: The command.
        line: What followed it.
        code: Its exit code.
        output: What it printed.
        echo: Print the output before raising.

    Raises:
        CommandError: The exit code isn't 0; the message ends with the output's last line.

    """
    if code == 0:
        return output
    if echo:
        print(output, end="")
    last = [text for text in output.splitlines() if text.strip()][-1:]
    problem = failure(name, line, code, last[0].strip(" =") if last else "")
    raise CommandError(*problem, shown=echo and bool(last))


def failure(name: str, line: str, code: int, last_line: str) -> tuple[str, str, str]:
    """Return what happened, why and what to do, for a command that failed after its output."""
    return (
        f"{f'{name} {line.strip()}'.strip()} ended with exit code {code}.",
        f"It reports: {last_line.rstrip('.')}." if last_line else "It printed nothing.",
        "Read its full output above." if last_line else "Check the command's spelling.",
    )


def did_not_end(name: str, line: str, late: subprocess.TimeoutExpired) -> CommandTimeout:
    """Return the error of a command that was stopped."""
    lines = [text.strip() for text in str(late.output or "").splitlines() if text.strip()]
    last = f"The last line it printed is: {lines[-1]}" if lines else "It printed nothing."
    return CommandTimeout(
        f"{f'{name} {line.strip()}'.strip()} did not end within {late.timeout:g} seconds.",
        f"It was stopped. {last}",
        "Look for an endless loop, a long sleep or a lock that is never released.",
    )
