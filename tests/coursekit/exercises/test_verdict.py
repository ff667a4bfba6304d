"""A verdict is data; text and HTML are rendered from it."""

from __future__ import annotations

import json

import pytest

from coursekit import limits
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.items import CheckItem, ProbeResult, shown
from coursekit.exercises.local import LocalSubmission, run_probe
from coursekit.exercises.time_budget import NOT_RUN, TimeBudget, late
from coursekit.exercises.verdict import DONE, NOT_STARTED, NOT_YET, Verdict

TOY = Exercise(
    *("four", "Four", lambda answer: iter(()), ("?", "!"), ""),
    points=2,
    lesson="connect",
    position=9,
)
GOOD = CheckItem("it is a number", True, "4", "4", "your function")
BAD = CheckItem("four gives 4", False, "4", "5", "your function")


def test_a_verdict_is_plain_data() -> None:
    verdict = Verdict(TOY, NOT_YET, (GOOD, BAD), remarks=("There are two checks.",))
    assert json.loads(json.dumps(verdict.to_dict())) == {
        "lesson": "connect",
        "exercise": "four",
        "number": "01.9",
        "title": "Four",
        "state": "not yet",
        "points": 0,
        "max_points": 2,
        "items": [
            {
                "what": "it is a number",
                "good": True,
                "expected": "4",
                "got": "4",
                "where": "your function",
            },
            {
                "what": "four gives 4",
                "good": False,
                "expected": "4",
                "got": "5",
                "where": "your function",
            },
        ],
        "reasons": ["four gives 4: 5", "There are two checks."],
        "seed": "",
    }


@pytest.mark.parametrize(("state", "points"), [(DONE, 2), (NOT_YET, 0), (NOT_STARTED, 0)])
def test_only_a_done_exercise_earns_points(state: str, points: int) -> None:
    assert Verdict(TOY, state, (GOOD,)).points == points


def test_an_exercise_that_was_not_started_has_a_reason() -> None:
    assert Verdict(TOY, NOT_STARTED).reasons == ("There is no answer.",)


def test_control_characters_do_not_reach_a_terminal() -> None:
    assert shown("a\x1b[1A\x1b[2K\x07b\x9b1Ac") == "a [1A [2K b 1Ac"


def test_a_value_that_is_too_long_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "VALUE_LIMIT", 100)
    assert (
        run_probe(lambda names: "x" * 99, {}, ()).error
        == "a value with 101 characters, which is too long"
    )
    assert run_probe(lambda names: "x" * 98, {}, ()).value == "x" * 98


def test_after_a_call_that_did_not_end_none_is_run() -> None:
    budget = TimeBudget()
    assert budget.run(7, lambda seconds: ProbeResult(seconds)).value == 7
    assert budget.run(7, late).error == "it did not end within 7 seconds"
    assert budget.run(7, lambda seconds: ProbeResult(seconds)).error == NOT_RUN


def test_a_check_has_a_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CHECK_TIMEOUT", 0)
    submission = LocalSubmission(TOY.slug, None, None, {})
    assert submission.call(lambda names: 1).error == NOT_RUN
