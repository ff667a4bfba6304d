"""A call whose arguments don't fit is one clear error, which shows how to call it."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pandas as pd
import pytest
from sqlalchemy import create_engine

from tutorial_lib import advisory_lock, backfill, errors, explorer, frames, locks, workload
from tutorial_lib.arguments import checked

NOWHERE = create_engine("postgresql+psycopg2://nowhere.invalid/none")
CALLS: dict[str, tuple[type[errors.Problem], Callable[..., object], str]] = {
    "frames.read": (errors.FrameError, lambda **words: frames.read("users", **words), "con"),
    "frames.write": (
        errors.FrameError,
        lambda **words: frames.write(pd.DataFrame(), "users", **words),
        "con",
    ),
    "tables": (errors.ExplorerError, explorer.tables, "explorer.tables(bind, schema=None, *,"),
    "snapshot": (errors.ExplorerError, explorer.snapshot, "explorer.snapshot(bind, *, rows=False)"),
    "columns": (
        errors.ExplorerError,
        lambda **words: explorer.columns(name="users", **words),
        "explorer.columns(bind, name, schema=None)",
    ),
    "queue": (errors.LockError, locks.queue, "locks.queue(bind, *, at_least=0,"),
    "retries": (
        errors.LockError,
        lambda **words: locks.with_lock_retries(statement="SELECT 1", **words),
        "locks.with_lock_retries(bind, statement, *,",
    ),
    "advisory_lock": (
        errors.AdvisoryLockError,
        advisory_lock.advisory_lock,
        "advisory_lock.advisory_lock(bind, name='alembic', *, timeout=60.0)",
    ),
    "backfill": (
        errors.BackfillError,
        lambda **words: backfill.run(target="users", set={"id": 1}, where="false", **words),
        "backfill.run(bind, target, *, set, where,",
    ),
    "workload": (
        errors.WorkloadError,
        lambda **words: workload.run(readers=print, **words),
        "workload.run(bind, workers=None, /, *,",
    ),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("word", ["engine", "connection", "conn", "db", "nonsense"])
def test_another_word_for_the_database_is_refused(name: str, word: str) -> None:
    error, call, right = CALLS[name]
    with pytest.raises(error) as caught:
        call(**{word: NOWHERE})
    if word in ("engine", "connection", "conn"):
        assert caught.value.what == f"{word}= isn't an argument here."
    assert right in str(caught.value) or name == "frames.read"  # it's a parameter of the query


def test_another_mistake_does_not_blame_the_database() -> None:
    with pytest.raises(errors.ExplorerError) as caught:
        explorer.tables(bind=NOWHERE, shcema="public")  # type: ignore[call-arg]
    assert str(caught.value) == (
        "The arguments of the call don't fit. Python says: got an unexpected keyword argument "
        "'shcema'. The call is explorer.tables(bind, schema=None, *, count=False)."
    )


def test_the_signature_is_shown_to_editors() -> None:
    assert [*inspect.signature(explorer.tables).parameters] == ["bind", "schema", "count"]
    assert (explorer.tables.__doc__ or "").startswith("Return")
    assert [*inspect.signature(workload.run).parameters][-1] == "named"


def test_an_error_inside_a_call_is_not_taken_for_a_mistake_in_it() -> None:
    @checked(errors.LockError)
    def broken(bind: object) -> None:
        raise TypeError(f"inside, with {bind}")

    with pytest.raises(TypeError, match="inside, with 1"):
        broken(1)
