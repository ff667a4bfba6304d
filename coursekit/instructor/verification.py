"""Run notebooks with pytest in another process, and follow the run."""

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

from coursekit.course.catalog import lesson_path, slug_of
from coursekit.course.course_map import course_map
from coursekit.course.notebooks import load
from coursekit.course.requirements import unmet
from coursekit.errors import LessonError, NotebookError, ServerError
from coursekit.instructor.starting_states import next_start
from coursekit.servers import external
from coursekit.settings import ROOT, read_settings

POLL_INTERVAL = 0.1  # seconds between two reads of the events
EVENTS, EXECUTED = "TUTORIAL_EVENTS", "TUTORIAL_EXECUTED"


@dataclass
class LessonRun:
    """The run of one notebook.

    Attributes:
        file: The notebook's file name.
        title: The lesson's number and title.
        tests: The number of tests: its cells, the gates, and continuity with the next lesson.
        done: The number of tests that have ended.
        ran: The number of those that weren't skipped.
        seconds: The time its tests took together.
        finding: Why it fails, a RunFinding as a dict; empty if it doesn't.

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
        """The lesson's number, `01`."""
        return self.file[:2]

    @property
    def ended(self) -> bool:
        """Whether all its tests have ended."""
        return self.done >= self.tests

    def count(self, event: Mapping[str, object]) -> None:
        """Count a test that has ended, and keep the lesson's first finding."""
        self.done += event["when"] != "teardown"  # its test was counted already
        self.ran += event["outcome"] != "skipped"
        self.seconds += float(str(event["seconds"]))
        finding = event.get("finding")
        if isinstance(finding, dict) and not self.finding:
            self.finding = finding


@dataclass(frozen=True)
class Options:
    """How to run notebooks.

    Attributes:
        python: The interpreter of an environment in which the kit is installed.
        jobs: The number of notebooks that run at the same time.
        server: The URL of an external server; "" to start one for this run.
        junit: The file to write as JUnit XML, if any.

    """

    python: str = sys.executable
    jobs: int = 1
    server: str = ""
    junit: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that name the external server, if any."""
        external = {"DATABASE_URL": self.server, "TUTORIAL_POSTGRES": "external"}
        return external if self.server else {}


def unsupported(keys: list[str], options: Options) -> dict[str, LessonError]:
    """Return the lessons, by slug, that an external server can't run, each with the reason."""
    settings = read_settings({**os.environ, **options.environment})
    if settings.postgres != "external":
        return {}
    try:
        server = external.find(settings)
    except ServerError:  # the run reports it, with all the details
        return {}
    found = {key: unmet(key, server) for key in keys}
    return {key: error for key, error in found.items() if error}


@dataclass
class Run:
    """A run of some lessons; `follow()` drives it.

    Attributes:
        numbers: The lessons to run.
        options: How to run them.
        executed: The folder for the executed copies of those that fail.
        lessons: What has happened so far, by the notebook's file name.

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
        """The lessons that failed, in order."""
        return [lesson for lesson in self.lessons.values() if lesson.finding]

    def follow(self) -> Iterator[LessonRun]:
        """Run the lessons; yield a lesson whenever one of its tests has ended.

        Raises:
            NotebookError: pytest didn't run all the tests.

        """
        with tempfile.TemporaryDirectory() as folder:
            events, log = Path(folder) / "events", Path(folder) / "log"
            events.touch()
            with (
                log.open("w") as file,
                _terminated_on_error(self._start(events, file.fileno())) as process,
            ):
                for event in _events(events, process):
                    lesson = self.lessons[str(event["notebook"])]
                    lesson.count(event)
                    yield lesson
            self._raise_unless_complete(process.returncode, log)

    def _start(self, events: Path, log: int) -> subprocess.Popen[bytes]:
        options = self.options
        command = [options.python, "-m", "pytest", "-q", "-p", "coursekit.instructor.report"]
        command += ["-n", str(options.jobs), "--dist", "loadfile"] if options.jobs > 1 else []
        command += [f"--junit-xml={options.junit.resolve()}"] if options.junit else []
        command += ["--rootdir", str(ROOT), *map(str, map(lesson_path, self.numbers))]
        files = {EVENTS: str(events), EXECUTED: str(self.executed)}
        environ = {**os.environ, **files, **options.environment}
        try:
            return subprocess.Popen(
                command, cwd=ROOT, env=environ, stdout=log, stderr=subprocess.STDOUT
            )
        except FileNotFoundError:
            raise NotebookError(
                f"There is no Python at {options.python}.",
                "--python names the interpreter of an environment in which the kit is installed.",
                "Pass its path, for example --python .venv/bin/python.",
            ) from None

    def _raise_unless_complete(self, code: int, log: Path) -> None:
        complete = all(lesson.ended for lesson in self.lessons.values())
        if complete and code == (1 if self.failed else 0):
            return
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise NotebookError(
            f"The run ended early with exit code {code}.",
            "pytest says:\n  " + "\n  ".join(lines[-15:]),
            "Run: python3 start.py doctor",
        )


def _tests(path: Path) -> int:
    """Return the number of tests of a notebook."""
    cells = load(path)["cells"]
    code = len([cell for cell in cells if cell["cell_type"] == "code"])
    return code + 1 + bool(next_start(slug_of(path)))


def _events(path: Path, process: subprocess.Popen[bytes]) -> Iterator[dict[str, object]]:
    """Yield the events as they're written, until the process has ended and all are read."""
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
def _terminated_on_error(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Terminate the process if following it is interrupted, and wait for its end."""
    try:
        yield process
    except BaseException:
        process.terminate()
        raise
    finally:
        process.wait()
