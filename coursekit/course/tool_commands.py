"""Run `pytest` and `squawk` in a project, as a CI server does, with output fit for a notebook.

The output is the same on every run and machine: no durations, no absolute paths, no colours.
"""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from pathlib import Path

from coursekit.ansi import strip_ansi
from coursekit.course.commands import (
    CARETS,
    did_not_end,
    output_or_error,
    relative_paths,
    require_dir,
    run_command,
    run_program,
    split_line,
)
from coursekit.errors import CommandError

# Without one of these files here, pytest would use the course's own, in a folder above.
CONFIGURATIONS = ("pytest.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg")
BUILD = ("CI", "BUILD_NUMBER")  # when one is set, pytest prints more lines
OPTIONS = "--color=no --tb=short -p no:cacheprovider"


def run_pytest(line: str, project: Path, *, echo: bool = True, timeout: float | None = None) -> str:
    """Run `pytest LINE` in a project's folder and return what it printed.

    Args:
        line: What follows `pytest`.
        project: The folder with the tests.
        echo: Print the output before raising.
        timeout: Seconds the command may take; None for no limit.

    Raises:
        CommandError: A test failed, or there's no test.
        CommandTimeout: The tests didn't end in time.

    """
    require_dir(project)
    words = ["pytest", *split_line("pytest", line, "-q"), *_configured(project)]
    try:
        code, printed = run_command(
            "pytest:main", words, project, environ=_environment(), timeout=timeout
        )
    except subprocess.TimeoutExpired as late:
        raise did_not_end("pytest", line, late) from None
    return output_or_error("pytest", line, code, tidy_tests(printed, project), echo=echo)


def _configured(project: Path) -> list[str]:
    if any((project / name).is_file() for name in (*CONFIGURATIONS, "pyproject.toml")):
        return []
    return ["-c", os.devnull, "--rootdir", "."]


def _environment() -> dict[str, str]:
    """Return a terminal's environment, with pytest-alembic as the only plugin.

    The notebook may itself be run by pytest, whose variables aren't meant for this one.
    """
    inherited = {k: v for k, v in os.environ.items() if k[:7] != "PYTEST_" and k not in BUILD}
    return {
        **inherited,
        "COLUMNS": "80",
        "PYTEST_ADDOPTS": OPTIONS,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # the course's own plugins take a second to load
        "PYTEST_PLUGINS": "pytest_alembic.plugin",
    }


SECONDS = re.compile(r" in \d+\.\d+s(?: \(\d+:\d\d:\d\d\))?(?= |$)", re.M)
# A frame in a file outside the project, `../lib/site-packages/x.py:7: in f`, with its code.
FOREIGN = re.compile(r"^(?:\.\.[/\\]|/|[A-Za-z]:[/\\]|<)[^\n]*: in [^\n]*\n(?: {4}[^\n]*\n)*", re.M)
BACKGROUND = re.compile(r"^E? *\(Background on this error at: [^\n]*\n", re.M)


def tidy_tests(output: str, project: Path) -> str:
    """Return pytest's output without durations and without frames outside the project."""
    output = CARETS.sub("", relative_paths(output, project))
    return SECONDS.sub("", BACKGROUND.sub("", FOREIGN.sub("", output)))


def run_squawk(line: str, project: Path, *, echo: bool = True) -> str:
    """Run `squawk LINE` in a project's folder and return its findings as plain text.

    Args:
        line: What follows `squawk`.
        project: The folder to run it in.
        echo: Print the output before raising.

    Raises:
        CommandError: squawk has findings, or isn't available on this machine.

    """
    require_dir(project)
    words = split_line("squawk", line, "deploy.sql")
    code, printed = run_program([str(_program("squawk")), *words], os.environ, project)
    output = tidy_findings(relative_paths(printed, project))
    return output_or_error("squawk", line, code, output, echo=echo)


def _program(name: str) -> Path:
    """Return the path of a program in this environment; raise CommandError if there is none."""
    folder = Path(sysconfig.get_path("scripts"))
    for path in (folder / name, folder / f"{name}.exe"):
        if path.is_file():
            return path
    raise CommandError(
        f"There is no {name} here.",
        "Its package is built for Linux, macOS and Windows on the most common processors only.",
        "Read this part of the lesson, then continue with the next one.",
    )


KEPT = re.compile(
    r"^(?P<finding>(?:warning|error)(?:\[| ).*)"
    r"|^ *╭▸ (?P<location>.*)"
    r"|^ *[├╰] (?P<advice>(?:help|note): .*)"
    r"|^(?P<other>[^\s\d╭│├╰].*)"
)


def tidy_findings(output: str) -> str:
    """Return the rule, message, location and advice of each finding, without colours."""
    matches = map(KEPT.match, strip_ansi(output).splitlines())
    return "".join(f"{_indented(match)}\n" for match in matches if match)


def _indented(found: re.Match[str]) -> str:
    if found["location"]:
        return f"  at {found['location']}"
    return f"  {found['advice']}" if found["advice"] else found[0]
