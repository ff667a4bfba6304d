"""What a run reports about a failed cell: expected and got, the probable cause, how to fix it."""

from __future__ import annotations

import difflib
import re
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from nbval.plugin import IPyNbCell

from coursekit.ansi import strip_ansi
from coursekit.course.doctor import REINSTALL_ADVICE
from coursekit.course.packages import wrong_packages
from coursekit.course.sanitize import sanitize
from coursekit.instructor import strict
from coursekit.instructor.nbval_kernel import DIED
from coursekit.instructor.source_edition import FIX

MAX_LINES = 6  # of the expected output, and of what the cell output instead
STALE = "stale output"
BROKEN = "broken cell"
KERNEL = "kernel"
HANGS = "hangs"
REFUSED = "refused"
# The first line of a test's report ends with advice; a finding has its own.
ADVICE = re.compile(rf"\. (?:{strict.IF_RIGHT}|{FIX})")


@dataclass(frozen=True)
class RunFinding:
    """Why a lesson fails, as strings.

    Attributes:
        kind: STALE, BROKEN, KERNEL, HANGS or REFUSED.
        where: The cell, `cell 3`, or the gates.
        problem: One sentence.
        source: The cell's code.
        expected: The stored output, from the first line that differs.
        got: The output of this run, from the same line.
        cause: The probable cause.
        fix: A command, or what to change before running it.

    """

    kind: str
    where: str
    problem: str
    source: str
    expected: str
    got: str
    cause: str
    fix: str

    def as_dict(self) -> dict[str, str]:
        """Return a plain dict: pytest-xdist can only send built-in types to its controller."""
        return asdict(self)


def finding_of(item: Any, first_line: str) -> RunFinding:
    """Return the finding for a test that failed.

    Args:
        item: nbval's cell, or one of our own tests (the gates, continuity).
        first_line: The first line of the test's report.

    """
    number = item.path.name[:2]
    if not isinstance(item, IPyNbCell):
        return RunFinding(REFUSED, item.name, first_line, "", "", "", *_refused(number))
    recording = item.parent.kernel.recording if item.parent.kernel else None
    fresh = recording.outputs if recording else []
    kind = _kind(item, fresh, first_line)
    problem = ADVICE.split(first_line.removeprefix(f"{item.name}: "))[0]
    expected, got = _first_difference(_lines(item.stored), _lines(fresh))
    advice = _advice(kind, number, fresh)
    return RunFinding(kind, item.name, problem, item.cell.source, expected, got, *advice)


def _kind(item: Any, fresh: list[Any], first_line: str) -> str:
    if strict.NOT_STARTED in first_line or DIED in first_line:
        return KERNEL
    if strict.TOOK_LONGER in first_line:
        return HANGS
    if _errors(fresh) != _errors(item.stored):
        return BROKEN
    return STALE if strict.DIFFERS in first_line else REFUSED


def _errors(outputs: list[Any]) -> list[str]:
    return [str(output["ename"]) for output in outputs if output["output_type"] == "error"]


def _advice(kind: str, number: str, fresh: list[Any]) -> tuple[str, str]:
    """Return the probable cause, and how to fix it."""
    refresh = f"python3 start.py refresh {number}"
    if kind in (STALE, BROKEN) and (drift := _drift()):
        return drift, REINSTALL_ADVICE
    if kind == STALE:
        why = "The cell runs, but its output has changed since the notebook was stored."
        return why, f"{refresh} && git diff notebooks"
    if kind == KERNEL:
        return (
            "The notebook's process ended: it crashed or ran out of memory.",
            f"TUTORIAL_KERNEL=default python3 start.py verify {number}",
        )
    if kind == HANGS:
        return "It waits for something that never happens.", f"python3 start.py verify {number}"
    if kind == REFUSED:
        return _refused(number)
    return _cause(_errors(fresh)), f"fix the cell, then run: {refresh}"


def _drift() -> str:
    """Name the installed packages that differ from the pins: they're the first suspects."""
    drifted = [f"{name} is {found}" for name, found in wrong_packages().items()]
    return f"Packages differ from the pinned versions: {'; '.join(drifted)}." if drifted else ""


def _cause(errors: list[str]) -> str:
    name = errors[0] if errors else ""
    if name == "ModuleNotFoundError":
        return "A package is missing, or a file that the lesson should have written."
    if name == "OperationalError":
        return "The server stopped, refused the connection, or canceled a statement."
    if not name:
        return "An error that the lesson expects wasn't raised."
    return "The cell's code fails, or something in an earlier cell that it depends on."


def _refused(number: str) -> tuple[str, str]:
    return "A run of this notebook proves nothing.", f"python3 start.py refresh {number}"


def _lines(outputs: list[Any]) -> list[str]:
    """Return the lines of outputs as a reader sees them, sanitized and without colors."""
    shown = []
    for output in outputs:
        if output["output_type"] == "error":
            shown.append(f"{output['ename']}: {output['evalue']}")
        elif output["output_type"] == "stream":
            shown.append(_joined(output["text"]))
        else:
            data = output["data"]
            shown.append(_joined(data.get("text/plain", ", ".join(data))))
    return str(sanitize(strip_ansi("\n".join(shown)))).splitlines()


def _joined(text: str | list[str]) -> str:
    return (text if isinstance(text, str) else "".join(text)).rstrip("\n")


def _first_difference(stored: list[str], fresh: list[str]) -> tuple[str, str]:
    """Return MAX_LINES of each, from one line before the first that differs."""
    same = difflib.SequenceMatcher(None, stored, fresh, autojunk=False).get_matching_blocks()[0]
    start = max(0, same.size - 1) if same.a == same.b == 0 else 0
    expected, got = (
        "\n".join(islice(lines, start, start + MAX_LINES)) for lines in (stored, fresh)
    )
    return expected, got
