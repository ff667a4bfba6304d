"""The line magics of a lesson: `%alembic`, `%pytest` and `%squawk`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from coursekit.course.alembic_command import run_alembic
from coursekit.course.tool_commands import run_pytest, run_squawk
from coursekit.errors import CommandError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

COMMANDS: dict[str, Callable[[str, Path], str]] = {
    "alembic": run_alembic,
    "pytest": run_pytest,
    "squawk": run_squawk,
}


def register_magics(shell: InteractiveShell, project: Path | None) -> None:
    """Register the magics in a notebook's shell, replacing earlier ones.

    Args:
        shell: The shell of the kernel.
        project: The folder that the commands run in. With None they raise CommandError, which
            explains that no lesson is started.

    """
    for name, run in COMMANDS.items():
        _register(shell, name, run, project)


def has_magics(shell: InteractiveShell) -> bool:
    """Return whether the magics are registered."""
    return "alembic" in shell.magics_manager.magics["line"]


def _register(
    shell: InteractiveShell, name: str, run: Callable[[str, Path], str], project: Path | None
) -> None:
    from IPython.core.magic import no_var_expand

    def command(line: str) -> None:
        if project is None:
            raise CommandError(
                "No lesson is started in this kernel.",
                f"%{name} works in a lesson's project; a kernel that was restarted has none.",
                'Run the lesson\'s first cells, or continue with: start("06", resume=True).',
            )
        print(run(line, project), end="")

    command.__doc__ = f"Run {name} in the lesson's project: `%{name} --help`."
    no_var_expand(command)  # { and $ reach the command as they're written, as in a terminal
    shell.register_magic_function(command, magic_kind="line", magic_name=name)  # type: ignore[call-arg, arg-type]
