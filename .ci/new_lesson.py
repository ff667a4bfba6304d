"""Write the files of a new lesson, to be filled in wherever they say TODO.

    nox -s new_lesson -- "Partitions"

The next number is taken. The lesson's slug, which it keeps, is made from the title; `--slug` names
another one. The files pass ruff and mypy, and pytest collects them. Until the
lesson is complete, the tests of the exercises fail and say what is missing.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
OPENING = """# {number} · {title}

**TODO: which question does this lesson answer?**

TODO: about a hundred words on the question.

By the end, you can

- TODO.

This lesson takes TODO minutes."""
EXERCISES = """## Exercises

Each exercise has a cell for your answer, with a TODO, and a cell that checks it."""
PROMPT = """### Exercise {number}.1 · TODO

TODO: one task. Stuck? Run `hint("{number}.1")` in a new cell."""
ANSWER = """def answer():
    ### BEGIN SOLUTION
    return 42
    ### END SOLUTION"""
# Each cell of the notebook: its id, and its text. CODE says which are code.
CELLS = (
    ("title", OPENING),
    ("imports", "from coursekit import start"),
    ("begin", "Begin the lesson:"),
    ("start", '%xmode Minimal\nlesson = start("{number}")\nlesson'),
    ("exercises-{slug}", EXERCISES),
    ("exercises-{slug}-tools", "from coursekit import check, hint, solution"),
    ("exercise-{slug}-todo", PROMPT),
    ("answer-{slug}-todo", ANSWER),
    ("check-{slug}-todo", 'check("{number}.1")'),
    ("summary", "## What we know now\n\n- TODO."),
    ("navigation", "TODO: refresh writes the links."),
)
# With it, a cell's id has at most 64 characters; `_new` names a copy beside a learner's own.
SLUG = re.compile(r"(?!.*-new\d*$)(?=.{1,48}$)[a-z][a-z0-9]*(-[a-z0-9]+)*")
CODE = re.compile(r"imports|start|.*-tools|answer-.*|check-.*")
CONTENT = '''"""The exercises of the lesson: {title}."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.lessons.{package}.checks import answers

EXERCISES = (
    Exercise(
        "{slug}-todo",  # TODO: its slug, here and in the cells' ids; it never changes
        "TODO",
        answers,
        names=("answer",),
        hints=(
            "TODO: a question.",
            "TODO: where to look.",
            "TODO: nearly the answer.",
        ),
        why="TODO: what the solution shows.",
    ),
)
'''
CHECKS = '''"""The checks of this lesson."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from coursekit.exercises.items import CheckItem, expect_equal
from coursekit.exercises.submission import Submission


def _call(names: dict[str, Any]) -> Any:
    return names["answer"]()


def answers(submission: Submission) -> Iterator[CheckItem]:
    """Check that the function returns the answer."""
    where = "TODO: where to look if it doesn't."
    yield expect_equal("answer() returns 42", submission.call(_call), 42, where)
'''
ANSWERS = '''"""Right and wrong answers to the exercises of a lesson."""

from __future__ import annotations

from support.samples import right, wrong

RIGHT = {{
    "{slug}-todo": right(
        "def answer():\\n",
        """
--- TODO: another way
return int("42")
""",
    ),
}}
WRONG = {{
    "{slug}-todo": wrong(
        "def answer():\\n",
        """
--- TODO: a mistake that people make -> words that the check must say
return "42"
""",
    ),
}}
'''


def notebook(known: dict[str, str]) -> dict[str, Any]:
    """Return the notebook: the cells that every lesson has, and one exercise."""
    cells = []
    for name, text in CELLS:
        cell: dict[str, Any] = {"id": name.format(**known), "metadata": {}}
        cell |= {"source": text.format(**known).splitlines(keepends=True)}
        if CODE.fullmatch(name):
            cell |= {"cell_type": "code", "execution_count": None, "outputs": []}
        else:
            cell |= {"cell_type": "markdown"}
        cells.append(cell)
    return {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def files(number: str, title: str, slug: str) -> dict[str, str]:
    """Return the path and the text of every file of a lesson."""
    name = slug.replace("-", "_")
    lesson = f"coursekit/lessons/{name}"
    known = {"number": number, "title": title, "slug": slug, "package": name}
    text = json.dumps(notebook(known), ensure_ascii=False, indent=1, sort_keys=True)
    return {
        f"notebooks/{number}_{name}.ipynb": text + "\n",
        f"{lesson}/__init__.py": CONTENT.format(**known),
        f"{lesson}/checks.py": CHECKS.format(**known),
        f"tests/answers/{name}.py": ANSWERS.format(**known),
    }


def main() -> None:
    """Write the files of the next lesson, and print their paths."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("title", help="the lesson's title")
    parser.add_argument("--root", type=Path, default=ROOT, help="a clone of the course")
    parser.add_argument("--slug", default="", help="the lesson's slug")
    options = parser.parse_args()
    slug = options.slug or re.sub(r"[^a-z0-9]+", "-", options.title.lower()).strip("-")
    taken = {path.stem[3:]: path.name[:2] for path in options.root.glob("notebooks/[0-9][0-9]_*")}
    if not SLUG.fullmatch(slug) or slug.replace("-", "_") in taken:
        parser.error(f"{slug} can't be the slug of a new lesson. Use --slug to name another one.")
    number = f"{int(max(taken.values())) + 1:02}"
    for name, text in files(number, options.title, slug).items():
        path = options.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(name)
    print(f"Fill in every TODO, then run: python3 start.py refresh {number}")


if __name__ == "__main__":
    main()
