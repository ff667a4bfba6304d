"""Right and wrong answers to `split-addresses`."""

from __future__ import annotations

from support.samples import revision, wrong

BETWEEN = "# %%\n"


MODEL = """%%writefile addresses.py
from sqlalchemy import (Boolean, CheckConstraint, Column, Computed, ForeignKey, Identity, Index,
                        Integer, String, Table, Text, UniqueConstraint, false, text)
from sqlalchemy.orm import Mapped, mapped_column, relationship
from db import Base

class Address(Base):
    __tablename__ = "addresses"
    {}
    __table_args__ = (
        Index("uq_default", "user_id", unique=True, postgresql_where=text("is_default")), {}
    )
"""
USER = (
    'user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)'
)
COLUMNS = f"""id: Mapped[int] = mapped_column(primary_key=True)
    {USER}
    street: Mapped[str]
    city: Mapped[str]
    postcode: Mapped[str]
    is_default: Mapped[bool] = mapped_column(server_default=false())"""
PARTIAL = 'Index("uq_default", "user_id", unique=True, postgresql_where=text("is_default")), '
DRAFT = f"{BETWEEN}%alembic revision --autogenerate -m addresses --rev-id 0005\n"
GOOD = MODEL.format(COLUMNS, "")


def _changed(*pairs: tuple[str, str]) -> str:
    """Return a cell with the model, one thing changed, and what autogenerate makes of it."""
    text = GOOD
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text + DRAFT


RAW = """
op.execute('''
    CREATE TABLE addresses (
        user_id int NOT NULL REFERENCES users ON DELETE CASCADE,
        number int GENERATED ALWAYS AS IDENTITY,
        is_default boolean NOT NULL DEFAULT false,
        street text NOT NULL, city text NOT NULL, postcode text NOT NULL,
        PRIMARY KEY (user_id, number),
        EXCLUDE (user_id WITH =) WHERE (is_default)
    )
''')
"""
ADDRESSES_RIGHT = (
    # All by hand: an identity column in a two-column key, and an exclusion constraint.
    f"""%%writefile addresses.py
from sqlalchemy import ForeignKey, Identity, false
from sqlalchemy.orm import Mapped, mapped_column
from db import Base
from sqlalchemy import Text

class Address(Base):
    __tablename__ = "addresses"
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    is_default: Mapped[bool] = mapped_column(server_default=false())
    street: Mapped[str] = mapped_column(Text)
    city: Mapped[str] = mapped_column(Text)
    postcode: Mapped[str] = mapped_column(Text)
{BETWEEN}{revision("0005", RAW, "op.drop_table('addresses')")}""",
    # A unique generated column that is NULL except for the default address.
    _changed(
        (PARTIAL, 'Index("ix_all", "user_id", "is_default"), '),
        ('ondelete="CASCADE"), index=True)', 'ondelete="CASCADE"))'),
        (
            "server_default=false())",
            "server_default=false())\n    main: Mapped[int | None] = mapped_column("
            'Computed("CASE WHEN is_default THEN user_id END", persisted=True), unique=True)',
        ),
    ),
    # A table without a class, and three revisions.
    f"""%%writefile addresses.py
from sqlalchemy import Boolean, Column, ForeignKey, Identity, Index, Integer, String, Table, text
from db import Base
addresses = Table("addresses", Base.metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("street", String(80), nullable=False), Column("city", String(80), nullable=False),
    Column("postcode", String(10), nullable=False),
    Column("is_default", Boolean, nullable=False, server_default=text("'f'")),
    Index("one", "user_id", unique=True, postgresql_where=text("is_default = true")),
    Index("all", "user_id", "id"))
{BETWEEN}{
        revision(
            "0005",
            '''
op.create_table("addresses", sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("user_id", sa.Integer, nullable=False),
    *(sa.Column(one, sa.String(80), nullable=False) for one in ("street", "city")),
    sa.Column("postcode", sa.String(10), nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False, server_default=sa.false()))
op.create_index("all", "addresses", ["user_id", "id"])
''',
            "op.drop_table('addresses')",
        )
    }{BETWEEN}{
        revision(
            "0006",
            '''
op.create_index("one", "addresses", ["user_id"], unique=True,
                postgresql_where="is_default = true")
''',
            "op.drop_index('one')",
        )
    }{BETWEEN}{
        revision(
            "0007",
            '''
op.execute("ALTER TABLE addresses ADD FOREIGN KEY (user_id) REFERENCES users "
           "ON DELETE CASCADE NOT VALID")
op.execute("ALTER TABLE addresses VALIDATE CONSTRAINT addresses_user_id_fkey")
''',
            "op.execute('ALTER TABLE addresses DROP CONSTRAINT addresses_user_id_fkey')",
        )
    }""",
    # The model in models.py, with a relationship that leaves the deletes to the database.
    """
from pathlib import Path
models = Path("models.py")
source = models.read_text().replace('''back_populates="user_cart")
''', '''back_populates="user_cart")
    addresses: Mapped[list["Address"]] = relationship(passive_deletes=True)
''')
models.write_text(source.replace("ForeignKey, Index", "ForeignKey, Index, false") + '''

class Address(Base):
    __tablename__ = "addresses"
    __table_args__ = (
        Index("ix_default", "user_id", unique=True, postgresql_where=text("is_default")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    street: Mapped[str] = mapped_column(String(100))
    city: Mapped[str] = mapped_column(String(100))
    postcode: Mapped[str] = mapped_column(String(10))
    is_default: Mapped[bool] = mapped_column(server_default=false(), default=False)
''')
"""
    + DRAFT,
)
ADDRESSES_WRONG = (
    *wrong(
        "{}",
        f"""
--- the model alone -> new revisions follow 0004
{GOOD}
--- the draft was written before the model -> there is a table addresses
%alembic revision --autogenerate -m addresses --rev-id 0005
{BETWEEN}{GOOD}
--- no second default is refused -> a second default of one customer is refused
{_changed((PARTIAL, ""))}
--- one default in the whole shop -> two customers can each have a default
{_changed(('"uq_default", "user_id"', '"uq_default", "is_default"'))}
--- unique with the value false as well -> a customer can have several addresses
{_changed((PARTIAL, 'UniqueConstraint("user_id", "is_default"), '))}
--- one address each -> a customer can have several addresses
{_changed(("index=True)", "unique=True)"))}
--- no default value -> an address that does not say so is no default
{_changed(("mapped_column(server_default=false())", "mapped_column(default=False)"))}
--- true unless one says no -> is no default
{_changed(("server_default=false()", "server_default=text('true')"))}
--- the default may be NULL -> is_default is never NULL
{_changed(("is_default: Mapped[bool]", "is_default: Mapped[bool | None]"))}
--- a street may be missing -> an address without a street is refused
{_changed(("street: Mapped[str]", "street: Mapped[str | None]"))}
--- an empty street for whoever says none -> that does not say its street
{_changed(("street: Mapped[str]", 'street: Mapped[str] = mapped_column(server_default="")'))}
--- a postcode as a number -> an address with all its values is taken
{_changed(("postcode: Mapped[str]", "postcode: Mapped[int]"))}
--- an address of nobody -> an address of nobody is refused
{_changed(("user_id: Mapped[int]", "user_id: Mapped[int | None]"))}
--- no foreign key -> somebody who is not there is refused
{_changed(('ForeignKey("users.id", ondelete="CASCADE"), ', ""))}
--- nothing is taken along -> takes the addresses along
{_changed((', ondelete="CASCADE"', ""))}
--- the address loses its customer -> takes the addresses along
{_changed(('"CASCADE"', '"SET NULL"'))}
--- no index of its own -> an index finds all addresses
{_changed((", index=True", ""))}
--- the first column of the index is another -> an index finds all addresses
{_changed((", index=True", ""), (PARTIAL, PARTIAL + 'Index("ix", "is_default", "user_id"), '))}
--- no way back -> after the downgrade, the tables are as they were
{_changed()}
{BETWEEN}from pathlib import Path
(draft,) = Path("alembic/versions").glob("0005*")
draft.write_text(draft.read_text().partition("def downgrade")[0] + "def downgrade(): pass")
--- the database knows what the model does not -> models and database are alike
%%writefile addresses.py
from db import Base
{BETWEEN}{revision("0005", RAW, "op.drop_table('addresses')")}
--- beside the old branch -> new revisions follow 0004
{revision("0005", RAW, "op.drop_table('addresses')", before="0003")}
--- a default that anybody may add to -> an address cannot become a second default
{GOOD.replace(PARTIAL, "")}{BETWEEN}{
            revision(
                "0005",
                RAW.replace(
                    '''
        EXCLUDE (user_id WITH =) WHERE (is_default)
''',
                    "CHECK (true)",
                ).replace("number int GENERATED ALWAYS AS IDENTITY", "number serial")
                + '''
op.execute("CREATE FUNCTION one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF NEW.is_default AND EXISTS (SELECT FROM addresses a WHERE a.user_id = NEW.user_id "
    "AND a.is_default) THEN RAISE unique_violation; END IF; RETURN NEW; END $$")
op.execute("CREATE TRIGGER one BEFORE INSERT ON addresses FOR EACH ROW EXECUTE FUNCTION one()")
''',
                "op.drop_table('addresses')",
            )
        }
""",
    ),
)

RIGHT = {
    "split-addresses": ADDRESSES_RIGHT,
}
WRONG = {
    "split-addresses": ADDRESSES_WRONG,
}
