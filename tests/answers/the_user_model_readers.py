"""Right and wrong answers to `unique-email`. Names begin with the kind, as in the_user_model."""

from __future__ import annotations

from answers.the_user_model import HEAD
from support.samples import right, wrong

READER = HEAD.format("Reader", "readers") + "    email: Mapped[str] = mapped_column(String(255))\n"
LOWER = 'Index("uq_readers_email_lower", text("lower(email)"), unique=True)'
TRIGGER = """
LIKE_AN_INDEX = 'duplicate key value violates unique constraint "uq_readers_email_lower"'
TRIGGER = (
    "CREATE FUNCTION public.once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF EXISTS "
    "(SELECT FROM public.readers WHERE pg_catalog.lower(email) = pg_catalog.lower(NEW.email)) "
    "THEN RAISE unique_violation USING MESSAGE = 'twice'; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER once BEFORE INSERT ON public.readers FOR EACH ROW EXECUTE FUNCTION once()",
)
"""
READER_RIGHT = right(
    f"{READER}{{}}",
    """
--- K12: func.lower, below the class
Index("uq_readers_email_lower", func.lower(Reader.email), unique=True)
--- K12: upper case
    __table_args__ = (Index("uq_readers_email_lower", text("upper(email)"), unique=True),)
--- K12: a generated column
    folded = Column(String(255), Computed("upper(email)", persisted=True))
    __table_args__ = (UniqueConstraint("folded", name="uq_readers_email_lower"),)
--- K12: an exclusion constraint
    from sqlalchemy.dialects.postgresql import ExcludeConstraint
    __table_args__ = (
        ExcludeConstraint(
            (text("lower(email)"), "="), using="btree", name="uq_readers_email_lower"
        ),
    )
--- K12: SQL that runs after the table was created
event.listen(
    Reader.__table__, "after_create",
    DDL("CREATE UNIQUE INDEX uq_readers_email_lower ON readers (lower(email))"),
)
--- K12: an exclusion constraint that is checked at the end of the transaction
    from sqlalchemy.dialects.postgresql import ExcludeConstraint
    __table_args__ = (
        ExcludeConstraint(
            (text("lower(email)"), "="), using="btree", name="uq_readers_email_lower",
            deferrable=True, initially="DEFERRED",
        ),
    )
--- K12: a type that ignores case
    from sqlalchemy.dialects.postgresql import CITEXT
    email: Mapped[str] = mapped_column(CITEXT, CheckConstraint("char_length(email) <= 255"))
    __table_args__ = (UniqueConstraint("email", name="uq_readers_email_lower"),)
event.listen(Base.metadata, "before_create", DDL("CREATE EXTENSION IF NOT EXISTS citext"))
--- K12: another condition, which every e-mail fulfills
    __table_args__ = (
        Index(
            "uq_readers_email_lower", text("lower(email)"), unique=True,
            postgresql_where=text("email IS NOT NULL"),
        ),
    )
""",
)
READER_WRONG = wrong(
    f"{TRIGGER}{READER}{{}}",
    """
--- unique=True -> in a different case is refused
    email: Mapped[str] = mapped_column(String(255), unique=True)
--- an index on the column itself -> in a different case is refused
    __table_args__ = (Index("uq_readers_email_lower", "email", unique=True),)
--- not unique -> in a different case is refused
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)")),)
--- another name -> the constraint or index has its name
    __table_args__ = (Index("readers_email", text("lower(email)"), unique=True),)
--- no name -> the constraint or index has its name
    __table_args__ = (Index("ix_readers", text("lower(email)"), unique=True),)
--- K7: lower case in Python only -> in a different case is refused
    __table_args__ = (UniqueConstraint("email", name="uq_readers_email_lower"),)
    _lower = validates("email")(lambda self, key, value: value.lower())
--- K6: lower case in Python, too -> store an e-mail as it was typed
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)"), unique=True),)
    _lower = validates("email")(lambda self, key, value: value.lower())
--- K6: a type removes spaces -> store an e-mail as it was typed
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)"), unique=True),)
    class Tidy(TypeDecorator):
        impl, cache_ok = String, True
        def process_bind_param(self, value, dialect):
            return value and value.strip()

    email: Mapped[str] = mapped_column(Tidy(255))
--- K6: a default of the database -> insert(Reader) without an e-mail
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)"), unique=True),)
    email: Mapped[str] = mapped_column(String(255), server_default="")
--- K6: a default in Python -> insert(Reader) without an e-mail
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)"), unique=True),)
    email: Mapped[str] = mapped_column(String(255), default="")
--- a string in place of the column -> "email" is only a string
    __table_args__ = (Index("uq_readers_email_lower", func.lower("email"), unique=True),)
--- the name of the column in quotation marks -> "email" is only a string
    __table_args__ = (Index("uq_readers_email_lower", text("lower('email')"), unique=True),)
--- K2: with @ only -> in a different case is refused
    __table_args__ = (
        Index(
            "uq_readers_email_lower", text("lower(email)"), unique=True,
            postgresql_where=text("email LIKE '%@%'"),
        ),
    )
--- K5: spaces at the end don't count -> another e-mail is accepted
    __table_args__ = (Index("uq_readers_email_lower", text("rtrim(lower(email))"), unique=True),)
--- K5: a type that ignores spaces at the end -> another e-mail is accepted
    __table_args__ = (
        Index("uq_readers_email_lower", text("(lower(email)::char(255))"), unique=True),
    )
--- K6: only lower case is allowed -> stays as it was typed
    __table_args__ = (UniqueConstraint("email"), CheckConstraint("email = lower(email)"))
--- an e-mail that may be missing -> must have an e-mail
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)"), unique=True),)
    email: Mapped[str | None] = mapped_column(String(255))
--- K6: about the first letters -> another e-mail is accepted
    __table_args__ = (Index("uq_readers_email_lower", text("lower(left(email, 4))"), unique=True),)
--- K6: about the first twenty letters -> another e-mail is accepted
    __table_args__ = (Index("uq_readers_email_lower", text("left(lower(email), 20)"), unique=True),)
--- K6: about the part before the @ -> another e-mail is accepted
    __table_args__ = (
        Index("uq_readers_email_lower", text("lower(split_part(email, '@', 1))"), unique=True),
    )
--- K6: about the host -> another e-mail is accepted
    __table_args__ = (
        Index("uq_readers_email_lower", text("lower(split_part(email, '@', 2))"), unique=True),
    )
--- K5: outer spaces don't count -> another e-mail is accepted
    __table_args__ = (Index("uq_readers_email_lower", text("lower(trim(email))"), unique=True),)
--- K5: dots don't count -> another e-mail is accepted
    __table_args__ = (
        Index("uq_readers_email_lower", text("lower(replace(email, '.', ''))"), unique=True),
    )
--- K5: what follows + doesn't count -> another e-mail is accepted
    __table_args__ = (
        Index(
            "uq_readers_email_lower", unique=True,
            *[text("lower(regexp_replace(email, '[+].*@', '@'))")],
        ),
    )
--- K5: accents don't count -> another e-mail is accepted
    __table_args__ = (
        Index("uq_readers_email_lower", text("lower(translate(email, 'Á', 'A'))"), unique=True),
    )
--- K6: about the length -> another e-mail is accepted
    __table_args__ = (Index("uq_readers_email_lower", text("length(email)"), unique=True),)
--- K2: for one host only -> in a different case is refused
    __table_args__ = (
        Index(
            "uq_readers_email_lower", text("lower(email)"), unique=True,
            postgresql_where=text("email LIKE '%@example.com'"),
        ),
    )
--- K2: short e-mails only -> in a different case is refused
    __table_args__ = (
        Index(
            "uq_readers_email_lower", text("lower(email)"), unique=True,
            postgresql_where=text("length(email) < 100"),
        ),
    )
--- K6: about the first 250 letters -> another e-mail is accepted
    __table_args__ = (
        Index("uq_readers_email_lower", text("left(lower(email), 250)"), unique=True),
    )
--- K5: two forms of a letter -> another e-mail is accepted
    __table_args__ = (
        Index("uq_readers_email_lower", text("lower(normalize(email))"), unique=True),
    )
--- K5: capitals of ASCII only -> letters of every language
    __table_args__ = (
        Index("uq_readers_email_lower", text('lower(email COLLATE "C")'), unique=True),
    )
--- K6: about a hash -> two different e-mails can have the same hash
    __table_args__ = (
        Index("uq_readers_email_lower", text("hashtext(lower(email))"), unique=True),
    )
--- K6: about a hash of capitals -> two different e-mails can have the same hash
    __table_args__ = (
        Index("uq_readers_email_lower", text("hashtext(upper(email))"), unique=True),
    )
--- K5: digits don't count -> they differ only in case
    __table_args__ = (
        Index(
            "uq_readers_email_lower", unique=True,
            *[text("regexp_replace(lower(email), '[0-9]', '', 'g')")],
        ),
    )
--- K5: a type stores one form of a letter -> store an e-mail as it was typed
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)"), unique=True),)
    class Composed(TypeDecorator):
        impl, cache_ok = String, True
        def process_bind_param(self, value, dialect):
            return value and __import__("unicodedata").normalize("NFC", value)

    email: Mapped[str] = mapped_column(Composed(255))
--- K6: lower case when it's read -> it changes what's read
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)"), unique=True),)
    class Lower(TypeDecorator):
        impl, cache_ok = String, True
        def process_result_value(self, value, dialect):
            return value and value.lower()

    email: Mapped[str] = mapped_column(Lower(255))
--- K6: a CHECK that knows ASCII only -> the CHECK ascii: it refuses a value
    __table_args__ = (
        Index("uq_readers_email_lower", text("lower(email)"), unique=True),
        CheckConstraint("email ~ '^[A-Za-z0-9.@]+$'", name="ascii"),
    )
--- K7: a trigger with a lock, and the message of an index, for INSERT only -> it must cover UPDATE
for each in TRIGGER:
    each = each.replace("twice", LIKE_AN_INDEX)
    each = each.replace("BEGIN ", "BEGIN LOCK TABLE public.readers IN SHARE ROW EXCLUSIVE MODE; ")
    event.listen(Reader.__table__, "after_create", DDL(each))
--- K7: a trigger -> its error doesn't name what was violated
for each in TRIGGER:
    event.listen(Reader.__table__, "after_create", DDL(each))
--- K7: a trigger with the message of an index -> two sessions at the same time
for each in TRIGGER:
    each = each.replace("twice", LIKE_AN_INDEX)
    event.listen(Reader.__table__, "after_create", DDL(each))
--- K11: in another schema -> the table's schema is public
    __table_args__ = (
        Index("uq_readers_email_lower", text("lower(email)"), unique=True), {"schema": "library"}
    )
event.listen(Base.metadata, "before_create", DDL("CREATE SCHEMA library"))
--- K14: a function of its own is called lower -> in a different case is refused
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)"), unique=True),)
for each in (
    "CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1'",
    "SET LOCAL search_path = public, pg_catalog",
):
    event.listen(Base.metadata, "before_create", DDL(each))
--- the first letter only -> in a different case is refused
    __table_args__ = (Index("uq_readers_email_lower", text("initcap(email)"), text("email")),)
--- shorter than asked for -> email holds 255
    __table_args__ = (Index("uq_readers_email_lower", text("lower(email)"), unique=True),)
    email: Mapped[str] = mapped_column(String(254))
""",
)

RIGHT = {"unique-email": READER_RIGHT}
WRONG = {"unique-email": READER_WRONG}
