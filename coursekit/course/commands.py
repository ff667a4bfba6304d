"""A project's commands in a cell: the real ones, in a fresh process, raising when they fail."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from coursekit.errors import CommandError
from coursekit.kernel import fork_server
from coursekit.kernel.process import ForkUnavailable

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",  # so that the log stands where it belongs among the rest
    "PYTHONIOENCODING": "utf-8",
    "PYTHON_COLORS": "0",  # a notebook's kernel asks for colours, which Python 3.13 gives
    "PYTHONDONTWRITEBYTECODE": "1",  # a compiled file can hide a quick edit
}
# As a console script does it. `python -m alembic` would put the project, with its own folder
# called alembic, in front of the library.
MAIN = "import sys; sys.path.pop(0); sys.argv[0] = {name!r}; from {module} import {main} as main; "
END = "sys.exit(main())"


def launch(
    function: str,
    words: list[str],
    project: Path,
    *,
    environ: Mapping[str, str] | None = None,
    into: Path | None = None,
) -> tuple[int, str]:
    """Run a command in a process of its own, in the folder `project`.

    function  what its console script calls: `alembic.config:main`
    words     its words, from its name on
    environ   its environment, to which ENVIRONMENT is added; else that of this process
    into      a file that takes what it prints, but for its log

    Gives its exit code, and what it printed. It is forked from a warm process that has
    imported libraries and none of the learner's files; where there is none, Python starts,
    which takes a second longer.
    """
    environ = {**(os.environ if environ is None else environ), **ENVIRONMENT}
    with ExitStack() as closing:
        file = closing.enter_context(into.open("wb")).fileno() if into else None
        try:
            return fork_server.run(function, words, environ=environ, folder=project, stdout=file)
        except ForkUnavailable:
            return _cold(function, words, environ, project, file)


def _cold(
    function: str, words: list[str], environ: Mapping[str, str], project: Path, file: int | None
) -> tuple[int, str]:
    module, _, main = function.partition(":")
    code = MAIN.format(name=words[0], module=module, main=main) + END
    argv = [sys.executable, "-c", code, *words[1:]]
    return execute(argv, environ, project, file)


def execute(
    argv: list[str], environ: Mapping[str, str], project: Path, file: int | None = None
) -> tuple[int, str]:
    """Run a program in the folder `project`: its exit code, and what it printed.

    `file` is a descriptor that takes its stdout; else both streams are one.
    """
    done = subprocess.run(
        argv,
        cwd=project,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if file is None else file,
        stderr=subprocess.STDOUT if file is None else subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    return done.returncode, done.stdout if file is None else done.stderr


def split(name: str, line: str, example: str, kind: type[CommandError] = CommandError) -> list[str]:
    """The words of a line as a shell would cut it; `example` is one that can be read.

    Raises `kind` for a line with an open quotation mark.
    """
    try:
        return shlex.split(line)
    except ValueError as error:
        raise kind(
            f"{name} {line.strip()} cannot be read: {error}.",
            "A quotation mark was opened and not closed.",
            f"Write for instance: %{name} {example}.",
        ) from None


def require_dir(project: Path, kind: type[CommandError] = CommandError) -> None:
    """Raise `kind` when a project's folder is gone."""
    if not project.is_dir():
        raise kind(
            f"The project's folder {project.name} is gone.",
            "It was deleted or moved while the lesson was open.",
            f'Run start("{project.name}") to begin the lesson again.',
        )


def from_here(output: str, project: Path) -> str:
    """The same output with paths told from the project's folder on."""
    for folder in {str(project), str(project.resolve())}:
        output = output.replace(folder + os.sep, "").replace(folder, ".")
    return output


def register(
    shell: InteractiveShell, name: str, run: Callable[[str, Path], str], project: Path | None
) -> None:
    """Give a notebook the line magic `%name`, which runs a command in `project`.

    Without a project it says that no lesson was started.
    """
    from IPython.core.magic import no_var_expand

    def command(line: str) -> None:
        if project is None:
            raise CommandError(
                "No lesson is started in this kernel.",
                f"%{name} works in a lesson's project; a kernel that was restarted has none.",
                'Run the lesson\'s first cells, or go on with: start("06", resume=True).',
            )
        print(run(line, project), end="")

    command.__doc__ = f"Run {name} in the lesson's project: `%{name} --help`."
    no_var_expand(command)  # what is written may hold { and $, as it may in a terminal
    shell.register_magic_function(command, magic_kind="line", magic_name=name)  # type: ignore[call-arg, arg-type]


def redirected(words: list[str]) -> tuple[list[str], str]:
    """The words before `> file` at the end of a line, and the name of the file, if any."""
    if len(words) > 1 and words[-2] == ">":
        return words[:-2], words[-1]
    found = re.fullmatch(r">([^>]+)", words[-1]) if words else None
    return (words[:-1], found[1]) if found else (words, "")
