"""The exercises of the lesson: the capstone."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.capstone.addresses import addresses
from coursekit.lessons.capstone.emails import emails
from coursekit.lessons.capstone.names import names
from coursekit.lessons.capstone.shop import FILES, FILES_OF_ADDRESSES, SQL

EXERCISES = (
    Exercise(
        "split-addresses",
        "Addresses",
        addresses,
        initial_state=InitialState("history", sql=SQL, files=FILES_OF_ADDRESSES),
        hints=(
            "Read part 1 of the request once more, and count its rules. Which of them can the "
            "database keep by itself?",
            "Many addresses, one default: the rule counts only some of the rows. An index may be "
            "unique for a part of a table: `postgresql_where`. A foreign key says what happens "
            "when a customer leaves: `ondelete`. It brings no index of its own.",
            'In `__table_args__`: `Index("uq_addresses_default", "user_id", unique=True, '
            'postgresql_where=text("is_default"))`. Beside it `index=True` on `user_id`, and '
            "`server_default=false()` on `is_default`. Then let autogenerate write the revision.",
        ),
        why="The partial unique index counts the defaults only, so a customer may have any number "
        "of other addresses. A foreign key has no index of its own: without `index=True`, every "
        "customer who leaves would cost a search through all addresses. The new table is empty, "
        "so nothing of this makes anybody wait for long.",
    ),
    Exercise(
        "one-account-per-email",
        "One e-mail, one account",
        emails,
        initial_state=InitialState("history", sql=SQL, files=FILES),
        points=2,
        hints=(
            "What could a customer do in the moment between your clean-up and your constraint?",
            "`SHARE ROW EXCLUSIVE` on `users`, `orders` and `carts`, taken first and held to the "
            "end of the revision: people read on, and those who write wait. Orders and carts must "
            "have changed hands before an account is deleted: look at ON DELETE of both foreign "
            "keys.",
            "`min(id) OVER (PARTITION BY lower(email))` tells for each account which one stays. "
            "Write this into a temporary table first; all other steps join it. For the carts: "
            "INSERT ... SELECT ... sum(quantity) ... GROUP BY ... ON CONFLICT ... DO UPDATE.",
        ),
        why="The lock is what makes it safe: between the clean-up and the index nobody can "
        "register, order or fill a cart. It is short, because the temporary table tells at once "
        "which accounts are concerned. The old constraint goes in a revision of its own: its "
        "step asks for a stronger lock, and somebody who has read and waits to write would be in "
        "its way. Where even that is too long, let a trigger refuse second accounts first, clean "
        "up, build the index CONCURRENTLY, and take the trigger away; if the build fails, clean "
        "up once more. Merged accounts cannot be parted again, so the downgrade gives back the "
        "constraint only.",
    ),
    Exercise(
        "split-name-online",
        "Two names, no downtime",
        names,
        initial_state=InitialState("history", sql=SQL, files=FILES),
        points=2,
        hints=(
            "Write down for each of your revisions: which code is running then, which columns "
            "does it name, and what does it find in them?",
            "Two versions of the code write, each in its own form. A trigger BEFORE INSERT OR "
            "UPDATE fills the other form. It must know which of the two was changed: compare NEW "
            "with OLD. In op.execute, a colon before a word stands for a parameter; write `\\:`.",
            "Three revisions. Expand: two columns that may be NULL, and the trigger. Fill: "
            "`UPDATE users SET name = name WHERE first_name IS NULL`, in batches, outside the "
            "transaction that holds the lock of ALTER TABLE. Contract: no trigger, no function, "
            "NOT NULL, no `name`.",
        ),
        why="The trigger stands before the filling begins, so no row can slip through, and it "
        "holds the rule in one place: filling is an UPDATE that sets it off. NOT NULL comes in "
        "three steps: the constraint that is NOT VALID looks at new rows only, VALIDATE reads the "
        "table without keeping anybody out, and SET NOT NULL then needs no look of its own. The "
        "way back gives the old column its names; it is for an evening when the shop is closed, "
        "because it fills the table in one transaction.",
    ),
)
