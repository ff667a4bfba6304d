"""Check that every link to another site, in lessons and documents, leads somewhere."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\((https?://[^)\s]+)\)")
ATTEMPTS, TIMEOUT = 3, 30  # seconds
HEADERS = {"User-Agent": "Mozilla/5.0 (link check)"}
ELSEWHERE = (401, 403, 429)  # the site is there, but refuses programs


def links() -> dict[str, list[str]]:
    """Return every link, with the names of the files that contain it."""
    found: dict[str, list[str]] = {}
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *notebooks()]):
        for link in sorted(set(LINK.findall(_markdown(path)))):
            found.setdefault(link, []).append(path.name)
    return found


def notebooks() -> Iterable[Path]:
    """Return the lessons."""
    return ROOT.glob("notebooks/*.ipynb")


def _markdown(path: Path) -> str:
    text = path.read_text("utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def problem(link: str) -> str:
    """Return what is wrong with a link; "" if it leads somewhere."""
    found = ""
    for _ in range(ATTEMPTS):
        try:
            response = requests.get(link, headers=HEADERS, timeout=TIMEOUT)
        except requests.RequestException as error:
            found = type(error).__name__
            continue
        if response.ok or response.status_code in ELSEWHERE:
            return _fragment(link, response.text) if response.ok else ""
        found = f"HTTP {response.status_code}"
        if response.status_code < 500:
            break
    return found


def _fragment(link: str, page: str) -> str:
    """Return what is wrong with the part of a link behind its #."""
    name = link.partition("#")[2]
    there = not name or re.search(rf"""(?:id|name)=["']?{re.escape(name)}["'\s>]""", page)
    return "" if there else f"the page has no #{name}"


def main() -> int:
    """Print the links that lead nowhere, and return the exit code."""
    found = links()
    with ThreadPoolExecutor(8) as pool:
        bad = [
            (link, what) for link, what in zip(found, pool.map(problem, found), strict=True) if what
        ]
    for link, what in bad:
        print(f"{link}: {what} ({', '.join(found[link])})")
    print(f"{len(found)} links, {len(bad)} of them lead nowhere.")
    return 1 if bad or not found else 0


if __name__ == "__main__":
    sys.exit(main())
