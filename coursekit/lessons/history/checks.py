"""The starter files and the checks of this lesson."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from coursekit.course.starting_state import starting_state
from coursekit.exercises import draws
from coursekit.exercises.database import Database, Row
from coursekit.exercises.items import CheckItem, NotStarted, expect_equal, expect_that
from coursekit.exercises.literal_rows import insert_rows
from coursekit.exercises.revision_file import revision_file
from coursekit.exercises.schema import changes
from coursekit.exercises.statements import statement, update
from coursekit.exercises.submission import Submission

NONE = "nothing"
PHONE, NOTE = "users.phone", "orders.gift_note"
TYPES = {PHONE: "character varying(20)", NOTE: "text"}


def _add_column(number: str, message: str, column: str, type_: str) -> dict[str, str]:
    """Return a revision after 0003 that adds a column, path to source."""
    table, _, name = column.partition(".")
    add = f"    op.add_column('{table}', sa.Column('{name}', {type_}))"
    drop = f"    op.drop_column('{table}', '{name}')"
    return revision_file(number, message, add, drop, follows="0003")


MODELS = starting_state("history").files["models.py"]
WITH_PHONE = MODELS.replace(
    "    email:", "    phone: Mapped[str | None] = mapped_column(String(20))\n    email:"
)
WITH_BOTH = WITH_PHONE.replace("import String, ", "import String, Text, ").replace(
    "    amount:", "    gift_note: Mapped[str | None] = mapped_column(Text)\n    amount:"
)
PENDING = {**_add_column("0004", "phone", PHONE, "sa.String(20)"), "models.py": WITH_PHONE}
RESTORED = "DROP TABLE alembic_version;"
HEADS = {
    **_add_column("0004a", "phone", PHONE, "sa.String(20)"),
    **_add_column("0004b", "gift note", NOTE, "sa.Text()"),
    "models.py": WITH_BOTH,
}
# The other databases: whose each is, its revision, and the column that it has.
ELSEWHERE = {"Ann's": ("0004a", PHONE), "Ben's": ("0004b", NOTE), "a third": ("0003", "")}
GIVEN_UP = """
ALTER TABLE orders ADD gift_note text;
UPDATE alembic_version SET version_num = '0004';
"""


NOTED = "UPDATE orders SET gift_note = '{}' WHERE id = 1;"


def rows(random: Random) -> str:
    """Return statements that add two users and three orders."""
    orders = [
        {"user_id": user, "amount": draws.amount(random), "status": status}
        for user, status in zip(
            random.choices((1, 2), k=3), random.sample(("new", "paid", "shipped"), 3), strict=True
        )
    ]
    return insert_rows("users", draws.people(random, 2)) + insert_rows("orders", orders)


def rows_with_note(random: Random) -> str:
    """Return the statements of `rows`, and one that writes a gift note."""
    note = f"For {draws.name(random)}, from {draws.name(random)}"
    return rows(random) + NOTED.format(note)


def _rows_kept(submission: Submission) -> CheckItem:
    """Report whether users and orders are unchanged."""
    got, was = _rows(submission.database), _rows(submission.initial_database)
    where = "what a downgrade or a drop does to rows; begin again to get them back"
    what = "the two users and the three orders are as they were"
    return expect_equal(what, _text(got), _text(was), where)


def _text(found: list[Row]) -> str:
    return "; ".join(", ".join(map(str, row)) for row in found)


def _rows(database: Database) -> list[Row]:
    """Return users and orders by the columns that no exercise changes; [] without them."""
    if not {("table", "users"), ("column", "orders.status")} <= set(database.snapshot().objects):
        return []
    users = database.rows("users", "name", "email", "password", by="id")
    return users + database.rows("orders", "amount", "status", by="id")


def _rest(submission: Submission, *names: str) -> str:
    """Describe changes to the schema, apart from alembic_version and these columns."""
    found = changes(submission.initial_database.snapshot(), submission.database.snapshot())
    return (
        "; ".join(
            f"{one.what}: {one.kind} {one.name}"
            for one in found
            if one.kind != "rows" and one.name not in names and "alembic_version" not in one.name
        )
        or NONE
    )


def _same_files(submission: Submission) -> CheckItem:
    good = submission.untouched
    where = "begin again; here the files are right, and the database is not"
    return expect_that("the files are as they were", good, "no change", "a change", where)


def bookmark(submission: Submission) -> Iterator[CheckItem]:
    """Check that a database without a version table gets it back, and what it lacks."""
    current, phone = submission.current_revisions, submission.database.column(PHONE)
    if submission.untouched and not current and phone == "no such column":
        raise NotStarted
    where = (
        "which revisions have really run here? Only these may be stamped, and upgrade does the "
        "rest. Begin again, if the bookmark says too much"
    )
    yield expect_equal("users has the column phone, of 0004", phone, TYPES[PHONE], where)
    where = "%alembic current, and what the message of the last command says"
    yield expect_equal("the bookmark stands at 0004", current, ["0004"], where)
    where = "what has happened to the tables of 0001 to 0003: they were right"
    yield expect_equal(
        "nothing else in the schema has changed", _rest(submission, PHONE), NONE, where
    )
    yield _rows_kept(submission)
    yield _same_files(submission)


def merged(submission: Submission) -> Iterator[CheckItem]:
    """Check that one command brings every database to one head."""
    current = submission.current_revisions
    if submission.untouched and current == ["0003"]:
        raise NotStarted
    where = "%alembic heads: which revision brings them together?"
    yield expect_equal("the history has one head", len(submission.heads), 1, where)
    if len(submission.heads) != 1:
        return
    submission.fill("users", draws.users(submission.random))
    for whose in ELSEWHERE:
        yield _upgraded(submission, whose)
    where = "%alembic current, and %alembic upgrade head"
    yield expect_equal(
        "your database stands at the head", submission.current_revisions, submission.heads, where
    )
    got = [submission.database.column(name) for name in TYPES]
    yield expect_equal("your database has both columns", got, list(TYPES.values()), where)
    yield _rows_kept(submission)


def _upgraded(submission: Submission, whose: str) -> CheckItem:
    """Report whether `upgrade head` adds both columns to another database."""
    current, column = ELSEWHERE[whose]
    what = f"upgrade head brings {whose} database, at {current}, to both columns"
    result = submission.alembic("history")
    before: list[Row] = []
    if not result.error:
        before = _bring(submission.copied_database, current, column)
        result = submission.alembic("upgrade head", go_on=True)
    where = (
        f"what Alembic does with a database that stands at {current}: it runs what follows, and "
        "takes all that comes before as done. Both files have run somewhere"
    )
    gone = sorted({"0004a", "0004b"} - set(submission.revisions))
    if gone:
        where = f"alembic/versions: {' and '.join(gone)} is gone, and a database needs it"
    if result.error:
        return expect_that(what, False, "no error", result, where)
    database = submission.copied_database
    lacks = [name for name in TYPES if database.column(name) != TYPES[name]]
    got = f"without {' and '.join(lacks)}" if lacks else "both"
    if _rows(database) != before:
        got, where = "other rows", "what your revisions do to existing rows"
    return expect_equal(what, got, "both", where)


def _bring(database: Database, current: str, column: str) -> list[Row]:
    """Bring a database to someone else's revision, and return its rows."""
    table, _, name = column.partition(".")
    made = f"ALTER TABLE public.{table} ADD {name} {TYPES[column]}" if column else "SELECT 1"
    database.commit(statement(made), update("alembic_version", {"version_num": current}))
    return _rows(database)


def lost(submission: Submission) -> Iterator[CheckItem]:
    """Check that a database leaves a revision whose file is lost."""
    current, note = submission.current_revisions, submission.database.column(NOTE)
    if submission.untouched and current == ["0004"] and note == TYPES[NOTE]:
        raise NotStarted
    where = "stamp moves the bookmark; what 0004 has made is a column of orders"
    yield expect_equal("orders has no column gift_note", note, "no such column", where)
    where = "%alembic stamp sets it; with an option, it asks nobody where the database was before"
    yield expect_equal("the bookmark stands at 0003", current, ["0003"], where)
    where = "0004 has made one column; everything else belongs to 0001 to 0003"
    yield expect_equal(
        "nothing else in the schema has changed", _rest(submission, NOTE), NONE, where
    )
    yield _rows_kept(submission)
    known = sorted(submission.revisions)
    where = "alembic/versions: a file that helped on the way has to go as well"
    yield expect_equal(
        "the revisions are 0001, 0002 and 0003", known, ["0001", "0002", "0003"], where
    )
