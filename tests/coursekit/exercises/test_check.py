"""The learner's functions: begin, check, hint, solution."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from coursekit import begin, check, hint, limits, progress, solution
from coursekit.course.opening import open_lesson
from coursekit.errors import ExerciseError
from coursekit.exercises.begin import lesson_spec
from coursekit.exercises.cells import solution_of
from coursekit.exercises.check import verdict_on
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, shown
from coursekit.exercises.local import LocalSubmission
from coursekit.exercises.manifest import all_exercises, exercises_of, find
from coursekit.exercises.records import records
from coursekit.exercises.submission import Submission
from coursekit.exercises.verdict import DONE, NOT_STARTED, NOT_YET, Verdict, judge
from coursekit.settings import read_settings
from support.attempts import reference, tried
from tutorial_lib.db import make_engine
from tutorial_lib.display import Note

FIRST = exercises_of("connect")[0]


def four(names: dict[str, Any]) -> Any:
    return names["four"]()


def looks(answer: Submission) -> Iterator[CheckItem]:
    yield expect_equal("four gives 4", answer.call(four), 4, "your function")
    yield expect_equal("it is a number", answer.call(four), 4, "your function")


TOY = Exercise(
    *("toy", "Four <b>", looks, ("?", "!"), "Because.", ("four",)), lesson="connect", position=9
)


def counts(answer: Submission) -> Iterator[CheckItem]:
    yield expect_equal(
        "there is one row",
        answer.database.query("SELECT pg_catalog.count(*) FROM public.notes"),
        [(1,)],
        "INSERT",
    )


NOTES = Exercise(
    "notes",
    "Notes",
    counts,
    ("?", "!"),
    "Because.",
    initial_state=InitialState("connect", "CREATE TABLE notes (n int)"),
    lesson="connect",
    position=8,
)


def verdict(**names: Any) -> Verdict:
    return verdict_on(TOY, names)


@pytest.fixture
def notes(workspace: Path) -> Iterator[Any]:
    """The engine of a started exercise."""
    place = open_lesson(lesson_spec(NOTES))
    yield place
    place.engine.dispose()


# The verdict


def test_an_answer_is_not_started_not_yet_or_done() -> None:
    assert verdict() == Verdict(TOY, NOT_STARTED)
    assert verdict(four=lambda: 5).state == NOT_YET
    assert verdict(four=lambda: 4).state == DONE


@pytest.mark.parametrize("empty", [..., None, lambda: None, lambda: ...])
def test_what_a_todo_leaves_is_not_started(empty: Any) -> None:
    def documented() -> None:
        """Return four."""

    wanted = NOT_STARTED if empty in (..., None) or empty() is None else NOT_YET
    assert verdict(four=empty).state == wanted
    assert verdict(four=documented).state == NOT_STARTED


def test_a_failed_item_shows_expected_and_got() -> None:
    assert repr(verdict(four=lambda: 5)) == (
        "Exercise 01.9 · Four <b>: not yet: 0 of 2 hold.\n"
        "  [not yet] four gives 4\n"
        "            expected: 4\n"
        "            got:      5\n"
        "            look at:  your function\n"
        "  [not yet] it is a number\n"
        "            expected: 4\n"
        "            got:      5\n"
        "            look at:  your function\n"
        'For help: hint("01.9"). To see one that works: solution("01.9").'
    )


def test_the_box_says_the_same_as_the_text() -> None:
    page = verdict(four=lambda: "<5>")._repr_html_()
    assert "Four &lt;b&gt;: not yet: 0 of 2 hold." in page
    assert "got: <code>&lt;5&gt;</code>" in page
    assert page.count('<th scope="row"') == 2


@pytest.mark.parametrize("value", [True, 4.0, "4", None])
def test_another_type_is_not_equal(value: Any) -> None:
    item = expect_equal("", ProbeResult(value), 4, "")
    assert not item.good


def test_a_long_value_is_cut() -> None:
    assert len(shown("x" * 5000)) <= 200


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda: exit(3), "SystemExit: 3"),
        (lambda: object(), "a value of type object"),
        (lambda: {1: {2}}, "{1: {2}}"),
        (lambda n: n, "TypeError: <lambda>() missing 1 required positional argument: 'n'"),
    ],
)
def test_whatever_an_answer_does_is_reported(function: Any, said: str) -> None:
    assert verdict(four=function).items[0].got.endswith(said.removeprefix("TypeError: <lambda>"))


def test_an_answer_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CALL_TIMEOUT", 0.1)
    never = threading.Event()
    answer = LocalSubmission(TOY.slug, TOY.initial_state, None, {"four": never.wait})
    assert answer.call(four).error == "it did not end within 0.1 seconds"
    never.set()


def test_a_check_that_looks_at_nothing_is_no_success() -> None:
    nothing = Exercise("nothing", "Nothing", lambda answer: iter(()), ("?", "!"), "")
    assert (
        judge(nothing, LocalSubmission(nothing.slug, nothing.initial_state, None, {})).state
        == NOT_YET
    )


# The database of an exercise


def test_an_exercise_begins_with_its_own_database(notes: Any) -> None:
    with notes.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM notes")) == 0
    assert notes.url.database.startswith("tutorial_exercise_notes")
    assert notes.rows["exercise"] == "01.8, in its initial state"


def test_what_is_not_committed_is_not_seen(notes: Any) -> None:
    with notes.engine.connect() as connection:
        connection.execute(text("INSERT INTO notes VALUES (1)"))
        assert verdict_on(NOTES, {}).state == NOT_YET
        connection.commit()
        assert verdict_on(NOTES, {}).state == DONE


def test_a_missing_table_is_reported(notes: Any) -> None:
    with notes.engine.begin() as connection:
        connection.execute(text("DROP TABLE notes"))
    (item,) = verdict_on(NOTES, {}).items
    assert item.got == 'relation "public.notes" does not exist'


def test_a_lock_is_reported_instead_of_waited_for(
    notes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOCK_TIMEOUT", 0.1)
    with notes.engine.connect() as connection:
        connection.execute(text("LOCK TABLE notes"))
        (item,) = verdict_on(NOTES, {}).items
    assert item.got == "canceling statement due to lock timeout"
    assert "One of your sessions is open" in item.where


def test_a_view_that_never_ends_is_reported(notes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STATEMENT_TIMEOUT", 0.5)
    with notes.engine.begin() as connection:
        connection.execute(text("DROP TABLE notes"))
        connection.execute(text("CREATE VIEW notes AS SELECT FROM pg_sleep(3600)"))
    (item,) = verdict_on(NOTES, {}).items
    assert item.got == "canceling statement due to statement timeout"
    assert "which of your views, functions or triggers waits?" in item.where


def test_an_exercise_that_was_not_begun_is_not_started(workspace: Path) -> None:
    unbegun = replace(NOTES, slug="unbegun", position=6)
    verdict = verdict_on(unbegun, {})
    assert verdict.state == NOT_STARTED
    assert 'Run the cell with begin("01.6") first' in repr(verdict)


def test_an_answer_of_a_restarted_kernel_needs_begin(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coursekit.course.open_lessons._opened", {})
    exercise = find("02.1")
    verdict = verdict_on(exercise, {"save_user": print})
    assert verdict.state == NOT_STARTED
    assert 'begin("02.1", resume=True)' in verdict.advice
    assert verdict.error().why == "The check does not know where to look."


def test_another_working_directory_is_reported(notes: Any, tmp_path: Path) -> None:
    os.chdir(tmp_path)
    assert 'begin("01.8", resume=True)' in verdict_on(NOTES, {}).advice
    os.chdir(notes.project)
    assert "resume" not in verdict_on(NOTES, {}).advice


def test_a_check_cannot_write(notes: Any) -> None:
    def writes(answer: Submission) -> Iterator[CheckItem]:
        yield expect_equal(
            "", answer.database.query("INSERT INTO public.notes VALUES (1) RETURNING n"), [(1,)], ""
        )

    nosy = replace(NOTES, check=writes)
    (item,) = verdict_on(nosy, {}).items
    assert item.got == "cannot execute INSERT in a read-only transaction"


def test_a_scratch_database_is_at_the_beginning_and_goes(notes: Any) -> None:
    with notes.engine.begin() as connection:
        connection.execute(text("INSERT INTO notes VALUES (1)"))
    with LocalSubmission(NOTES.slug, NOTES.initial_state, notes, {}) as answer:
        scratch = answer.scratch()
        with scratch.begin() as connection:
            assert connection.scalar(text("SELECT count(*) FROM notes")) == 0
    databases = "SELECT datname FROM pg_database WHERE datname LIKE '%check'"
    admin = make_engine(notes.url)
    with admin.connect() as connection:
        assert connection.scalars(text(databases)).all() == []
    admin.dispose()


def test_beginning_again_resets(workspace: Path) -> None:
    exercise = next(one for one in all_exercises() if one.initial_state)
    first = begin(exercise.number)
    (first.project / "mine.py").write_text("mine")
    again = begin(exercise.number)
    assert not (again.project / "mine.py").exists()
    assert [path.name for path in (workspace / "kept").glob("*/mine.py")] == ["mine.py"]
    begin(exercise.number)
    assert len(list((workspace / "kept").iterdir())) == 1  # an untouched project isn't kept


def test_an_exercise_without_a_database_has_nothing_to_begin(
    workspace: Path,
) -> None:
    exercise = next(one for one in all_exercises() if not one.initial_state)
    with pytest.raises(ExerciseError, match="needs no database"):
        begin(exercise.number)


# check, hint, solution


def test_a_check_that_is_satisfied_shows_and_gives_nothing(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"check": check}
    exec(reference(FIRST) + f"\nresult = check({FIRST.number!r})", names)
    shown = capsys.readouterr()
    assert names["result"] is None
    assert f"{FIRST.heading}: done." in shown.out
    assert shown.err == ""
    assert records(workspace)[FIRST.slug].done


def test_a_check_that_is_not_satisfied_raises_and_is_noted(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "".join(f"def {name}(*a, **k): return 'no'\n" for name in FIRST.names)
    with pytest.raises(ExerciseError) as caught:
        exec(code + f"check({FIRST.number!r})", {"check": check})
    assert caught.value.what.startswith(f"{FIRST.heading}: not yet: ")
    assert "[not yet]" in capsys.readouterr().out
    assert records(workspace)[FIRST.slug].state == "tried"


def test_a_check_without_an_answer_raises_and_notes_nothing(workspace: Path) -> None:
    with pytest.raises(ExerciseError, match="not started"):
        check(FIRST.number)
    assert records(workspace) == {}


def test_hints_come_one_after_another(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in (*FIRST.hints, "once more"):
        hint(FIRST.number)
    said = capsys.readouterr().out
    places = [said.index(f"Hint {n} of {len(FIRST.hints)}") for n, _ in enumerate(FIRST.hints, 1)]
    assert places == sorted(places)
    assert said.count(f'For an answer: solution("{FIRST.number}")') == 2
    hint(FIRST.number, 1)
    assert FIRST.hints[0] in capsys.readouterr().out


@pytest.mark.parametrize("which", [0, 99])
def test_a_hint_that_does_not_exist_is_reported(workspace: Path, which: int) -> None:
    with pytest.raises(ExerciseError, match=f"has no hint {which}"):
        hint(FIRST.number, which)


def test_a_solution_is_offered_after_an_attempt(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ExerciseError, match="was not tried yet"):
        solution(FIRST.number)
    solution(FIRST.number, anyway=True)
    assert FIRST.why in capsys.readouterr().out
    with pytest.raises(ExerciseError):
        exec(f"{FIRST.names[0]} = 42\ncheck({FIRST.number!r})", {"check": check})
    solution(FIRST.number)
    assert solution_of(FIRST) in capsys.readouterr().out
    assert records(workspace)[FIRST.slug].solution


def test_what_a_solution_shows_is_an_answer(workspace: Path) -> None:
    assert tried(FIRST, solution_of(FIRST)).state == DONE


def test_code_in_a_text_is_shown_as_code() -> None:
    page = Note("A title", "Take `a < b`, then go.", "x = 1")._repr_html_()
    assert "<p>Take <code>a &lt; b</code>, then go.</p>" in page
    assert "<pre><code>x = 1</code></pre>" in page


@pytest.mark.parametrize("number", ["01.99", "77.1", "one", 1.1])
def test_the_error_of_an_unknown_exercise_lists_the_exercises(number: Any) -> None:
    if number == 1.1:
        assert find("01.1").number == "01.1"
    with pytest.raises(ExerciseError, match=r"Write its number in quotation marks, for instance"):
        find(number)


def test_progress_is_that_of_the_workspace(workspace: Path) -> None:
    solution(FIRST.number, anyway=True)
    assert repr(progress()).endswith(f"0 done, 0 tried, {len(all_exercises())} open.")
    assert read_settings().workspace == workspace
    assert os.environ["TUTORIAL_WORKSPACE"] == str(workspace)
