"""Print seconds per lesson and server, from the JUnit files that `verify` wrote for each server.

    python .ci/matrix.py FOLDER

Each file is a row, each lesson a column. A cell has a passing lesson's seconds, FAILED, or a dash
if the lesson didn't run.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

Row = dict[str, str]


def row(path: Path) -> Row:
    """Return the result of each lesson in a file: seconds, or FAILED."""
    seconds: dict[str, float] = {}
    failed = set()
    for case in ElementTree.parse(path).iter("testcase"):  # noqa: S314  our own file
        notebook = re.search(r"(?:^|[./])(\d\d)_\w+\.ipynb", str(case.get("classname")))
        if notebook:
            lesson = notebook.group(1)
            seconds[lesson] = seconds.get(lesson, 0) + float(case.get("time", 0))
            # After a failed cell the rest is skipped.
            if any(case.find(tag) is not None for tag in ("failure", "error", "skipped")):
                failed.add(lesson)
    return {one: "FAILED" if one in failed else f"{took:.1f}" for one, took in seconds.items()}


def table(rows: dict[str, Row]) -> list[str]:
    """Return the lines of the table, with a column for every lesson in any row."""
    lessons = sorted({lesson for row in rows.values() for lesson in row})
    width = max(map(len, ["seconds", *rows]))
    lines = [" ".join(["seconds".ljust(width), *(one.rjust(6) for one in lessons)])]
    for name, found in rows.items():
        cells = (found.get(one, "-").rjust(6) for one in lessons)
        lines.append(" ".join([name.ljust(width), *cells]))
    return lines


def main(folder: str) -> int:
    """Print the table; return 1 if a lesson failed or none ran."""
    rows = {path.stem: row(path) for path in sorted(Path(folder).glob("*.xml"))}
    if not any(rows.values()):
        print("No lesson ran on any server.")
        return 1
    print(*table({name: found for name, found in rows.items() if found}), sep="\n")
    return int(any("FAILED" in found.values() for found in rows.values()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
