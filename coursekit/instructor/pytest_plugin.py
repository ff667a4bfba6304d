"""The pytest plugin: notebooks run strictly, on their own databases, and fail closed.

`-p coursekit.instructor.pytest_plugin` loads it before nbval, which it makes strict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from coursekit.errors import NotebookError
from coursekit.instructor import gates, strict  # noqa: F401  # strict wraps nbval
from coursekit.instructor.isolated_run import isolated_run

RUN = pytest.StashKey[Path]()


class GatesFile(pytest.File):
    """The gates of one notebook, as one test beside its cells."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield that test."""
        yield GatesItem.from_parent(self, name="gates")


class GatesItem(pytest.Item):
    """The test that refuses a notebook whose run would prove nothing."""

    def runtest(self) -> None:
        """Check the notebook.

        Raises:
            NotebookError: It lists everything that's wrong.

        """
        findings = gates.check(self.path)
        if findings:
            raise NotebookError(f"{self.path.name} was refused:", "\n  ".join(map(str, findings)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """Return the findings, without a stack trace."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the test's place and name for the report."""
        return self.path, 0, f"{self.path.name}: gates"


@pytest.hookimpl(tryfirst=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> GatesFile | None:
    """Collect the gates of every notebook that nbval runs."""
    if parent.config.option.nbval and file_path.suffix == ".ipynb":
        collected: GatesFile = GatesFile.from_parent(parent, path=file_path)
        return collected
    return None


def pytest_configure(config: pytest.Config) -> None:
    """Start an isolated run; pytest-xdist's workers use their controller's."""
    if not hasattr(config, "workerinput"):
        stack = ExitStack()
        config.stash[RUN] = stack.enter_context(isolated_run())
        config.add_cleanup(stack.close)
        _keep_notebooks_whole(config)


def _keep_notebooks_whole(config: pytest.Config) -> None:
    """Make pytest-xdist send all cells of a notebook to one worker: they share a kernel."""
    if config.getoption("dist", "no") not in ("no", "each", "loadfile", "loadscope"):
        config.option.dist = "loadfile"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Report the cause for each notebook that wasn't run to its end."""
    causes: Counter[tuple[str, str]] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith("not run because ") and "::cell " in report.nodeid:
            causes[report.nodeid.partition("::")[0], reason] += 1
    if causes:
        terminalreporter.section("cells that weren't run")
    for (notebook, reason), count in causes.items():
        cells = "1 cell" if count == 1 else f"{count} cells"
        terminalreporter.line(f"{notebook}: {cells} {reason}")
