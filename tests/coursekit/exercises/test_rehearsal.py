"""A rehearsal detects how a revision affects a service in use."""

from __future__ import annotations

import re
from typing import Any

import pytest

from coursekit import limits
from coursekit.exercises.items import ProbeResult
from coursekit.exercises.manifest import find
from coursekit.exercises.submission import Submission
from coursekit.exercises.verdict import DONE, NOT_YET, Verdict
from support.attempts import BETWEEN, reference, tried
from support.samples import revision

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("answers")]
NAMES = find("14.3")
FILL = "%%writefile alembic/versions/0006_fill.py"
# Customers who change their names meanwhile have ids up to 500, so none waits for the others.
UPDATE = "UPDATE users SET name = name WHERE first_name IS NULL AND id"
BATCHES = f"""
with op.get_context().autocommit_block():
    op.execute("{UPDATE} <= 600")
"""
REST = f'op.execute("{UPDATE} > 600")'
APART = "with op.get_context().autocommit_block(): pass"
SLEEP = "import time; time.sleep(10**6)"
VALIDATE = 'op.execute("ALTER TABLE users VALIDATE CONSTRAINT two_names")'


def with_fill(steps: str) -> Verdict:
    """Return the verdict on the solution with other steps in its second revision."""
    cells = reference(NAMES).split(BETWEEN)
    other = revision("0006", steps)
    return tried(NAMES, BETWEEN.join(other if cell.startswith(FILL) else cell for cell in cells))


def first_missing(verdict: Verdict) -> str:
    assert verdict.state == NOT_YET, verdict
    item = next(item for item in verdict.items if not item.good)
    return f"{item.what}: {item.got}"


@pytest.mark.parametrize("endless", ['while True: op.execute("SELECT 1")', SLEEP])
def test_a_command_that_does_not_end_is_stopped(
    endless: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission_alembic = Submission.alembic

    def impatient(submission: Submission, *lines: str, **options: Any) -> ProbeResult:
        """Run a command, with a short limit for the one that loops."""
        with monkeypatch.context() as patch:
            if lines == ("upgrade 0006",):
                patch.setattr(limits, "COMMAND_TIMEOUT", 1.0)
            return submission_alembic(submission, *lines, **options)

    monkeypatch.setattr(Submission, "alembic", impatient)
    said = first_missing(with_fill(endless))
    assert said.startswith("the upgrade to 0005, 0006 runs")
    assert "0006: alembic upgrade 0006 did not end within 1 seconds. It was stopped." in said


def test_a_lock_that_is_held_already_is_noticed() -> None:
    lock = 'op.execute("LOCK TABLE users IN SHARE MODE")'
    said = first_missing(with_fill(f"{BATCHES}\n{lock}\n{REST}"))
    assert re.search(r"0006: ShareLock, and \d{4} rows changed", said)  # the shop adds some


def test_a_lock_that_comes_after_the_rows_is_noticed() -> None:
    later = 'op.execute("ALTER TABLE users ALTER password SET NOT NULL, ADD note text")'
    said = first_missing(with_fill(f"{BATCHES}\n{REST}\n{later}"))
    assert re.search(r"0006: a lock that came later, and \d{4} rows changed", said)


def test_a_table_rewrite_is_noticed() -> None:
    rewrite = 'op.alter_column("users", "password", type_=sa.String(254))'
    said = first_missing(with_fill(f"{BATCHES}\n{REST}\n{APART}\n{rewrite}"))
    assert "0006: the whole table was rewritten" in said


def test_validating_beside_the_rows_blocks_no_one() -> None:
    verdict = with_fill(f"{BATCHES}\n{REST}\n{VALIDATE}")
    assert verdict.state == DONE, verdict


def test_a_shop_that_is_shut_for_long_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SERVICE_LOCK_TIMEOUT", 1)
    shut = 'op.execute("LOCK TABLE users; SELECT pg_sleep(3)")'
    said = first_missing(with_fill(f"{BATCHES}\n{REST}\n{APART}\n{shut}"))
    assert said.startswith("the shop's sessions get no error")
    assert "lock timeout" in said
