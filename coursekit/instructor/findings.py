"""What is said of a cell that fails: what was expected, what came, why, and what mends it."""

from __future__ import annotations

import difflib
import re
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from nbval.plugin import IPyNbCell

from coursekit.course.doctor import REINSTALL_ADVICE, wrong_packages
from coursekit.course.sanitize import sanitize
from coursekit.instructor import gates

ADVICE = re.compile(r"\. (?:If it is right now|Mend it, then)")  # the report has its own
LINES = 6  # of what was expected and of what came, at most
STALE = "stale output"
BROKEN = "broken cell"
KERNEL = "kernel"
HANGS = "hangs"
REFUSED = "refused"


@dataclass(frozen=True)
class Finding:
    """Why a lesson fails, in plain data.

    kind      stale output, broken cell, kernel, hangs or refused
    where     the cell, as `cell 3`, or the gates
    problem   one sentence
    source    the cell's code
    expected  the stored output, from the first line on that differs
    got       what came instead
    cause     the probable one
    mend      a command
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
        """The same, as it travels between processes."""
        return asdict(self)


def finding_of(item: Any, error: BaseException, said: str) -> Finding:
    """The finding for a test that has failed.

    item   nbval's cell, or one of the kit's own tests
    error  what it raised
    said   the first line of its report
    """
    number = item.path.name[:2]
    if not isinstance(item, IPyNbCell):
        return Finding(REFUSED, item.name, said, "", "", "", *_whole(number))
    heard = item.parent.kernel.heard if item.parent.kernel else None
    fresh = heard.outputs if heard else []
    kind = _kind(item, fresh, said)
    problem = ADVICE.split(said.removeprefix(f"{item.name}: "))[0]
    expected, got = _where_they_part(_text(item.stored), _text(fresh))
    return Finding(
        kind, item.name, problem, item.cell.source, expected, got, *_advice(kind, number, fresh)
    )


def _kind(item: Any, fresh: list[Any], said: str) -> str:
    if "did not start" in said or "The kernel died" in said or "the kernel died" in said:
        return KERNEL
    if "It took longer than" in said:
        return HANGS
    if _errors(fresh) != _errors(item.stored):
        return BROKEN
    return STALE if "Its output is not the stored one" in said else REFUSED


def _errors(outputs: list[Any]) -> list[str]:
    return [str(output["ename"]) for output in outputs if output["output_type"] == "error"]


def _advice(kind: str, number: str, fresh: list[Any]) -> tuple[str, str]:
    """The probable cause, and the command."""
    refresh = f"python3 start.py refresh {number}"
    if kind in (STALE, BROKEN) and _drift():
        return _drift(), REINSTALL_ADVICE
    if kind == STALE:
        why = "The cell runs to its end. What it shows has changed since the notebook was stored."
        return why, f"{refresh} && git diff notebooks"
    if kind == KERNEL:
        return (
            "The process of the notebook ended: a crash, or no memory left.",
            f"TUTORIAL_KERNEL=default python3 start.py verify {number}",
        )
    if kind == HANGS:
        return "It waits for something that does not come.", f"python3 start.py verify {number}"
    if kind == REFUSED:
        return _whole(number)
    return _cause(_errors(fresh)), f"mend the cell, then: {refresh}"


def _drift() -> str:
    """Packages are the first suspects when they are others than the course was stored with."""
    drifted = [f"{line.topic} is {line.found}" for line in wrong_packages()]
    return f"Packages are not as pinned: {'; '.join(drifted)}." if drifted else ""


def _cause(errors: list[str]) -> str:
    name = errors[0] if errors else ""
    if name == "ModuleNotFoundError":
        return "A package is missing, or a file that the lesson should have written."
    if name == "OperationalError":
        return "The server ended, refuses the connection, or gave up a statement."
    if not name:
        return "An error that the lesson announces does not come."
    return "The cell's code fails, or something that it builds on, in a cell above."


def _whole(number: str) -> tuple[str, str]:
    return "The notebook itself would prove nothing.", f"python3 start.py refresh {number}"


def _text(outputs: list[Any]) -> list[str]:
    """Outputs as a reader sees them, without colours and what may vary."""
    shown = []
    for output in outputs:
        if output["output_type"] == "error":
            shown.append(f"{output['ename']}: {output['evalue']}")
        elif output["output_type"] == "stream":
            shown.append(_joined(output["text"]))
        else:
            data = output["data"]
            shown.append(_joined(data.get("text/plain", ", ".join(data))))
    return str(sanitize(gates.COLOUR.sub("", "\n".join(shown)))).splitlines()


def _joined(text: str | list[str]) -> str:
    return (text if isinstance(text, str) else "".join(text)).rstrip("\n")


def _where_they_part(stored: list[str], fresh: list[str]) -> tuple[str, str]:
    """The lines in which two texts differ, from one line before the first of them on."""
    same = difflib.SequenceMatcher(None, stored, fresh, autojunk=False).get_matching_blocks()[0]
    start = max(0, same.size - 1) if same.a == same.b == 0 else 0
    return tuple("\n".join(islice(lines, start, start + LINES)) for lines in (stored, fresh))  # type: ignore[return-value]
