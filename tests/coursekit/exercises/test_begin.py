"""`begin` draws rows that no one knows before, and a check knows which they were."""

from __future__ import annotations

import pytest

from coursekit.course.open_lessons import opened
from coursekit.exercises.begin import SEED_VARIABLE, begin
from coursekit.exercises.check import verdict_on
from coursekit.exercises.database import Database
from coursekit.exercises.local import LocalSubmission
from coursekit.exercises.manifest import find
from coursekit.exercises.verdict import NOT_YET

pytestmark = pytest.mark.usefixtures("answers")
MEMBERS = ("members", "name")


def members() -> list[tuple[object, ...]]:
    return Database(begin("03.1").url).rows(*MEMBERS)


def test_each_begin_draws_other_rows() -> None:
    assert members() != members()


def test_a_seed_draws_the_same_rows_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SEED_VARIABLE, "of a grading run")
    assert members() == members()


def test_a_check_knows_the_rows_after_a_restart() -> None:
    there = members()
    exercise, resumed = find("03.1"), begin("03.1", resume=True)
    with LocalSubmission(exercise.slug, exercise.initial_state, resumed, {}) as submission:
        assert submission.initial_database.rows(*MEMBERS) == there
        assert submission.database.rows(*MEMBERS) == there


def test_rows_of_an_earlier_edition_cannot_be_judged() -> None:
    begin("07.3")
    lesson = opened(find("07.3").slug)
    assert lesson is not None
    note = lesson.project / ".lesson.json"
    note.write_text(note.read_text("utf-8").replace('"seed"', '"former"'), encoding="utf-8")
    begin("07.3", resume=True)
    verdict = verdict_on(find("07.3"), {})
    assert verdict.state == NOT_YET
    assert "earlier edition" in repr(verdict)
    assert "Begin the exercise again" in repr(verdict)
