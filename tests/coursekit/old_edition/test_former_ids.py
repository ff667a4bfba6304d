"""What was keyed by numbers is found by slugs: projects, databases, progress, cells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coursekit import begin
from coursekit.course.cell_names import grade_id, slug_in
from coursekit.course.former_ids import SLUGS, current_id, former_key
from coursekit.exercises.begin import lesson_spec
from coursekit.exercises.manifest import find
from coursekit.exercises.records import Record, note_check, records
from coursekit.exercises.transfer import import_file
from coursekit.servers.server import Server, admin


def test_a_former_id_has_one_slug_however_it_was_written() -> None:
    for written in ("06.2", "06-2", "06_2"):
        assert current_id(written) == "rename-keeps-values"
    assert current_id("06") == "the-first-revision"
    assert current_id("two-deployments") == "two-deployments"
    assert former_key("rename-keeps-values") == "06-2"
    assert former_key("added-later") == ""
    assert len(set(SLUGS.values())) == len(SLUGS)


@pytest.fixture
def old_exercise(workspace: Path, server: Server) -> Path:
    """The project and the database of exercise 01.2, as the edition with numbers named them."""
    lesson = begin("01.2")
    lesson.engine.dispose()
    (lesson.project / "mine.py").write_text("mine")
    old = lesson.project.rename(lesson.project.with_name("01-2"))
    suffix = (workspace / ".id").read_text()
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(
            f'ALTER DATABASE "{lesson.url.database}" RENAME TO tutorial_lesson_01_2_{suffix}'
        )
    return old


def test_an_exercise_goes_on_in_its_old_project_and_database(old_exercise: Path) -> None:
    lesson = begin("who-answered", resume=True)
    assert lesson.project == old_exercise
    assert str(lesson.url.database).startswith("tutorial_lesson_01_2_")


def test_beginning_again_keeps_the_old_project_and_replaces_the_database(
    old_exercise: Path, workspace: Path
) -> None:
    lesson = begin("01.2")
    assert lesson.project.name == "who-answered"
    assert str(lesson.url.database).startswith("tutorial_exercise_who_answered_")
    assert [path.read_text() for path in workspace.glob("kept/who-answered-*/mine.py")] == ["mine"]
    again = begin("01.2", resume=True)
    assert (again.project, again.url) == (lesson.project, lesson.url)


def test_an_old_kernel_and_a_new_one_may_write_the_same_progress(tmp_path: Path) -> None:
    note_check(tmp_path, "who-answered", done=False)
    file = tmp_path / "progress.json"
    saved = json.loads(file.read_text())
    saved["exercises"]["01.2"] = {"done": True, "checks": 1, "hints": 2, "solution": False}
    saved["exercises"]["99.9"] = {"checks": 4}
    file.write_text(json.dumps(saved))
    expected = {
        "who-answered": Record(done=True, checks=1, hints=2),
        "99.9": Record(checks=4),
    }
    assert records(tmp_path) == expected
    assert import_file(tmp_path / "another", file) == 2
    assert records(tmp_path / "another") == expected


@pytest.mark.parametrize(
    ("former", "name", "slug"),
    [
        ("check-06-2", "check-rename-keeps-values", "rename-keeps-values"),
        ("answer-04-1-b", "answer-hash-and-verify_b", "hash-and-verify"),
        ("answer-a-b", "answer-a-b", "a-b"),
        ("answer-a-b_b", "answer-a-b_b", "a-b"),
        ("answer-99-9", "answer-99-9", ""),
    ],
)
def test_the_cells_of_an_old_copy_are_known(former: str, name: str, slug: str) -> None:
    for cell in (
        {"id": former, "metadata": {}},
        {"id": "8f3a", "metadata": {"nbgrader": {"grade_id": former}}},
    ):
        assert grade_id(cell) == name
        assert slug_in(cell, "check", "answer") == slug


def test_numbers_and_slugs_name_the_same_exercise() -> None:
    assert find("06.2") is find("rename-keeps-values")
    assert lesson_spec(find("06.2")).label == "exercise 06.2"
