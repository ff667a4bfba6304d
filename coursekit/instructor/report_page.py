"""The HTML report of a run: one page, and the executed copy of each notebook that failed."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path

from coursekit.instructor.verification import LessonRun
from tutorial_lib.display import table

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1b1b1b; background: #fff }
table { border-collapse: collapse } td, th { padding: .25rem .9rem .25rem 0; text-align: left }
pre { background: #f4f4f4; color: #1b1b1b; padding: .6rem; overflow-x: auto; white-space: pre-wrap }
.bad { color: #a40000; font-weight: 600 } h2 { margin-top: 2.5rem }
@media (prefers-color-scheme: dark) { body { background: #1b1b1b; color: #eee }
  .bad { color: #ff9c9c } a { color: #9cc7ff } }
"""
PARTS = {
    "source": "The cell",
    "expected": "Expected",
    "got": "Got",
    "cause": "Probable cause",
    "fix": "How to fix it",
}


def write_page(lessons: Iterable[LessonRun], folder: Path, about: str) -> Path:
    """Write index.html into a folder, next to the executed copies; return its path.

    Args:
        lessons: The lessons of a run.
        folder: The folder with the executed copies of those that failed.
        about: One line that says what was run, and where.

    """
    lessons = list(lessons)
    for lesson in lessons:
        if lesson.finding:
            _render(folder / lesson.file)
    failed = sum(bool(lesson.finding) for lesson in lessons)
    title = f"{failed} of {len(lessons)} lessons fail" if failed else "All lessons pass"
    results = table(map(_row, lessons), ("Lesson", "Result", "Tests", "Seconds"))
    details = "".join(_section(lesson) for lesson in lessons if lesson.finding)
    page = folder / "index.html"
    page.write_text(
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style><h1>{title}</h1><p>{html.escape(about)}</p>"
        f"{results}{details}</html>\n",
        encoding="utf-8",
    )
    return page


def _row(lesson: LessonRun) -> tuple[str, ...]:
    """Return the cells of a lesson's row, as HTML."""
    result = "ok"
    if lesson.finding:
        where = html.escape(f"{lesson.finding['kind']}, {lesson.finding['where']}")
        result = f'<a class="bad" href="#{lesson.number}">{where}</a>'
    counts = f"{lesson.ran} of {lesson.tests}", f"{lesson.seconds:.1f}"
    return html.escape(lesson.title), result, *counts


def _section(lesson: LessonRun) -> str:
    """Return everything known about why a lesson fails, as HTML."""
    finding = lesson.finding
    parts = "".join(
        f"<h3>{name}</h3><pre>{html.escape(finding[part])}</pre>"
        for part, name in PARTS.items()
        if finding[part]
    )
    title = html.escape(f"{lesson.title}, {finding['where']}")
    copies = (Path(lesson.file).with_suffix(".html").name, lesson.file)
    links = ", ".join(f'<a href="{name}">{name}</a>' for name in copies)
    return (
        f'<h2 id="{lesson.number}">{title}</h2>'
        f"<p>{html.escape(finding['problem'])}</p>{parts}"
        f"<p>As it was run: {links}</p>"
    )


def _render(notebook: Path) -> None:
    """Render an executed copy as HTML, next to it."""
    import nbformat
    from nbconvert import HTMLExporter

    content = nbformat.read(notebook, as_version=4)
    text, _ = HTMLExporter().from_notebook_node(content)
    notebook.with_suffix(".html").write_text(text, encoding="utf-8")
