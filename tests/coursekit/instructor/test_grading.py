"""The verdict that counts comes from a process that a notebook can't reach."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from coursekit import limits
from coursekit.course.catalog import lesson_path
from coursekit.course.cell_names import grade_id
from coursekit.course.notebooks import load
from coursekit.exercises.cells import answer_cells, source_of
from coursekit.exercises.manifest import exercises_of, find
from coursekit.exercises.verdict import DONE, NOT_STARTED, NOT_YET, Verdict
from coursekit.instructor.grading import grade
from coursekit.instructor.isolated_run import use_workspace
from coursekit.instructor.remote import Kernel
from coursekit.settings import ROOT
from support.attempts import BETWEEN, given, reference

EXERCISES = exercises_of("connect")
FIRST = EXERCISES[0]
CHEATS = {
    "replaces the check": "import coursekit\ncoursekit.check = lambda number: None\n",
    "replaces the judge": (
        "from coursekit.exercises import check, verdict\n"
        "verdict.judge = check.judge = lambda exercise, answer: "
        "verdict.Verdict(exercise, 'done')\n"
    ),
    "makes all things equal": (
        "from coursekit.exercises import items\n"
        "items._same = lambda got, expected: True\n"
        "items.CheckItem.good = True\n"
    ),
    "replaces the manifest": (
        "from coursekit.exercises import manifest\n"
        "manifest.find = manifest.exercises_of = lambda *a: ()\n"
    ),
    "answers for the probes": (
        "from coursekit.exercises import probe_reply\n"
        'probe_reply.reply = lambda request, names: \'["True", ""]\'\n'
    ),
    "answers for the probes with what they were sent": (
        "import ast, json\n"
        "from coursekit.exercises import probe_reply\n"
        "def forged(request, names):\n"
        "    *_, packed = json.loads(request)\n"
        "    sent = [ast.literal_eval(one['plain']) for one in packed if 'plain' in one]\n"
        "    if isinstance(sent[0], tuple):\n"
        '        return \'["True", ""]\'\n'
        "    five = {**sent[0], 'username': sent[0]['user'], 'drivername': 'postgresql+psycopg2'}\n"
        "    parts = [{**five, 'password': one} for one in sent[1]]\n"
        "    return json.dumps([repr(parts), ''])\n"
        "probe_reply.reply = forged\n"
    ),
    "notes it as done": (
        "from coursekit.settings import read_settings\n"
        "from coursekit.exercises import records\n"
        f"records.note_check(read_settings().workspace, {FIRST.slug!r}, True)\n"
    ),
    "ends the process with success": "import os\nos._exit(0)\n",
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This test's own workspace."""
    monkeypatch.setenv("TUTORIAL_WORKSPACE", os.environ["TUTORIAL_WORKSPACE"])
    use_workspace(tmp_path.name)


def exercises_only() -> Iterator[dict[str, Any]]:
    """Return lesson 01 from its exercises on; the cells before only take time."""
    cells = load(lesson_path("01"))["cells"]
    started = False
    for cell in cells:
        started = started or grade_id(cell) == "exercises-connect-tools"
        if started and cell["cell_type"] == "code":
            yield cell


def notebook(answer: str | None = None) -> dict[str, Any]:
    """Return lesson 01 with its solutions, or with this in place of the first."""
    cells = list(exercises_only())
    for cell in cells:
        if answer is not None and grade_id(cell) == f"answer-{FIRST.slug}":
            cell["source"] = answer
    return {"cells": cells}


def first(answer: str) -> Verdict:
    return next(iter(grade(notebook(answer), "connect")))


def test_solutions_are_done(run: None) -> None:
    assert [(v.exercise, v.state) for v in grade(notebook(), "connect")] == [
        (exercise, DONE) for exercise in EXERCISES
    ]


@pytest.mark.samples(3)  # each starts a kernel
@pytest.mark.parametrize("cheat", CHEATS)
def test_a_notebook_cannot_reach_the_check(run: None, cheat: str) -> None:
    verdict = first(CHEATS[cheat] + "".join(f"{name} = 42\n" for name in FIRST.names))
    assert verdict.state != DONE


# Replies that hold for any submission, whatever the check asks for.
FORGED = """
import ast, json
from coursekit.exercises import probe_reply

def forged(request, names):
    _, name, packed, _ = json.loads(request)
    sent = [ast.literal_eval(one["plain"]) for one in packed if "plain" in one]
    endings = ("after the request", "after an error in the request",
               "when the generator is closed early")
    values = {
        "any_attempted": True,
        "_requests": {"kept": dict.fromkeys(endings, False), "came": "an error",
                      "committed": False, "sessions": 3},
        "_start": "",
        "_end": sent[-1] if sent and sent[0] == endings[1] else "nothing",
        "_release": 3,
    }
    return json.dumps([repr(values[name]), "", True])

probe_reply.reply = forged
"""
# The rows of a seed that was chosen, in the place of those that `begin` has drawn.
CHOSEN = """
%alembic init migrations
import json, os
from pathlib import Path
from random import Random
from sqlalchemy import text
from coursekit.exercises import draws

note = Path(".lesson.json")
note.write_text(json.dumps({**json.loads(note.read_text()), "seed": "x"}))
os.environ["TUTORIAL_BEGIN_SEED"] = "x"
with exercise.engine.begin() as connection:
    connection.execute(text("UPDATE members SET name = :name"), {"name": draws.name(Random("x"))})
"""


def judged(number: str, answer: str) -> Verdict:
    """Return the verdict on an exercise whose notebook has nothing but this answer."""
    exercise = find(number)
    begin = f"from coursekit import begin\nexercise = begin({number!r})"
    cells = [
        {"cell_type": "code", "source": source, "metadata": {"nbgrader": {"grade_id": name}}}
        for name, source in (("begin", begin), (f"answer-{exercise.slug}", answer))
    ]
    verdicts = grade({"cells": cells}, exercise.lesson)
    return next(verdict for verdict in verdicts if verdict.exercise.slug == exercise.slug)


@pytest.mark.slow
def test_a_forged_reply_is_compared_with_what_the_server_says(run: None) -> None:
    assert judged("02.3", FORGED).state == NOT_YET


@pytest.mark.slow
def test_a_notebook_cannot_choose_the_rows_it_begins_with(run: None) -> None:
    assert judged("03.1", "%alembic init migrations").state == DONE
    verdict = judged("03.1", CHOSEN)
    assert [item.what for item in verdict.items if not item.good] == ["the database is unchanged"]


def drawn(seed: str) -> str:
    """Return what the first item that fails says about a wrong answer."""
    answer = "def build_url(user, password, host, port, database):\n    return user\n"
    verdict = next(iter(grade(notebook(answer), "connect", seed)))
    assert not seed or verdict.seed == seed
    return verdict.seed + repr([item.got for item in verdict.items])


def test_a_seed_repeats_a_run_and_each_run_has_its_own(run: None) -> None:
    assert drawn("of today") == drawn("of today")
    assert drawn("") != drawn("")


GRADED = """
import json, sys
from coursekit.course.catalog import lesson_path
from coursekit.course.notebooks import load
from coursekit.course.cell_names import grade_id
from coursekit.instructor import grading
from coursekit.instructor.isolated_run import isolated_run, use_workspace

def written(name):
    file = getattr(sys.modules[name], "__file__", None) or ""
    return any(place in file for place in ("site-packages", "coursekit", "tutorial_lib"))

loaded = set()
class Kernel(grading.Kernel):
    def __enter__(self):
        loaded.update(sys.modules)
        return self

grading.Kernel = Kernel
lesson = sys.argv[1]
cells = load(lesson_path(lesson))["cells"]
first = [grade_id(cell) for cell in cells].index(f"exercises-{lesson}-tools")
code = [cell for cell in cells[first:] if cell["cell_type"] == "code"]
with isolated_run():
    use_workspace("imports")
    verdicts = list(grading.grade({"cells": code}, lesson))
    print([repr(verdict) for verdict in verdicts])
print(json.dumps([
    [verdict.state for verdict in verdicts],
    sorted(name for name in set(sys.modules) - loaded if written(name)),
]))
"""


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize(
    "lesson", ["connect", "alembic-init", "passwords", "the-first-revision", "move-data"]
)
def test_a_grading_run_imports_nothing_after_the_notebook_has_begun(lesson: str) -> None:
    command = [sys.executable, "-c", GRADED, lesson]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    states, imported = json.loads(ran.stdout.splitlines()[-1])
    assert (set(states), imported) == ({DONE}, [])


def test_an_exercise_that_was_not_answered_is_not_started(run: None) -> None:
    assert first("...").state == NOT_STARTED


def test_how_a_cell_failed_is_reported(run: None) -> None:
    verdict = first("sunny + cloudy")
    assert verdict.state == NOT_YET
    assert verdict.items[0].got == "NameError: name 'sunny' is not defined"


DEAF = """
while True:
    try:
        while True:
            pass
    except KeyboardInterrupt:
        pass
"""


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a cell with a loop is given little time."""
    run = Kernel.run

    def impatient(kernel: Kernel, code: str, timeout: float, **expressions: str) -> Any:
        return run(kernel, code, 1 if "while True" in code else timeout, **expressions)

    monkeypatch.setattr(Kernel, "run", impatient)


def test_a_cell_that_hangs_is_interrupted(run: None, hasty: None) -> None:
    verdicts = list(grade(notebook("while True:\n    pass"), "connect"))
    assert verdicts[0].items[0].got == "it did not end within 1 second"
    assert [verdict.state for verdict in verdicts] == [NOT_YET, DONE, DONE]


def test_after_a_cell_that_ignores_the_interrupt_nothing_runs(
    run: None, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "INTERRUPT_GRACE", 0.5)
    hangs = code_cell(DEAF, id=f"answer-{FIRST.slug}")
    verdicts = list(grade({"cells": [hangs, *exercises_only()]}, "connect"))
    assert [verdict.state for verdict in verdicts] == [NOT_YET] * 3
    why = "it did not end within 1 second, and ignored the interrupt"
    assert verdicts[0].items[0].got == why
    assert verdicts[1].items[0].got == f"code cell 1: {why}"


def test_a_notebook_ends_when_its_time_is_up(run: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NOTEBOOK_TIMEOUT", 0)
    verdicts = list(grade(notebook(), "connect"))
    assert {verdict.state for verdict in verdicts} == {NOT_YET}
    assert "code cell 1: the notebook did not end within 0 seconds" in verdicts[0].reasons[0]


def test_an_answer_that_failed_after_its_definition_is_not_judged(run: None) -> None:
    (answer,) = answer_cells({"cells": list(exercises_only())}, FIRST)
    verdict = first(f"{source_of(answer)}\nraise ValueError('afterwards')")
    assert verdict.state == NOT_YET
    assert [item.got for item in verdict.items] == ["ValueError: afterwards"]


@pytest.mark.parametrize("right_first", [True, False])
def test_of_two_copies_of_an_exercise_the_last_counts(run: None, right_first: bool) -> None:
    solved, blank = list(exercises_only()), notebook("...")["cells"]
    own = (f"answer-{FIRST.slug}", f"check-{FIRST.slug}")
    before, after = (solved, blank) if right_first else (blank, solved)
    cells = [*before, *(cell for cell in after if grade_id(cell) in own)]
    if right_first:
        forget = "".join(f"{name} = ...\n" for name in FIRST.names)
        cells.insert(len(before), code_cell(forget))
    verdict = {v.exercise.slug: v for v in grade({"cells": cells}, "connect")}[FIRST.slug]
    assert verdict.state == (NOT_STARTED if right_first else DONE)
    said = "This exercise has 2 check cells; only the last one counts."
    assert said in verdict.reasons
    assert said in repr(verdict)


def test_an_answer_below_its_check_counts(run: None) -> None:
    cells = list(exercises_only())
    answer = next(cell for cell in cells if grade_id(cell) == f"answer-{FIRST.slug}")
    cells.remove(answer)
    verdicts = {v.exercise.slug: v for v in grade({"cells": [*cells, answer]}, "connect")}
    verdict = verdicts[FIRST.slug]
    assert verdict.state == DONE


def test_an_answer_that_is_no_code_cell_is_named(run: None) -> None:
    cells = list(exercises_only())
    for cell in cells:
        if grade_id(cell) == f"answer-{FIRST.slug}":
            cell["cell_type"] = "raw"
    verdict = next(iter(grade({"cells": cells}, "connect")))
    assert verdict.state == NOT_STARTED
    assert (
        verdict.reasons[-1]
        == f"The cell answer-{FIRST.slug} is not a code cell, so it did not run."
    )


@pytest.mark.slow
def test_a_migration_that_does_not_end_is_stopped(
    run: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "COMMAND_TIMEOUT", 3)  # no command before it is run by the check
    exercise = find("06.2")
    cells = [code_cell(source) for source in given(exercise).split(BETWEEN)]
    sleeps = reference(exercise).replace(
        "upgrade():", "upgrade():\n    import time; time.sleep(1e6)"
    )
    answer = code_cell(sleeps, id=f"answer-{exercise.slug}")
    check = code_cell("", id=f"check-{exercise.slug}")
    verdict = next(iter(grade({"cells": [*cells, answer, check]}, "the-first-revision")))
    assert (verdict.exercise, verdict.state) == (exercise, NOT_YET)
    failed = next(item for item in verdict.items if not item.good)
    assert "did not end within 3 seconds. It was stopped." in failed.got


@pytest.mark.slow
def test_what_cells_print_does_not_pile_up_here(run: None) -> None:
    prints = "for _ in range(120):\n    print(1_000_000 * 'x', flush=True)"
    before = psutil.Process().memory_info().rss
    assert first(prints).state == NOT_STARTED
    assert psutil.Process().memory_info().rss - before < 60_000_000  # half of it


def code_cell(source: str, **fields: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": source, **fields}


def test_an_exercise_whose_check_was_deleted_is_judged_at_the_end(run: None) -> None:
    cells = [cell for cell in exercises_only() if not grade_id(cell).startswith("check-")]
    assert {v.state for v in grade({"cells": cells}, "connect")} == {DONE}


def test_an_exercise_whose_cells_were_deleted_is_not_started(run: None) -> None:
    cells = [cell for cell in exercises_only() if FIRST.slug not in grade_id(cell)]
    states = {v.exercise.number: v.state for v in grade({"cells": cells}, "connect")}
    assert states["01.1"] == NOT_STARTED
    assert states["01.2"] == DONE
