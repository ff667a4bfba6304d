"""The exercises of the lesson: schema changes without downtime."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.without_stopping_the_site.careful import careful
from coursekit.lessons.without_stopping_the_site.checks import amounts, invalid_index
from coursekit.lessons.without_stopping_the_site.starters import (
    COLLEAGUE,
    DOUBLED,
    FILE,
    SHOP,
    doubles,
    drawn_orders,
)

EXERCISES = (
    Exercise(
        "lock-timeout",
        "Give up in time",
        careful,
        names=("careful",),
        initial_state=InitialState("history", SHOP),
        hints=(
            "What does PostgreSQL do by itself when a lock does not come? It waits. Who tells it "
            "for how long?",
            "`SET LOCAL lock_timeout` holds for one transaction. What comes then is an "
            "`OperationalError`; other problems can be one, too.",
            "with engine.begin() as connection: first SET LOCAL lock_timeout = '500ms', then the "
            "statement. Around it: except OperationalError, and `raise` unless its text holds "
            '"lock timeout".',
        ),
        why="The limit has to be set before the statement, in the same transaction. Nothing has "
        "to be cleaned up after it: the transaction was rolled back. "
        "`locks.with_lock_retries` does the same again and again.",
    ),
    Exercise(
        "no-negative-amount",
        "No amount below zero",
        amounts,
        initial_state=InitialState("history", SHOP, draw=drawn_orders),
        points=2,
        hints=(
            "Which step needs the strongest lock, and which step takes long? They need not be one.",
            "`NOT VALID` adds a rule without reading; `VALIDATE CONSTRAINT` reads without the "
            "strong lock. When does a transaction give its locks back?",
            "op.create_check_constraint(..., postgresql_not_valid=True); then, in another revision "
            "and an `autocommit_block`, op.execute with ALTER TABLE orders VALIDATE CONSTRAINT and "
            "the name. The naming convention makes it ck_orders_ and the name that you gave.",
        ),
        why="`autocommit_block` commits what was done before it, and with that the strong lock is "
        "given back. What follows is a transaction of its own. `transaction_per_migration=True` in "
        "env.py comes to the same. Two revisions, because a VALIDATE that has failed can then run "
        "again: the bookmark knows that the rule is there.",
    ),
    Exercise(
        "invalid-index",
        "The ruin",
        invalid_index,
        initial_state=InitialState("history", DOUBLED, {FILE: COLLEAGUE}, doubles),
        points=2,
        hints=(
            "What is in the way of the index: a name, some rows, or both?",
            "First the doubles go, by a condition and not by their ids: other databases have "
            "others. Then the ruin goes. Then the index comes.",
            "DELETE FROM orders a USING orders b WHERE a.id > b.id AND the rest is equal. Then, "
            "in an `autocommit_block`, op.drop_index(..., if_exists=True, "
            "postgresql_concurrently=True) and op.create_index(..., unique=True, "
            "postgresql_concurrently=True).",
        ),
        why="The colleague's second run found the name and asked for no more. A revision that "
        "drops the index first can run as often as it has to: whatever the last run has left, it "
        "ends with a whole index, or with an error.",
    ),
)
