"""Other runners as a cross-check: what each makes of the course, and of broken notebooks.

    python tests/coursekit/instructor/test_runners.py        write docs/runners.md

Each of them runs the whole course, so these tests run only once a week. For a change,
test_whole_course.py runs one lesson with each.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import pytest
from test_fail_closed import AT_ONCE, FIRST, HANGING, TAIL, Cell, code, printed, save

from coursekit.course.catalog import lessons
from coursekit.course.notebooks import load
from coursekit.instructor.isolated_run import isolated_run
from coursekit.settings import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.weekly]
DOCUMENT = ROOT / "docs" / "runners.md"
PATIENCE, LIMIT = 120, 4  # seconds for a cell of the course, and of notebooks that hang
PROGRAM = [sys.executable, "-W", "ignore", "-m"]
ALONE = [*PROGRAM, "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile"]
Red = set[str]

NEVER_RUN: Cell = {**code("y = x"), "execution_count": None}
# A description of what is broken, and the cells of such a notebook.
BROKEN: dict[str, Iterable[Cell]] = {
    "a stored output differs": AT_ONCE["differs"].cells,
    "a stored output is missing": AT_ONCE["surplus"].cells,
    "a cell raises an exception": AT_ONCE["middle"].cells,
    "the kernel dies": AT_ONCE["killed"].cells,
    "a cell hangs": HANGING["sleeps"].cells,
    "a cell fails without showing an error": AT_ONCE["handled"].cells,
    "a shell command fails": (FIRST, code("!exit 3"), TAIL),
    "a magic doesn't exist": AT_ONCE["magic"].cells,
    "a warning goes to stderr": AT_ONCE["warning"].cells,
    "a cell is marked to be skipped": AT_ONCE["skipped"].cells,
    "a cell was never run": (FIRST, NEVER_RUN, TAIL),
    "an error differs from the announced one": AT_ONCE["another_error"].cells,
    "an announced error doesn't occur": AT_ONCE["no_error"].cells,
}
GOOD: Iterable[Cell] = (FIRST, code("print(x)", printed("2\n")), TAIL)

HEAD = """\
# Other runners

The lessons are plain notebooks, so you can also run them with papermill, nbmake,
`jupyter execute` or nbconvert. These runners execute the cells and look for errors, but they don't
compare outputs. The table shows what each runner reports for the course, and for {count} small
notebooks that each contain one mistake. *Red* means that the run fails, *green* that it passes.

`python tests/coursekit/instructor/test_runners.py` writes this page, and a weekly test checks it.

"""
FOOT = """
papermill treats an announced error (in a cell tagged `raises-exception`) as a failure. It still
runs every cell of a lesson, and names the first one that raises an exception. nbmake looks for
failures in the outputs, so a cell that fails without showing an error passes.
"""


def together(paths: list[Path], out: Path, options: list[str]) -> Red:
    """Run notebooks in one pytest run; return those with a test that fails or isn't run."""
    report = out / "report.xml"
    environ = {key: text for key, text in os.environ.items() if not key.startswith("PYTEST_")}
    command = [*ALONE, f"--junit-xml={report}", *options, *map(str, paths)]
    log = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    cases = list(ElementTree.parse(report).iter("testcase"))
    reported = {path.stem: [one for one in cases if path.stem in _names(one)] for path in paths}
    assert all(reported.values()), log.stdout[-2000:]
    return {name for name, found in reported.items() if any(len(case) for case in found)}


def _names(case: ElementTree.Element) -> str:
    return f"{case.get('classname')} {case.get('name')}"


def strict(paths: list[Path], out: Path, limit: int) -> Red:
    """Run them as the course's own CI does."""
    options = ["-c", "pyproject.toml", f"--rootdir={paths[0].parent}"]
    return together(paths, out, [*options, f"--nbval-cell-timeout={limit}"])


def nbmake(paths: list[Path], out: Path, limit: int) -> Red:
    """Run nbmake, under a pytest without the kit's options."""
    (out / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    options = ["-c", str(out / "pytest.ini"), "--nbmake", f"--nbmake-timeout={limit}"]
    return together(paths, out, options)


def one_by_one(command: Callable[[Path, Path, int], list[str]]) -> Runner:
    """Run each notebook with a runner that takes one, and read its exit code."""

    def run(paths: list[Path], out: Path, limit: int) -> Red:
        def is_red(path: Path) -> bool:
            words = [*PROGRAM, *command(path, out, limit)]
            environ = {**os.environ, "TUTORIAL_WORKSPACE": str(out / path.stem)}
            done = subprocess.run(words, env=environ, capture_output=True, text=True)
            if done.returncode:
                print(path.name, done.stderr[-2000:])  # pytest shows it if the assertion fails
            return bool(done.returncode)

        with ThreadPoolExecutor(2) as pool:
            verdicts = list(pool.map(is_red, paths))
        return {path.stem for path, red in zip(paths, verdicts, strict=True) if red}

    return run


def papermill(path: Path, out: Path, limit: int) -> list[str]:
    words = ["papermill", str(path), str(out / path.name), "--cwd", str(out)]
    return [*words, "--execution-timeout", str(limit)]


def execute(path: Path, out: Path, limit: int) -> list[str]:
    return ["jupyter", "execute", f"--timeout={limit}", f"--output={out / path.stem}", str(path)]


def nbconvert(path: Path, out: Path, limit: int) -> list[str]:
    words = ["nbconvert", "--execute", "--to", "html", f"--output-dir={out}", str(path)]
    return [*words, f"--ExecutePreprocessor.timeout={limit}"]


Runner = Callable[[list[Path], Path, int], Red]
OURS = "verify, test"
RUNNERS: dict[str, Runner] = {
    OURS: strict,
    "papermill": one_by_one(papermill),
    "nbmake": nbmake,
    "jupyter execute": one_by_one(execute),
    "nbconvert --execute": one_by_one(nbconvert),
}


def with_announced_errors() -> Red:
    """Return the lessons in which something fails on purpose."""
    outputs = {
        path.stem: [o for cell in load(path)["cells"] for o in cell.get("outputs", ())]
        for path in lessons().values()
    }
    return {name for name, all_ in outputs.items() if any("ename" in one for one in all_)}


def verdicts(folder: Path) -> dict[str, dict[str, bool]]:
    """Run each runner on each broken notebook, and on a good one: runner, what, red."""
    source = folder / "broken"
    source.mkdir()
    named = {f"{number:02}": what for number, what in enumerate(BROKEN)}
    for number, what in named.items():
        save(source, number, BROKEN[what])
    save(source, "good", GOOD)
    paths = sorted(source.glob("*.ipynb"))
    found = {}
    for name, runner in RUNNERS.items():
        out = folder / name.replace(" ", "_")
        out.mkdir()
        red = runner(paths, out, LIMIT)
        assert "good" not in red, f"{name} refuses a good notebook"
        found[name] = {what: number in red for number, what in named.items()}
    return found


def document(found: dict[str, dict[str, bool]]) -> str:
    """Return the text of docs/runners.md."""
    cells = {what: [found[runner][what] for runner in RUNNERS] for what in BROKEN}
    course = ["red: announced errors" if name == "papermill" else "green" for name in RUNNERS]
    rows = [["notebook", *RUNNERS], ["---"] * (len(RUNNERS) + 1), ["the course", *course]]
    rows += [[what, *("red" if red else "green" for red in row)] for what, row in cells.items()]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return HEAD.format(count=len(BROKEN)) + table + FOOT


@pytest.mark.parametrize("name", [name for name in RUNNERS if name != OURS])
def test_gives_the_good_course_the_same_verdict_as_the_kit(name: str, tmp_path: Path) -> None:
    expected = with_announced_errors() if name == "papermill" else set()
    assert RUNNERS[name](list(lessons().values()), tmp_path, PATIENCE) == expected


def test_the_document_says_which_runner_notices_what(tmp_path: Path) -> None:
    found = verdicts(tmp_path)
    assert set(found[OURS].values()) == {True}
    assert document(found) == DOCUMENT.read_text("utf-8"), (
        "Run: python tests/coursekit/instructor/test_runners.py"
    )


if __name__ == "__main__":
    with isolated_run(), tempfile.TemporaryDirectory() as scratch:
        DOCUMENT.write_text(document(verdicts(Path(scratch))), encoding="utf-8")
