"""The starter files and the checks of this lesson."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from coursekit.course.starting_state import starting_state
from coursekit.exercises import draws
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, NotStarted, expect_equal, expect_that
from coursekit.exercises.literal_rows import insert_rows
from coursekit.exercises.revision_file import revision_file
from coursekit.exercises.schema import Schema, changes
from coursekit.exercises.submission import Submission

PROJECT = starting_state("query-into-dataframes").files
NONE = "nothing has changed"
NICKNAME, PRICE = ("column", "users.nickname"), ("column", "products.price")


ADD = "op.add_column('users', sa.Column('nickname', sa.String(50)))"
DROP = "op.drop_column('users', 'nickname')"
CREATE_PRODUCTS = """op.create_table(
        'products',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(50), nullable=False),
        sa.Column('price', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_products')),
    )"""
DROP_PRODUCTS = "    op.drop_table('products')"
CREATE_CARTS = "    op.create_table('carts', sa.Column('id', sa.Integer(), primary_key=True))"
PENDING = {
    **revision_file("0002", "add a nickname", f"    {ADD}", f"    {DROP}"),
    **revision_file("0003", "create products", f"    {CREATE_PRODUCTS}", DROP_PRODUCTS),
    **revision_file("0004", "create carts", CREATE_CARTS, "    op.drop_table('carts')"),
}


def _difference(before: Schema, after: Schema) -> str:
    """Describe the difference between two schemas in one line."""
    return " ".join(map(str, changes(before, after))) or NONE


def pending(submission: Submission) -> Iterator[CheckItem]:
    """Check that the database is at 0003, and 0004 is pending."""
    things = submission.database.snapshot().objects
    made = {"0002": NICKNAME, "0003": ("table", "products"), "0004": ("table", "carts")}
    ran = {number: thing in things for number, thing in made.items()}
    if submission.untouched and submission.current_revisions == ["0001"] and not any(ran.values()):
        raise NotStarted
    where = "%alembic current, and %alembic history for the order"
    yield expect_equal(
        "the database is at revision 0003", submission.current_revisions, ["0003"], where
    )
    for number, (kind, name) in made.items():
        should, has = number != "0004", ran[number]
        yield expect_that(
            f"{number} has {'run' if should else 'not run'}",
            has == should,
            f"{'a' if should else 'no'} {kind} {name}",
            "there is one" if has else "there is none",
            "whether the revision ran, or only the bookmark was moved; begin again to see"
            if should
            else "what `head` means; a downgrade takes one revision back",
        )
    kept = {name: submission.files.get(name) for name in PENDING} == PENDING
    if all(has == (number != "0004") for number, has in ran.items()):
        yield _as_the_files_make_it(submission, things)
    where = "begin again; a command can stop at a revision while later ones lie there"
    yield expect_that("the three files are as they were", kept, "no change", "a change", where)


def _as_the_files_make_it(submission: Submission, things: Mapping[Any, str]) -> CheckItem:
    """Report whether the schema is the one that 0001 to 0003 make."""
    submission.alembic("upgrade 0003", files={**submission.initial_files, **PENDING})
    made = submission.copied_database.snapshot().objects
    wrong = sorted(
        f"{kind} {name}"
        for (kind, name), about in made.items()
        if kind != "rows" and things.get((kind, name)) != about
    )
    got = ", ".join(wrong) or NONE
    what = "the tables are as 0001 to 0003 make them"
    where = "did the revisions run, or was something made by hand? Begin again to see"
    return expect_that(what, got == NONE, "no difference", got, where)


def nickname(submission: Submission) -> Iterator[CheckItem]:
    """Check that revision 0002 adds a column, and its downgrade removes it."""
    found = submission.database.snapshot().objects.get(NICKNAME, "no such column")
    if (
        submission.untouched
        and submission.current_revisions == ["0001"]
        and found == "no such column"
    ):
        raise NotStarted
    where = '%alembic revision -m "..." --rev-id 0002, and down_revision in its file'
    follows = submission.revisions.get("0002", "there is no revision 0002")
    yield expect_equal("revision 0002 follows 0001", follows, "0001", where)
    if follows == "0001":
        yield from _both_ways(submission)
    where = "%alembic current; %alembic upgrade head, once the file is as it should be"
    yield expect_equal(
        "your database is at revision 0002", submission.current_revisions, ["0002"], where
    )
    where = (
        "def upgrade(), and when it ran: what was filled in later has not run. Begin again, and "
        "upgrade when the file is complete"
    )
    yield expect_equal(
        "your database has the column nickname", found, "character varying(50)", where
    )


def _both_ways(submission: Submission) -> Iterator[CheckItem]:
    """Report what 0002's upgrade and downgrade do to another database."""
    submission.fill("users", draws.users(submission.random))
    before = submission.new_database().snapshot()
    ran = submission.alembic("upgrade 0002")
    did = ran if ran.error else _difference(before, submission.copied_database.snapshot())
    wanted = "+ added column users.nickname character varying(50)"
    yield expect_equal(
        "its upgrade adds the column, and that alone", did, wanted, "def upgrade() in it"
    )
    if did == wanted:
        ran = submission.alembic("downgrade 0001", go_on=True)
        left = ran if ran.error else _difference(before, submission.copied_database.snapshot())
        what, where = "its downgrade takes away the column, and that alone", "def downgrade() in it"
        yield expect_that(what, left == NONE, "the database as it was before 0002", left, where)


PRODUCT = """

class Product(Base):
    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2))
"""
MODELS = PROJECT.get("models.py", "").replace(
    "from sqlalchemy import Index, String",
    "from decimal import Decimal\n\nfrom sqlalchemy import Index, Numeric, String",
)
MISTAKE = revision_file("0002", "create products", f"    {CREATE_PRODUCTS}", DROP_PRODUCTS)
SHOP = """
CREATE TABLE products (id serial CONSTRAINT pk_products PRIMARY KEY,
                       name varchar(50) NOT NULL, price integer NOT NULL);
UPDATE alembic_version SET version_num = '0002';
"""
WHOLE, CENTS = "integer, not null", "numeric(8,2), not null"


def products(random: Random) -> str:
    """Return a statement that adds three products."""
    three = [{"name": draws.word(random), "price": random.randrange(2, 90)} for _ in range(3)]
    return insert_rows("products", three)


def forward(submission: Submission) -> Iterator[CheckItem]:
    """Check that a new revision fixes what 0002 did, and no row is lost."""
    three = _stock(submission.initial_database)
    price = submission.database.snapshot().objects.get(PRICE, "no such column")
    stock = _stock(submission.database) if price != "no such column" else []
    kept = not Counter(three) - Counter(stock)
    if (
        submission.untouched
        and submission.current_revisions == ["0002"]
        and price == WHOLE
        and kept
    ):
        raise NotStarted
    file, text = next(iter(MISTAKE.items()))
    same = _meaning(submission.files.get(file, "")) == _meaning(text)
    where = "the other databases have run it, and will not run it again"
    yield expect_that("revision 0002 is as it was", same, "no change", f"a change in {file}", where)
    heads = submission.heads
    follows = len(heads) == 1 and heads != ["0002"]
    where = "%alembic revision: the other databases get only what a revision says"
    yield expect_that(
        "a new revision follows 0002, and is the only head", follows, "one new head", heads, where
    )
    if follows:
        yield from _elsewhere(submission)
        where = "%alembic current, and %alembic upgrade head"
        yield expect_equal(
            "your database is at the new revision", submission.current_revisions, heads, where
        )
    where = "def upgrade() in the new revision, and whether it ran"
    yield expect_equal("your database has a price with cents", price, CENTS, where)
    where = "what a downgrade or a drop does to rows; begin again, and go forward only"
    yield expect_that("your three products kept their prices", kept, str(three), stock, where)


def _elsewhere(submission: Submission) -> Iterator[CheckItem]:
    """Report what the new revision does to another database at 0002."""
    more = dict(zip(draws.names(submission.random), _prices(submission.random), strict=False))
    submission.fill("products", [{"name": name, "price": more[name]} for name in more])
    fresh = submission.new_database()
    before, wanted_stock = fresh.snapshot(), _stock(fresh)
    ran = submission.alembic("upgrade head")
    did = ran if ran.error else _difference(before, submission.copied_database.snapshot())
    wanted = f"~ changed column products.price {WHOLE} before, {CENTS} after"
    where = "def upgrade() in the new revision"
    yield expect_equal("another database gets the new type, and that alone", did, wanted, where)
    if did == wanted:
        stock = _stock(submission.copied_database)
        what = "there, the products kept their prices"
        yield expect_that(what, stock == wanted_stock, str(wanted_stock), stock, where)


def _prices(random: Random) -> list[int]:
    """Return prices as 0002 stores them: two plain ones, then what is easily lost."""
    return [random.randrange(2, 90), random.randrange(100, 900), 0, 1, 999_999, -7]


def _stock(database: Database) -> list[tuple[str, str]]:
    """Return the products with their prices in cents, by id."""
    found = database.rows("products", "name", "price", by="id")
    return [
        (name, f"{price:.2f}" if hasattr(price, "real") else str(price)) for name, price in found
    ]


def _meaning(source: str) -> str:
    """Return a file's syntax tree, to compare files without their layout and comments."""
    try:
        return ast.dump(ast.parse(source))
    except SyntaxError:
        return "no Python"
