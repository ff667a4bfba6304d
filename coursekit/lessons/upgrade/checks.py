"""The checks of the first two exercises."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, NotStarted, expect_equal, expect_that
from coursekit.exercises.migrations import advice, earlier_revisions, in_step, initial_env
from coursekit.exercises.statements import statement, update
from coursekit.exercises.submission import Submission
from coursekit.exercises.surroundings import surroundings
from coursekit.lessons.upgrade.starters import PENDING
from coursekit.lessons.upgrade.trial import (
    EXTRA,
    MISSING,
    NONE,
    ROWS,
    only_by_revisions,
    outcome,
    state_of,
)

NICKNAME = ("column", "users.nickname")
MODELS = "models.py"
# A table that no revision of the exercise is about.
UNRELATED = (
    "CREATE TABLE public.letters (id integer PRIMARY KEY)",
    "INSERT INTO public.letters VALUES (1)",
)
# Added to models.py, it raises an AttributeError if the column has another name in Python.
USES = """

from db import Base as CheckedBase

for checked in CheckedBase.registry.mappers:
    if "nickname" in checked.local_table.columns:
        checked.class_.nickname
"""
ADVICE = "def upgrade() in it: one column, with the name and type from the exercise"
OTHERS = "models.py and def upgrade(): everything else stays as 0001 created it"
# What an upgrade did besides adding the column, or in its place, and what to look at.
ADDED = (
    ("nickname character varying(50), default", "server_default: the exercise asks for no default"),
    *EXTRA,
    ("changed column users.", OTHERS),
    ("removed ", OTHERS),
    ("nickname", ADVICE),
    ("added column users.", "the column's name, in models.py and in the revision: nickname"),
)


def pending(submission: Submission) -> Iterator[CheckItem]:
    """Check that the database is at 0003, and 0004 is pending."""
    things = submission.database.snapshot().objects
    made = {"0002": NICKNAME, "0003": ("table", "products"), "0004": ("table", "carts")}
    ran = {number: thing in things for number, thing in made.items()}
    ran["0004"] = ran["0004"] or _are_left("carts", submission)
    if submission.untouched and submission.current_revisions == ["0001"] and not any(ran.values()):
        raise NotStarted
    current = submission.current_revisions
    where = _about_revision(current)
    yield expect_equal("the database is at revision 0003", current, ["0003"], where)
    for number, (kind, name) in made.items():
        should, has = number != "0004", ran[number]
        yield expect_that(
            f"{number} has {'run' if should else 'not run'}",
            has == should,
            f"{'a' if should else 'no'} {kind} {name}",
            "there is one" if has else "there is none",
            _about_run(number, current),
        )
    if all(has == (number != "0004") for number, has in ran.items()):
        yield _as_the_files_make_it(submission, things)
    yield _same_files(submission)


def _are_left(table: str, submission: Submission) -> bool:
    """Return whether a table, or its index or sequence, is in any schema."""
    names = submission.database.query("SELECT relname FROM pg_catalog.pg_class")
    return any(str(name).startswith(table) for (name,) in names)


def _about_revision(current: list[str]) -> str:
    """Return what to look at if the database isn't at 0003."""
    if len(current) != 1:
        return "the rows of alembic_version, which Alembic keeps by itself. Begin again"
    if current[0] > "0003":
        return "`head` means every revision. Name the one to stop at; `downgrade -1` undoes 0004"
    return "0003 has not been reached: name it after `upgrade`"


def _about_run(number: str, current: list[str]) -> str:
    """Return what to look at if a revision should have run and hasn't, or the other way round."""
    at = max(current, default="")
    if number == "0004":
        if at == "0004":
            return "`head` means every revision; `downgrade -1` undoes the last one"
        return (
            "carts is there, but the database isn't at 0004: was only the ID changed, or carts "
            "created by hand? Begin again"
        )
    if at < number:
        return f"the database hasn't come as far as {number}: name 0003 after `upgrade`"
    return (
        "did the revision run, or was only its ID stored? Was something undone by hand, or "
        "created in another schema? Begin again, and use upgrade"
    )


def _same_files(submission: Submission) -> CheckItem:
    """Report whether all files are as they were; name the first that isn't."""
    now = submission.files
    before = submission.initial_files
    changed = [name for name, source in before.items() if now.get(name) != source]
    first = changed[0] if changed else ""
    got = f"{first} {'was changed' if first in now else 'is gone'}"
    where = "begin again: a command can stop at a revision while later files are in the folder"
    if first not in PENDING:
        where = "begin again: the command alone is enough"
    what = "the files are unchanged"
    return expect_that(what, not changed, "no change", got if changed else "no change", where)


def _as_the_files_make_it(submission: Submission, things: Mapping[Any, str]) -> CheckItem:
    """Report whether the schema is the one that 0001 to 0003 make."""
    submission.alembic("upgrade 0003", files=submission.initial_files)
    made = submission.copied_database.snapshot().objects
    wrong = sorted(
        f"{kind} {name}"
        for (kind, name), about in made.items()
        if kind != "rows" and things.get((kind, name)) != about
    )
    added = surroundings(submission.database) - surroundings(submission.copied_database)
    wrong += sorted(one for one in added if one.startswith(("trigger ", "rule ", "privileges")))
    got = ", ".join(wrong) or NONE
    what = "the tables are what 0001 to 0003 create"
    where = "did the revisions run, or did you create something by hand? Begin again"
    return expect_that(what, got == NONE, "no difference", got, where)


def nickname(submission: Submission) -> Iterator[CheckItem]:
    """Check that the model and revision 0002 add a column, and its downgrade removes it."""
    found = submission.database.snapshot().objects.get(NICKNAME, MISSING)
    current = submission.current_revisions
    # The answer cell writes models.py again, even with a TODO in it.
    new = {**submission.files, MODELS: submission.initial_files[MODELS]} != submission.initial_files
    written = new or "nickname" in submission.files.get(MODELS, "")
    if not written and current == ["0001"] and found == MISSING:
        raise NotStarted
    where = '%alembic revision -m "..." --rev-id 0002, and down_revision in its file'
    follows = submission.revisions.get("0002", "there is no revision 0002")
    yield expect_equal("revision 0002 follows 0001", follows, "0001", where)
    yield earlier_revisions(submission)
    good = False
    if follows == "0001":
        items = list(_up_and_down(submission))
        good = items[0].good
        yield from items
    where = "%alembic upgrade head, once the file is as it should be"
    wrong_id = not {*current} <= {"0001", "0002"}
    about = "the ID: it has to be 0002. Begin again, and add --rev-id 0002" if wrong_id else where
    yield expect_equal("your database is at revision 0002", current, ["0002"], about)
    if current == ["0002"] and not good:
        where = "its upgrade, above. Run %alembic downgrade -1, fix the file, and upgrade again"
    elif current == ["0002"]:
        where = (
            "the order of your steps: 0002 ran before its file was complete, and what was filled "
            "in later has not run. Begin again, and upgrade last"
        )
    elif submission.revisions.keys() <= {"0001"}:
        where = "the revision: write it first, then upgrade"
    yield expect_equal(
        "your database has the nickname column", found, "character varying(50)", where
    )
    if good:
        yield from only_by_revisions(submission, submission.new_database().snapshot(), NICKNAME)


def _up_and_down(submission: Submission) -> Iterator[CheckItem]:
    """Report what 0002's upgrade and downgrade do to another database."""
    submission.fill("users", draws.users(submission.random))
    before = state_of(submission.new_database())
    did = outcome(submission, "upgrade 0002", before, files=initial_env(submission))
    wanted = "+ added column users.nickname character varying(50)"
    where = advice(did, _upgrade_advice(did))
    yield expect_equal("its upgrade adds the column, and nothing else", did, wanted, where)
    if did == wanted:
        model = list(_model_in_step(submission))
        yield from model
        if len(model) > 1:  # models.py can't be imported any more
            return
        first = before.users[0][0]
        unrelated = [*map(statement, UNRELATED)]
        submission.copied_database.commit(
            update("users", {"nickname": "Annie"}, id=first), *unrelated
        )
        other = submission.new_database("other")
        other.commit(*unrelated)
        left = outcome(submission, "downgrade 0001", state_of(other))
        what = "its downgrade removes the column, and nothing else"
        where = "def downgrade() in it: the opposite of its upgrade, and no more"
        if "changed rows" in left or "changed values" in left:
            where = f"def downgrade() in it: the column goes, and nothing else. {ROWS}"
        where = advice(left, where)
        yield expect_that(what, left == NONE, "the database as it was before 0002", left, where)
        if left == NONE:
            yield from _fails_without_users(submission)


def _fails_without_users(submission: Submission) -> Iterator[CheckItem]:
    """Report an upgrade that hides its error, and leaves a database at 0002 without the column."""
    submission.copied_database.commit(statement("ALTER TABLE public.users RENAME TO members"))
    result = submission.alembic("upgrade 0002", go_on=True)
    if not result.error:
        what = "its upgrade fails if it can't add the column"
        where = (
            "EXCEPTION in a DO block, except and IF EXISTS: they hide the error, and the database "
            "counts as upgraded"
        )
        yield expect_that(what, False, "an error", "no error", where)


def _model_in_step(submission: Submission) -> Iterator[CheckItem]:
    """Report whether models.py and the database agree, and what the model calls the column."""
    item = in_step(submission)
    yield item
    if item.good:
        models = {MODELS: submission.files[MODELS] + USES}
        used = submission.alembic("current", go_on=True, files=models)
        if used.error:
            what = "User has the attribute nickname"
            where = "the attribute's name in models.py: the program uses it, not the column's"
            yield expect_that(what, False, "an attribute", used, where)


def _upgrade_advice(did: str) -> str:
    if did == NONE:
        return (
            "def upgrade() in it: it does nothing. Did you change models.py before you ran "
            "--autogenerate, and the database only afterwards?"
        )
    if re.search(r"users\.nickname [^+~-]*not null", did):
        return "nullable: the nickname may be NULL. In a model, that's Mapped[str | None]"
    return next((says for words, says in ADDED if words in did), ADVICE)
