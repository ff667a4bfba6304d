"""Measure a lesson's strict run: seconds and memory, or how many times it fails falsely.

    python benchmarks/lessons.py [09 10 ...]                  seconds and memory of each, alone
    python benchmarks/lessons.py --runs 50 --beside 4 [09 ...]    false alarms on a busy machine

Seconds are those of its cells and gates. Lesson 00 runs first, so that the server's start isn't
counted. Memory is the peak of all processes of the run: pytest, the fork server, kernels, Alembic
and PostgreSQL. Each page counts once; the server's files, which are in memory, don't count.
Runs that look for false alarms each have their own server, and run side by side to create load.
Every failure is printed, and makes the exit code 1. Linux only.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from coursekit.course.catalog import lessons
from coursekit.instructor.verification import LessonRun, Options, Run
from measure import ADOPT

PRODUCTION = [path.name[:2] for path in lessons().values() if path.name >= "09"]
POLL_INTERVAL = 0.25  # seconds between two readings of the memory
MEGABYTE = 1_000_000
AIMS = "Target: 15 s and 500 MB for each of the lessons 09 to 14."


def main() -> int:
    """Measure and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lessons", nargs="*", help="lessons; default: 09 to 14")
    parser.add_argument(
        "--runs", type=int, default=0, help="number of runs that look for false alarms"
    )
    parser.add_argument("--beside", type=int, default=4, help="number of runs at the same time")
    asked = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # it makes imports four times slower
    ctypes.CDLL(None).prctl(ADOPT, 1)  # so that a server whose parent has ended is still counted
    numbers = asked.lessons or PRODUCTION
    return false_alarms(numbers, asked.runs, asked.beside) if asked.runs else costs(numbers)


def costs(numbers: Sequence[str]) -> int:
    """Print a line for each lesson, run separately; return the number that failed."""
    failed = 0
    for number in numbers:
        _, lesson = verified(["00", number])
        with watched() as peak:  # reading the memory takes time, so not in the timed run
            _, again = verified(["00", number])
        failed += bool(lesson.finding or again.finding)
        told = f"{lesson.seconds:7.1f} s {max(peak) / MEGABYTE:7.0f} MB"
        print(f"{lesson.title:<32}{told}  {alarm(lesson)}", flush=True)
    print(f"\n{AIMS}")
    return failed


def false_alarms(numbers: Sequence[str], runs: int, beside: int) -> int:
    """Run the lessons repeatedly; return the number that failed."""
    failed, begun, busy = 0, time.monotonic(), []
    with ThreadPoolExecutor(beside) as threads:
        jobs = [threads.submit(verified, numbers) for _ in range(runs)]
        for count, job in enumerate(as_completed(jobs), start=1):
            told = [alarm(lesson) for lesson in job.result() if lesson.finding]
            failed += len(told)
            busy.append(os.getloadavg()[0])
            passed = f"{time.monotonic() - begun:6.0f} s, load {busy[-1]:4.1f}"
            print(f"run {count:3} of {runs}, {passed}: {'; '.join(told) or 'ok'}", flush=True)
    print(f"\n{runs} runs of {len(numbers)} lessons: {failed} false alarms.")
    print(f"Load: {min(busy):.1f} to {max(busy):.1f}, on {os.cpu_count()} processors.")
    return failed


def verified(numbers: Sequence[str]) -> list[LessonRun]:
    """Run lessons as `tutorial verify` does, and return them."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(list(numbers), Options(), Path(folder))
        for _ in run.follow():
            pass
        return list(run.lessons.values())


def alarm(lesson: LessonRun) -> str:
    """Return where and how a lesson failed, or `ok`."""
    found = lesson.finding
    if not found:
        return "ok"
    parts = (found[part] for part in ("problem", "expected", "got", "cause"))
    return f"{lesson.title}, {found['where']}: {' | '.join(filter(None, parts))}"


@contextmanager
def watched() -> Iterator[list[int]]:
    """Measure the peak memory of this process's descendants together, in bytes."""
    peak, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(POLL_INTERVAL):
            peak.append(max(peak.pop(), held()))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def held() -> int:
    """Return the memory of all descendants now, in bytes; a shared page counts once."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total


if __name__ == "__main__":
    sys.exit(min(main(), 1))
