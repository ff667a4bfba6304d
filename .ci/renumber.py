"""Move a lesson to another number, and change the numbers in the texts that name lessons.

    nox -s renumber -- in-ci 11

The lessons between the old number and the new one move by one. What learners have is keyed by
slugs, so it stays theirs. Afterwards run `python3 start.py refresh`, and read `git diff`: a range
such as "lessons 09 to 14" isn't changed.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CALLS = "start|begin|check|hint|solution"
# The number of a lesson, where it can't be anything else.
NUMBER = re.compile(
    rf"""(?P<before>\b(?:{CALLS})\(["']|\b(?:[Ll]essons?|Exercise|lab)[ ])(?P<number>\d\d)\b"""
    r"|\b(?P<title>\d\d)(?=[ ]·[ ])|\b(?P<file>\d\d)(?=_[a-z0-9_]+\.ipynb)"
)


def moved(slugs: list[str], slug: str, number: int) -> dict[str, str]:
    """Return the new number of every lesson by its old one, once `slug` has moved to `number`."""
    order = [one for one in slugs if one != slug]
    order.insert(number, slug)
    return {f"{place:02}": f"{order.index(one):02}" for place, one in enumerate(slugs)}


def changed(text: str, numbers: dict[str, str]) -> str:
    """Return a text with the new numbers of the lessons it names."""

    def new(found: re.Match[str]) -> str:
        old = found["number"] or found["title"] or found["file"]
        return f"{found['before'] or ''}{numbers.get(old, old)}"

    return NUMBER.sub(new, text)


def renumber(root: Path, slug: str, number: int) -> list[str]:
    """Move a lesson; return the names of the files that were changed."""
    paths = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    numbers = moved([path.stem[3:].replace("_", "-") for path in paths], slug, number)
    written = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        path.unlink()
        target = path.with_name(changed(path.name, numbers))
        target.write_text(_notebook(text, numbers), encoding="utf-8")
        written += [target.name] if target.read_text(encoding="utf-8") != text else []
    for path in (root / "README.md", *sorted((root / "docs").glob("*.md"))):
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if changed(text, numbers) != text:
            path.write_text(changed(text, numbers), encoding="utf-8")
            written.append(path.name)
    return written


def _notebook(text: str, numbers: dict[str, str]) -> str:
    """Return a notebook's text with new numbers in the sources of its cells."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        cell["source"] = [changed(line, numbers) for line in cell["source"]]
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    """Move a lesson, and print what was changed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("slug", help="the lesson")
    parser.add_argument("number", type=int, help="its new number")
    parser.add_argument("--root", type=Path, default=ROOT, help="a clone of the course")
    options = parser.parse_args()
    known = {path.stem[3:].replace("_", "-") for path in options.root.glob("notebooks/*.ipynb")}
    if options.slug not in known or not 0 < options.number < len(known):
        parser.error(f"A lesson's slug and a number from 1 to {len(known) - 1} are needed.")
    print(*renumber(options.root, options.slug, options.number), sep="\n")
    print("Now run: python3 start.py refresh")


if __name__ == "__main__":
    main()
