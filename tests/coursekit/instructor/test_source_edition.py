"""The source edition of a notebook, as `refresh` writes it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coursekit import limits
from coursekit.course import catalog
from coursekit.course.notebooks import dump, load
from coursekit.errors import NotebookError
from coursekit.instructor import gates, source_edition
from coursekit.instructor.source_edition import canonical, refresh, sanitize

REAL = sorted(catalog.NOTEBOOKS.glob("*.ipynb"))
FIX = "Nothing was written. Fix the cell, then run: python3 start.py refresh 01"
CHART = "{'text/plain': 'a chart', 'image/png': 'iVBORw0K' + secrets.token_hex(4)}"

# What may appear in an output, and what is kept of it.
VARYING = {
    "port: 43210": "port: 54321",
    "at 127.0.0.1:43210/shop": "at 127.0.0.1:54321/shop",
    "latency 17.4 ms": "latency 0.2 ms",
    "PostgreSQL 17.2": "PostgreSQL 18.6",
    "PostgreSQL 15.18, external, at /run/postgresql:5432": "PostgreSQL 18.6, "
    "embedded, at 127.0.0.1:54321",
    "DATABASE_* names it.": "No DATABASE_* is set, so the kit runs its own.",
    "TUTORIAL_POSTGRES=container asks for it.": "No DATABASE_* is set, so the kit runs its own.",
    "origin       container\nhost   db.example": "origin       embedded\nhost   127.0.0.1",
    '<th scope="row">host</th><td style="">::1</td>': '<th scope="row">host</th>'
    '<td style="">127.0.0.1</td>',
    "username  anna\nthe user of it": "username  learner\nthe user of it",
    "postgresql+psycopg2://anna:***@db.example:5432/shop)": "postgresql+psycopg2://"
    "learner:***@127.0.0.1:54321/shop)",
    "postgresql+psycopg2://anna:***@:5432/shop?host=%2Frun": "postgresql+psycopg2://"
    "learner:***@127.0.0.1:54321/shop",
    'connection to server at "localhost" (::1), port 5432 failed': "connection to "
    'server at "127.0.0.1", port 54321 failed',
    'password authentication failed for user "anna"': "password authentication failed for "
    'user "learner"',
}


def printed(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def shown(text: str) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": {"text/plain": text}}


def code(source: str, *outputs: Any, ident: str = "a1", **parts: Any) -> dict[str, Any]:
    """A code cell that was last run long ago, as number 7."""
    cell = {"cell_type": "code", "id": ident, "metadata": {}, "source": source}
    return {**cell, "execution_count": 7, "outputs": list(outputs), **parts}


def notebook(*cells: Any, **changes: Any) -> dict[str, Any]:
    """A lesson with these cells below its title."""
    title = {"cell_type": "markdown", "metadata": {}, "source": "# 01 · Small\n\n**How small?**"}
    numbered = [{**cell, "id": f"cell-{number}"} for number, cell in enumerate((title, *cells))]
    return {"cells": numbered, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **changes}


def codes(notebook: dict[str, Any]) -> list[Any]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def stored_outputs(path: Path) -> list[list[Any]]:
    return [cell["outputs"] for cell in codes(load(path))]


def keep_the_workspace(patch: pytest.MonkeyPatch) -> None:
    """Undo at the end what refresh sets for the rest of this run."""
    patch.setenv("TUTORIAL_WORKSPACE", os.environ["TUTORIAL_WORKSPACE"])


@pytest.fixture
def lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the only lesson of a course, which isn't written yet."""
    monkeypatch.setattr(catalog, "NOTEBOOKS", tmp_path)
    keep_the_workspace(monkeypatch)
    return tmp_path / "01_small.ipynb"


# The canonical form


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_the_lessons_are_kept_in_canonical_form(path: Path) -> None:
    assert dump(canonical(load(path))) == path.read_text("utf-8")


def test_the_canonical_form_is_its_own_canonical_form() -> None:
    cells = code("f()", *map(printed, VARYING), shown("3")), code("g()", printed("PostgreSQL 17.2"))
    once = dump(canonical(notebook(*cells)))
    assert dump(canonical(json.loads(once))) == once


def test_cells_count_from_1_in_the_canonical_form() -> None:
    result = {"output_type": "execute_result", "execution_count": 7, "metadata": {}, "data": {}}
    kept = canonical(
        notebook(code("1"), {"cell_type": "markdown", "metadata": {}}, code("2", result))
    )
    assert [cell["execution_count"] for cell in codes(kept)] == [1, 2]
    assert codes(kept)[1]["outputs"][0]["execution_count"] == 2


def test_what_is_of_one_run_or_one_machine_is_left_out() -> None:
    varying = dict.fromkeys(("execution", "ExecuteTime", "collapsed", "scrolled"), True)
    cell = code("1", metadata={**varying, "tags": ["raises-exception"]})
    kept = canonical(notebook(cell, metadata={"language_info": {"version": "3.11.7"}}))
    assert codes(kept)[0]["metadata"] == {"tags": ["raises-exception"]}
    assert kept["metadata"] == source_edition.METADATA


def test_pieces_of_one_stream_are_one_output() -> None:
    cell = code("f()", printed("us"), printed("ers\nor"), printed("ders\n"))
    assert codes(canonical(notebook(cell)))[0]["outputs"] == [
        {"output_type": "stream", "name": "stdout", "text": ["users\n", "orders\n"]}
    ]


def test_what_was_shown_between_two_prints_stays_there() -> None:
    cell = code("f()", printed("before\n"), shown("3"), printed("after\n"))
    outputs = codes(canonical(notebook(cell)))[0]["outputs"]
    assert [output.get("text", "3") for output in outputs] == [["before\n"], "3", ["after\n"]]


def test_stdout_and_stderr_are_not_mixed() -> None:
    cell = code("f()", printed("one\n"), printed("odd\n", name="stderr"))
    outputs = codes(canonical(notebook(cell)))[0]["outputs"]
    assert [(output["name"], output["text"]) for output in outputs] == [
        ("stdout", ["one\n"]),
        ("stderr", ["odd\n"]),
    ]


@pytest.mark.parametrize(("text", "kept"), VARYING.items())
def test_masks_what_varies_in_a_text(text: str, kept: str) -> None:
    assert sanitize(text) == kept
    assert sanitize(kept) == kept


def test_masks_lists_and_dictionaries_and_leaves_numbers() -> None:
    value = {"rows": [["PostgreSQL 17.2", 43210]], "at": {"address": "127.0.0.1:43210"}}
    kept = {"rows": [["PostgreSQL 18.6", 43210]], "at": {"address": "127.0.0.1:54321"}}
    assert sanitize(value) == kept


# Refresh


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A lesson that was refreshed once."""
    path = tmp_path_factory.mktemp("notebooks") / "01_small.ipynb"
    lines = "print(text, end='', flush=True)", "time.sleep(0.3)", "print(' in two pieces')"
    html = "display({'text/plain': text, 'text/html': f'<b>{text}</b>'}, raw=True)"
    cells = (
        code("import time\ntext = 'PostgreSQL 17.2'"),
        code("\n".join(lines)),
        code(f"{html}\ntext"),
        code("raise OSError(text)", metadata={"tags": ["raises-exception"]}),
        code(f"import secrets\ndisplay({CHART}, raw=True)"),
    )
    path.write_text(dump(notebook(*cells)), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "NOTEBOOKS", path.parent)
        keep_the_workspace(patch)
        assert refresh("01") is True
        yield path


def test_refresh_writes_what_the_cells_put_out(refreshed: Path) -> None:
    silent, text, tables, error, chart = stored_outputs(refreshed)
    assert silent == []
    assert [output["text"] for output in text] == [["PostgreSQL 18.6 in two pieces\n"]]
    assert [output["output_type"] for output in tables] == ["display_data", "execute_result"]
    assert (error[0]["ename"], error[0]["evalue"]) == ("OSError", "PostgreSQL 18.6")
    assert sorted(chart[0]["data"]) == ["image/png", "text/plain"]


def test_refresh_masks_texts_tables_and_errors(refreshed: Path) -> None:
    outputs = json.dumps(stored_outputs(refreshed))
    assert "17.2" not in outputs
    assert outputs.count("PostgreSQL 18.6") == 6  # print, text, html, result, evalue, traceback
    assert "<b>PostgreSQL 18.6</b>" in outputs


def test_refresh_numbers_the_cells(refreshed: Path) -> None:
    assert [cell["execution_count"] for cell in codes(load(refreshed))] == [1, 2, 3, 4, 5]
    assert stored_outputs(refreshed)[2][1]["execution_count"] == 3


def test_a_second_refresh_changes_no_byte(refreshed: Path) -> None:
    """Not even in the picture, which differs on each run."""
    first = refreshed.read_bytes()
    assert refresh("01") is False
    assert refreshed.read_bytes() == first


def test_refresh_fixes_what_the_gates_say_it_does(lesson: Path) -> None:
    cell = code("print(2)", execution_count=None)
    old = {"nbformat_minor": 4, "metadata": {"kernelspec": {"name": "gone", "display_name": ""}}}
    broken = notebook(cell, **old)
    for each in broken["cells"]:
        del each["id"]
    lesson.write_text(dump(broken), encoding="utf-8")
    assert gates.check(lesson) != []
    assert refresh("01") is True
    assert gates.check(lesson) == []


FAILING = {
    "1 / 0": "ZeroDivisionError: division by zero.",
    "%notmagic": "UsageError: Line magic function `%notmagic` not found.",
    "import os\nos._exit(1)": "Kernel died.",
    "import time\ntime.sleep(60)": "A cell timed out while it was being executed, after 2 seconds.",
}


@pytest.mark.parametrize(("source", "said"), FAILING.items())
def test_refresh_writes_nothing_when_a_cell_fails(
    source: str, said: str, lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CELL_TIMEOUT", 2)
    before = dump(notebook(code("x = 2", printed("old\n")), code(source), code("x")))
    lesson.write_text(before, encoding="utf-8")
    with pytest.raises(NotebookError) as refused:
        refresh("01")
    assert str(refused.value) == f"01_small.ipynb fails in cell 2. The error was {said} {FIX}"
    assert lesson.read_text("utf-8") == before


def test_refresh_refuses_a_file_that_is_no_notebook(lesson: Path) -> None:
    lesson.write_text("<<<<<<< HEAD", encoding="utf-8")
    with pytest.raises(NotebookError, match=r"^01_small\.ipynb is not a notebook\. "):
        refresh("01")
    assert lesson.read_text("utf-8") == "<<<<<<< HEAD"
