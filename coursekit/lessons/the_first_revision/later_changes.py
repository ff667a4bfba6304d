"""Check what Alembic makes of later changes to models.py."""

from __future__ import annotations

import re
from collections.abc import Iterator

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, expect_equal, expect_that
from coursekit.exercises.migrations import DRIFT, LATER
from coursekit.exercises.submission import Submission
from coursekit.lessons.the_first_revision.starters import BOOKS

MODELS = "models.py"
YEAR = re.compile(r"^( +)year: Mapped\[.*$", re.M)  # the line in models.py, replaced by another
TITLE = re.compile(r"\bString\((length=)?120\)")
# Added to models.py, it adds to the table, whatever the module itself imports.
KEYS = """
books = LaterBase.metadata.tables["books"]
sqlalchemy.Index("{name}_index", books.c.title)
books.append_constraint(sqlalchemy.UniqueConstraint("title"))
"""
# Where to look if Alembic doesn't detect a change.
ADVICE = {
    "a new column": "alembic/env.py: Alembic must compare with the models in models.py itself",
    "a new table": "alembic/env.py: which tables does it pass on? All those in Base.metadata must "
    "be",
    "a changed type": "alembic/env.py: compare_type=False hides a type that has changed",
    "a dropped column": "alembic/env.py: it hides columns that no model has anymore",
    "a new index": "alembic/env.py: it hides indexes from Alembic",
    "a new unique constraint": "alembic/env.py: it hides unique constraints from Alembic",
}


def goes_on(submission: Submission) -> Iterator[CheckItem]:
    """Report what happens when models.py changes, as it will."""
    grown, found = YEAR.subn(r"\1pages: Mapped[int | None]", submission.files[MODELS], 1)
    if not found:
        return
    grown, longer = TITLE.subn("String(121)", grown, count=1)
    name = f"a_later_{draws.word(submission.random)}"
    files = {MODELS: grown + LATER.format(name=name) + KEYS.format(name=name)}
    result = submission.alembic("upgrade head", "check", files=files)
    got = submission.copied_database.columns("books")
    where = "def upgrade: it must spell out the columns. What it takes from models.py changes later"
    what = "the revision stays the same if models.py changes"
    yield expect_equal(what, got, BOOKS, where)
    if got != BOOKS:
        return
    steps = {
        "a new column": "pages",
        "a dropped column": "'remove_column'",
        "a new table": f"'{name}'",
        "a new index": f"{name}_index",
        "a new unique constraint": "'add_constraint'",
        "a changed type": "modify_type",
    }
    wanted = [each for each in steps if longer or each != "a changed type"]
    noticed = [each for each in wanted if steps[each] in result.error]
    missed = [each for each in ADVICE if each not in noticed]
    what = "Alembic detects later changes to models.py"
    where = ADVICE[missed[0]] if missed else ""
    yield expect_equal(what, noticed if noticed else result, wanted, where)
    yield _broken(submission)


def _broken(submission: Submission) -> CheckItem:
    """Report whether an error in models.py stops Alembic; otherwise it finds no models."""
    broken = f'raise ImportError("{draws.word(submission.random)}")\n'
    result = submission.alembic("check", go_on=True, files={MODELS: broken})
    stopped = bool(result.error) and DRIFT not in result.error
    got = "it goes on, without the models" if not stopped else result
    where = "alembic/env.py: it hides an error in models.py. The next draft would drop the tables"
    return expect_that("an error in models.py stops Alembic", stopped, "an error", got, where)
