"""`tutorial refresh`: run the notebooks and store their outputs."""

from __future__ import annotations

from coursekit.cli.console import Numbers, out


def refresh(numbers: Numbers = None) -> None:
    """Run the notebooks, and store their outputs.

    Also updates the starting states and docs/reference.md.

    Example: python3 start.py refresh 01
    """
    from coursekit.course.catalog import lesson_path, lessons
    from coursekit.instructor import rules_page, source_edition
    from coursekit.instructor.isolated_run import isolated_run

    with isolated_run():
        for path in map(lesson_path, numbers or lessons()):
            number = path.name[:2]
            out.print(f"{number}: running ...")
            changed = source_edition.refresh(number)
            out.print(f"{number}: {'written' if changed else 'nothing has changed'}")
    if rules_page.write():
        out.print("docs/reference.md: written")
