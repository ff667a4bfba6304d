"""The pytest plugin: notebooks run strictly, on databases of their own, and fail closed.

It is loaded with `-p coursekit.instructor.pytest_plugin`, before nbval, which it makes strict.
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
        """Give the one test."""
        yield GatesItem.from_parent(self, name="gates")


class GatesItem(pytest.Item):
    """Refuse a notebook whose run would prove nothing."""

    def runtest(self) -> None:
        """Raise with all findings, or pass."""
        findings = gates.check(self.path)
        if findings:
            raise NotebookError(f"{self.path.name} is refused:", "\n  ".join(map(str, findings)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """The findings, without a stack trace."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands in the report."""
        return self.path, 0, f"{self.path.name}: gates"


@pytest.hookimpl(tryfirst=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> GatesFile | None:
    """Every notebook that nbval runs goes through the gates."""
    if parent.config.option.nbval and file_path.suffix == ".ipynb":
        collected: GatesFile = GatesFile.from_parent(parent, path=file_path)
        return collected
    return None


def pytest_configure(config: pytest.Config) -> None:
    """Begin a reference run; workers of xdist take part in their controller's."""
    if not hasattr(config, "workerinput"):
        stack = ExitStack()
        config.stash[RUN] = stack.enter_context(isolated_run())
        config.add_cleanup(stack.close)
        _keep_notebooks_whole(config)


def _keep_notebooks_whole(config: pytest.Config) -> None:
    """Let xdist give all cells of a notebook to one worker, for they share a kernel."""
    if config.getoption("dist", "no") not in ("no", "each", "loadfile", "loadscope"):
        config.option.dist = "loadfile"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the cause where a notebook was not run to its end."""
    causes: Counter[tuple[str, str]] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith("not run, because ") and "::cell " in report.nodeid:
            causes[report.nodeid.partition("::")[0], reason] += 1
    if causes:
        terminalreporter.section("cells that were not run")
    for (notebook, reason), count in causes.items():
        cells = "1 cell" if count == 1 else f"{count} cells"
        terminalreporter.line(f"{notebook}: {cells} {reason}")
