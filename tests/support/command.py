"""The `tutorial` command, run in this process: what it prints, and how it ends."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from coursekit.cli import main


@dataclass(frozen=True)
class Done:
    """A command that has ended, as `subprocess.run` returns it."""

    returncode: int
    stdout: str
    stderr: str


class Tutorial:
    """Runs the command as the console script does, without the start of a process."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def __call__(self, *words: str, **environ: str) -> Done:
        """Run `tutorial` with these words, and with these variables in the environment."""
        self._capfd.readouterr()
        code = 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["tutorial", *words])
            for name, value in {"COLUMNS": "200", **environ}.items():
                patch.setenv(name, value)
            try:
                main()
            except SystemExit as end:
                code = int(end.code or 0)
        return Done(code, *self._capfd.readouterr())
