"""`%pytest` and `%squawk` in a cell: what a build server runs, in a project, raising when it fails.

What they print is made the same on every run and machine: no seconds, no paths of a machine,
no colours.
"""

from __future__ import annotations

import os
import re
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from coursekit.course import commands
from coursekit.course.commands import from_here, require_dir, split
from coursekit.errors import CommandError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

# What pytest would take for its own configuration in a folder above, that of the kit.
CONFIGURATIONS = ("pytest.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg")
BUILD = ("CI", "BUILD_NUMBER")  # with them pytest prints other lines than without
OPTIONS = "--color=no --tb=short -p no:cacheprovider"


def run_pytest(line: str, project: Path, *, echo: bool = True) -> str:
    """Run `pytest LINE` in the folder `project` and return what it printed.

    Raises CommandError when a test fails, or when there is none, after the output (`echo`).
    """
    require_dir(project)
    words = ["pytest", *split("pytest", line, "-q"), *_configured(project)]
    code, printed = commands.launch("pytest:main", words, project, environ=_environment())
    return _output_or_error("pytest", line, code, tidy_tests(printed, project), echo)


def _configured(project: Path) -> list[str]:
    if any((project / name).is_file() for name in (*CONFIGURATIONS, "pyproject.toml")):
        return []
    return ["-c", os.devnull, "--rootdir", "."]


def _environment() -> dict[str, str]:
    """The environment of a terminal, with pytest-alembic as the only plugin.

    A notebook may itself be run by pytest, whose variables are not for this one.
    """
    inherited = {k: v for k, v in os.environ.items() if k[:7] != "PYTEST_" and k not in BUILD}
    return {
        **inherited,
        "COLUMNS": "80",
        "PYTEST_ADDOPTS": OPTIONS,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # the kit's own plugins take a second to load
        "PYTEST_PLUGINS": "pytest_alembic.plugin",
    }


SECONDS = re.compile(r" in \d+\.\d+s(?: \(\d+:\d\d:\d\d\))?(?= |$)", re.M)
# A frame in a file that is not the project's: `../lib/site-packages/x.py:7: in f`, and its code.
FOREIGN = re.compile(r"^(?:\.\.[/\\]|/|[A-Za-z]:[/\\]|<)[^\n]*: in [^\n]*\n(?: {4}[^\n]*\n)*", re.M)
MARKS = re.compile(r"^ +[~^]+\n", re.M)  # each version of Python sets them elsewhere
BACKGROUND = re.compile(r"^E? *\(Background on this error at: [^\n]*\n", re.M)


def tidy_tests(output: str, project: Path) -> str:
    """What pytest has printed, without seconds, and without frames outside of the project."""
    output = MARKS.sub("", from_here(output, project))
    return SECONDS.sub("", BACKGROUND.sub("", FOREIGN.sub("", output)))


def run_squawk(line: str, project: Path, *, echo: bool = True) -> str:
    """Run `squawk LINE` in the folder `project` and return its findings, one after the other.

    Raises CommandError when it finds anything, after the output (`echo`), and where there is
    no squawk.
    """
    require_dir(project)
    words = split("squawk", line, "deploy.sql")
    code, printed = commands.execute([str(_program("squawk")), *words], os.environ, project)
    return _output_or_error("squawk", line, code, tidy_findings(from_here(printed, project)), echo)


def _program(name: str) -> Path:
    """The program of a package of this Python; raises CommandError when there is none."""
    folder = Path(sysconfig.get_path("scripts"))
    for path in (folder / name, folder / f"{name}.exe"):
        if path.is_file():
            return path
    raise CommandError(
        f"There is no {name} here.",
        "Its package is made for Linux, macOS and Windows on the usual processors only.",
        "Read this part of the lesson, and go on with the next one.",
    )


COLOURS = re.compile(r"\x1b\[[\d;]*m|\x1b\]8;;.*?\x1b\\")
KEPT = re.compile(
    r"^(?P<finding>(?:warning|error)(?:\[| ).*)"
    r"|^ *╭▸ (?P<place>.*)"
    r"|^ *[├╰] (?P<advice>(?:help|note): .*)"
    r"|^(?P<other>[^\s\d╭│├╰].*)"
)


def tidy_findings(output: str) -> str:
    """What squawk has printed: rule, message, place and advice of each finding, uncoloured."""
    found = map(KEPT.match, COLOURS.sub("", output).splitlines())
    return "".join(f"{_indented(one)}\n" for one in found if one)


def _indented(found: re.Match[str]) -> str:
    if found["place"]:
        return f"  at {found['place']}"
    return f"  {found['advice']}" if found["advice"] else found[0]


def _output_or_error(name: str, line: str, code: int, output: str, echo: bool) -> str:
    """The output of a command that went well; raises CommandError for another."""
    if code == 0:
        return output
    if echo:
        print(output, end="")
    last = [text for text in output.splitlines() if text.strip()][-1:]
    raise CommandError(
        f"{f'{name} {line}'.strip()} ended with exit code {code}.",
        f"It says: {last[0].strip(' =').rstrip('.')}." if last else "It says nothing.",
        "All that it printed stands above.",
    )


def register(shell: InteractiveShell, project: Path | None) -> None:
    """Give a notebook the line magics `%pytest` and `%squawk`, which work in `project`."""
    commands.register(shell, "pytest", run_pytest, project)
    commands.register(shell, "squawk", run_squawk, project)
