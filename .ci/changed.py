"""Which lessons a change touches: CI tests those, besides the samples."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASES = ("origin/main", "main")
AT_MOST = 3  # lessons; the weekly run takes the others
LESSON = re.compile(
    r"notebooks/(?:\d\d_|starts/)([^./]+)|coursekit/lessons/(\w+)/|tests/answers/(\w+)\.py"
)
ENGINE = ("coursekit/course/", "coursekit/exercises/")


def changed_files() -> list[str]:
    """Return the files that differ from the base branch; on that branch, from its last commit.

    In a clone with neither (a shallow one, the first commit), no file counts as changed.
    """
    head = _git("rev-parse", "HEAD")
    bases = [_git("merge-base", "HEAD", name) for name in BASES]
    base = next((one for one in bases if one and one != head), "HEAD~1")
    return _git("diff", "--name-only", base).splitlines()


def changed_lessons(files: list[str]) -> list[str]:
    """Return the lessons to test for these files: `["the-first-revision", "in-ci"]`.

    A change to what runs lessons and exercises touches all of them. Of more than three lessons,
    three are taken, spread evenly.
    """
    names = {next(filter(None, match.groups())) for match in map(LESSON.match, files) if match}
    notebooks = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    known = [path.stem[3:].replace("_", "-") for path in notebooks]
    found = {_lesson(name.replace("_", "-"), known) for name in names}
    if any(name.startswith(ENGINE) for name in files):
        found |= set(known)
    lessons = [slug for slug in known if slug in found]
    count = min(AT_MOST, len(lessons))
    return [lessons[number * len(lessons) // count] for number in range(count)]


def _lesson(name: str, known: list[str]) -> str:
    """Return the lesson a file belongs to: a lesson's answers may be in several files."""
    return max((slug for slug in known if f"{name}-".startswith(f"{slug}-")), key=len, default="")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    return "" if done.returncode else done.stdout.strip()


if __name__ == "__main__":
    print(*changed_lessons(changed_files()))
