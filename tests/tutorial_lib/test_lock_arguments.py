"""Arguments that can't work are refused before anything is sent; advice fits who blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine

from tutorial_lib import locks
from tutorial_lib.connections import separate
from tutorial_lib.errors import LockError
from tutorial_lib.locks.advice import gave_up
from tutorial_lib.locks.inspect import QueuedSession
from tutorial_lib.locks.modes import CONFLICTS, MODES, conflict

NOWHERE = create_engine("postgresql+psycopg2://nowhere.invalid/none")
ADD = "ALTER TABLE orders ADD COLUMN note text"


@pytest.mark.parametrize("value", [0, -1, 0.0004, float("nan"), float("inf"), True, "1s", None])
def test_a_lock_timeout_that_is_no_limit_is_refused(value: Any) -> None:
    with pytest.raises(LockError, match=r"^lock_timeout must be .*such as lock_timeout=0\.5\."):
        locks.with_lock_retries(NOWHERE, ADD, lock_timeout=value)


@pytest.mark.parametrize(
    "argument",
    [
        *({"attempts": value} for value in (0, -3, 2.5, True, "3", None)),
        *({"pause": value} for value in (-1, float("nan"), float("inf"), False, "1")),
    ],
)
def test_other_numbers_that_cannot_work_are_refused(argument: dict[str, Any]) -> None:
    with pytest.raises(LockError, match=rf"^{next(iter(argument))} "):
        locks.with_lock_retries(NOWHERE, ADD, **argument)


async def unawaited(connection: Connection) -> None:
    """Would never run."""


def generator(connection: Connection) -> Iterator[None]:
    """Would never run."""
    yield


@pytest.mark.parametrize("work", ["", " ", None, b"SELECT 1", [ADD], unawaited, generator, id])
def test_what_cannot_be_run_is_refused(work: Any) -> None:
    if work is id:
        work = lambda: None  # noqa: E731
    with pytest.raises(LockError):
        locks.with_lock_retries(NOWHERE, work)


@pytest.mark.parametrize("bind", [None, "sqlite://", 1, create_engine("sqlite://")])
@pytest.mark.parametrize("use", [locks.queue, lambda bind: locks.with_lock_retries(bind, ADD)])
def test_a_bind_that_cannot_be_used_is_refused(bind: Any, use: Callable[[Any], object]) -> None:
    with pytest.raises(LockError):
        use(bind)


def test_the_queue_refuses_numbers_that_cannot_work() -> None:
    for argument in ({"timeout": float("nan")}, {"timeout": "5"}, {"at_least": 1.5}):
        with pytest.raises(LockError, match=f"^{next(iter(argument))} "):
            locks.queue(NOWHERE, **argument)  # type: ignore[arg-type]


def test_advice_fits_who_blocks() -> None:
    vacuum = "autovacuum worker"
    blockers = [
        QueuedSession(
            1, 0, 'prepared transaction "it\'s"', "prepared", "", (), (), prepared="it's"
        ),
        QueuedSession(2, 22, "autovacuum: VACUUM a", "active", "", (), (), kind=vacuum),
        QueuedSession(3, 33, "walsender", "active", "", (), (), kind="walsender"),
        QueuedSession(4, 44, "SELECT", "idle in transaction", "", (), (), database="other"),
        QueuedSession(5, 55, "", "", "", (), (), kind=f"{vacuum} (to prevent wraparound)"),
        QueuedSession(6, 66, "mine", "idle in transaction", "", (), ()),
    ]
    error = gave_up("ALTER", ["lock timeout"], tuple(blockers), 66, "and was rolled back")
    assert "session 44 (idle in transaction) in database 'other', 'SELECT'" in error.why
    start = "Try again when that has ended; or end it with: "
    ends = "ROLLBACK PREPARED 'it''s' or SELECT pg_terminate_backend(44). "
    assert error.do.startswith(start + ends)
    assert error.do.count("SELECT pg_") == 1
    for words in ("autovacuum", "wrapping around", "replica", "the connection you passed"):
        assert words in error.do


def test_lock_modes_conflict_as_documented() -> None:
    assert ["".join(row) for row in zip(*CONFLICTS, strict=True)] == list(CONFLICTS)
    assert conflict("AccessShareLock", "AccessExclusiveLock")
    assert not conflict("AccessShareLock", "ShareUpdateExclusiveLock")
    assert [row.count("x") for row in CONFLICTS] == [1, 2, 4, 5, 5, 6, 7, 8]
    assert len(MODES) == 8


def test_a_pooler_that_refuses_options_is_named() -> None:
    error = separate._refused(Exception("FATAL:  unsupported startup parameter: options"))
    assert error.__notes__ == [separate.POOLER]
    assert not hasattr(separate._refused(Exception("no such host")), "__notes__")
