"""Print which lessons ran on which server, from the JUnit files of verify, one for a server.

    python .ci/matrix.py FOLDER

A row is a file of the folder, a column a lesson; a cell has the seconds of a lesson that is
green, FAILED, or a dash for one that was left out.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

Row = dict[str, str]


def row(path: Path) -> Row:
    """What became of each lesson of one run: number to seconds, or FAILED."""
    seconds: dict[str, float] = {}
    failed = set()
    for case in ElementTree.parse(path).iter("testcase"):  # noqa: S314  made by this run
        notebook = re.search(r"(?:^|[./])(\d\d)_\w+\.ipynb", str(case.get("classname")))
        if notebook:
            lesson = notebook.group(1)
            seconds[lesson] = seconds.get(lesson, 0) + float(case.get("time", 0))
            # A cell that was given up is skipped; none may be in a green lesson.
            if any(case.find(tag) is not None for tag in ("failure", "error", "skipped")):
                failed.add(lesson)
    return {one: "FAILED" if one in failed else f"{took:.1f}" for one, took in seconds.items()}


def table(rows: dict[str, Row]) -> list[str]:
    """The lines of the table; every lesson that any run knows has a column."""
    lessons = sorted({lesson for row in rows.values() for lesson in row})
    width = max(map(len, rows))
    lines = [" ".join(["seconds".ljust(width), *(one.rjust(6) for one in lessons)])]
    for name, found in rows.items():
        cells = (found.get(one, "-").rjust(6) for one in lessons)
        lines.append(" ".join([name.ljust(width), *cells]))
    return lines


def main(folder: str) -> int:
    """Print the table; 1 when a lesson failed or there is nothing to print."""
    rows = {path.stem: row(path) for path in sorted(Path(folder).glob("*.xml"))}
    if not any(rows.values()):
        print("No lesson was run on any server.")
        return 1
    print(*table({name: found for name, found in rows.items() if found}), sep="\n")
    return int(any("FAILED" in found.values() for found in rows.values()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
