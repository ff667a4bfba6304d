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
            "What does PostgreSQL do by default if it can't get a lock? It waits. Which setting "
            "limits the wait?",
            "`SET LOCAL lock_timeout` applies to one transaction. A timeout raises an "
            "`OperationalError`, and so do other problems.",
            "with engine.begin() as connection: first SET LOCAL lock_timeout = '500ms', then the "
            "statement. Around it: except OperationalError, and `raise` unless the message has "
            '"lock timeout".',
        ),
        why="Set the timeout before the statement, in the same transaction. There's nothing to "
        "clean up after a timeout: the transaction was rolled back. "
        "`locks.with_lock_retries` does the same with retries.",
    ),
    Exercise(
        "no-negative-amount",
        "No amount below zero",
        amounts,
        initial_state=InitialState("history", SHOP, draw=drawn_orders),
        points=2,
        hints=(
            "Which step needs ACCESS EXCLUSIVE, and which takes long? Can you separate them?",
            "`NOT VALID` adds a constraint without reading the rows; `VALIDATE CONSTRAINT` reads "
            "them under a weaker lock. When does a transaction release its locks?",
            "op.create_check_constraint(..., postgresql_not_valid=True); then, in another revision "
            "and an `autocommit_block`, op.execute with ALTER TABLE orders VALIDATE CONSTRAINT and "
            "the name. The naming convention puts ck_orders_ before the name you chose.",
        ),
        why="`autocommit_block` commits the steps before it, which releases the ACCESS EXCLUSIVE "
        "lock. The steps in it run in separate transactions. `transaction_per_migration=True` in "
        "env.py has the same effect. You need two revisions, so that a failed VALIDATE can run "
        "again: the version table records that the constraint exists.",
    ),
    Exercise(
        "invalid-index",
        "The invalid index",
        invalid_index,
        initial_state=InitialState("history", DOUBLED, {FILE: COLLEAGUE}, doubles),
        points=2,
        hints=(
            "What blocks the index: a name, some rows, or both?",
            "First delete the duplicates, by a condition, not by their ids, which differ in other "
            "databases. Then drop the invalid index. Then create the index again.",
            "DELETE FROM orders a USING orders b WHERE a.id > b.id AND user and time are equal. "
            "Then, in an `autocommit_block`, op.drop_index(..., postgresql_concurrently=True) if "
            "pg_index says NOT indisvalid, and op.create_index(..., unique=True, "
            "if_not_exists=True, postgresql_concurrently=True).",
        ),
        why="The colleague's second run found an index of that name and did nothing. A revision "
        "that drops an invalid index first can run any number of times: it ends with a valid "
        "index, or with an error. It keeps a valid index, which forbids duplicates all the time.",
    ),
)
