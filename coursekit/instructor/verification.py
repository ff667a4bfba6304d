"""Run notebooks under pytest, and follow the run as it goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from coursekit.course.catalog import lesson_path
from coursekit.course.course_map import course_map
from coursekit.course.notebooks import load
from coursekit.course.requirements import unmet
from coursekit.errors import LessonError, NotebookError, ServerError
from coursekit.instructor.starting_states import next_start
from coursekit.servers import external
from coursekit.settings import ROOT, read_settings

POLL_INTERVAL = 0.1  # seconds between two looks at the events
EVENTS, EXECUTED = "TUTORIAL_EVENTS", "TUTORIAL_EXECUTED"


@dataclass
class LessonRun:
    """How the run of a notebook stands.

    tests    how many there are: its cells, the gates, and its lead to the next lesson
    done     how many have ended; `ran` of them were run, the others given up
    seconds  that its tests took
    finding  why it fails; empty when it does not
    """

    file: str
    title: str
    tests: int
    done: int = 0
    ran: int = 0
    seconds: float = 0
    finding: dict[str, str] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """As 01."""
        return self.file[:2]

    @property
    def ended(self) -> bool:
        """Whether all its tests have ended."""
        return self.done >= self.tests

    def take(self, event: Mapping[str, object]) -> None:
        """Count a test that has ended."""
        self.done += event["when"] != "teardown"  # of a test that was counted
        self.ran += event["outcome"] != "skipped"
        self.seconds += float(str(event["seconds"]))
        finding = event.get("finding")
        if isinstance(finding, dict) and not self.finding:
            self.finding = finding


@dataclass(frozen=True)
class Options:
    """How to run.

    python  the interpreter of an environment in which the kit is installed
    jobs    how many notebooks run at the same time
    server  the address of a server of one's own; empty for the run's own
    junit   where to write JUnit's XML; None for nowhere
    """

    python: str = sys.executable
    jobs: int = 1
    server: str = ""
    junit: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What names the server."""
        own = {"DATABASE_URL": self.server, "TUTORIAL_POSTGRES": "external"}
        return own if self.server else {}


def left_out(numbers: list[str], options: Options) -> dict[str, LessonError]:
    """The lessons that a server of one's own is not fit for, and why."""
    settings = read_settings({**os.environ, **options.environment})
    if settings.postgres != "external":
        return {}
    try:
        server = external.find(settings)
    except ServerError:  # the run itself says so, with all that is known
        return {}
    found = {number: unmet(number, server) for number in numbers}
    return {number: error for number, error in found.items() if error}


@dataclass
class Run:
    """One run over some lessons; `follow()` drives it.

    executed  the folder of the executed copies of what fails
    """

    numbers: list[str]
    options: Options
    executed: Path
    lessons: dict[str, LessonRun] = field(default_factory=dict)

    def __post_init__(self) -> None:
        titles = {entry.number: entry.title for entry in course_map().entries}
        for path in map(lesson_path, self.numbers):
            number = path.name[:2]
            title = f"{number} · {titles[number]}"
            self.lessons[path.name] = LessonRun(path.name, title, _tests(path))

    @property
    def failed(self) -> list[LessonRun]:
        """The lessons that fail, in order."""
        return [lesson for lesson in self.lessons.values() if lesson.finding]

    def follow(self) -> Iterator[LessonRun]:
        """Run; give each lesson whenever one of its tests has ended.

        Raises NotebookError when pytest itself could not do its work.
        """
        with tempfile.TemporaryDirectory() as folder:
            events, log = Path(folder) / "events", Path(folder) / "log"
            events.touch()
            with log.open("w") as file, _ended(self._start(events, file.fileno())) as process:
                for event in _events(events, process):
                    lesson = self.lessons[str(event["notebook"])]
                    lesson.take(event)
                    yield lesson
            self._refuse_a_part(process.returncode, log)

    def _start(self, events: Path, log: int) -> subprocess.Popen[bytes]:
        options = self.options
        command = [options.python, "-m", "pytest", "-q", "-p", "coursekit.instructor.report"]
        command += ["-n", str(options.jobs), "--dist", "loadfile"] if options.jobs > 1 else []
        command += [f"--junit-xml={options.junit.resolve()}"] if options.junit else []
        command += ["--rootdir", str(ROOT), *map(str, map(lesson_path, self.numbers))]
        told = {EVENTS: str(events), EXECUTED: str(self.executed)}
        environ = {**os.environ, **told, **options.environment}
        try:
            return subprocess.Popen(
                command, cwd=ROOT, env=environ, stdout=log, stderr=subprocess.STDOUT
            )
        except FileNotFoundError:
            raise NotebookError(
                f"There is no Python at {options.python}.",
                "It should be the one of an environment with the kit in it.",
                "Give its path, for instance --python .venv/bin/python.",
            ) from None

    def _refuse_a_part(self, code: int, log: Path) -> None:
        whole = all(lesson.ended for lesson in self.lessons.values())
        if whole and code == (1 if self.failed else 0):
            return
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise NotebookError(
            f"The run ended early, with exit code {code}.",
            "pytest says:\n  " + "\n  ".join(said[-15:]),
            "Run: python3 start.py doctor",
        )


def _tests(path: Path) -> int:
    """How many tests a notebook makes."""
    cells = load(path)["cells"]
    code = len([cell for cell in cells if cell["cell_type"] == "code"])
    return code + 1 + bool(next_start(path.name[:2]))


def _events(path: Path, process: subprocess.Popen[bytes]) -> Iterator[dict[str, object]]:
    """The events as they are written, until the process has ended and all are read."""
    with path.open(encoding="utf-8") as file:
        part = ""
        while True:
            ended = process.poll() is not None
            part += file.read()
            *lines, part = part.split("\n")
            yield from map(json.loads, lines)
            if ended:
                return
            time.sleep(POLL_INTERVAL)


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Leave no run behind, whatever happens to the one who follows it."""
    try:
        yield process
    except BaseException:
        process.terminate()
        raise
    finally:
        process.wait()
