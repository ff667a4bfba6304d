"""Answers to `no-way-around-the-hash`: right ones, and the wrong ones people give.

Names begin with the kind of answer: a constant (K1), one that works for the example only (K2),
spaces, case and letters (K5), a part that's lost (K6), another style (K12), a slow one (K13).
"""

from __future__ import annotations

from answers.the_user_model import HEAD
from support.samples import right, wrong

NAMED = HEAD.format("Member", "members") + "    name: Mapped[str] = mapped_column(String(50))\n"
MEMBER = f"{NAMED}    password: Mapped[str] = mapped_column(String(255))\n"
TYPED = NAMED.replace(
    "class Base(",
    """class PasswordHash(TypeDecorator):
    impl = String
    cache_ok = True
    def process_bind_param(self, value, dialect):
        return {}

class Base(""",
)
COLUMN = "    password: Mapped[str] = mapped_column(PasswordHash(255))\n"
HASHED = TYPED.replace("{}", "hasher.hash(value)")
MEMBER_RIGHT = (
    *right(
        f"{NAMED}{{}}",
        """
--- K12: a type without its length
    class Hash(TypeDecorator):
        impl, cache_ok = String(255), True
        def process_bind_param(self, value, dialect):
            return hasher.hash(value)

    password: Mapped[str] = mapped_column(Hash)
--- K12: the old style, text
    class Hash(TypeDecorator):
        impl, cache_ok = Text, True
        def process_bind_param(self, value, dialect):
            return value if value is None else hasher.hash(value)

    password = Column(Hash, nullable=False)
--- K12: a type of its own
    from sqlalchemy.types import UserDefinedType

    class Hash(UserDefinedType):
        cache_ok = True
        def get_col_spec(self, **kw):
            return "varchar(97)"
        def bind_processor(self, dialect):
            return hasher.hash

    password: Mapped[str] = mapped_column(Hash)
--- K13: slow
    class Hash(TypeDecorator):
        impl, cache_ok = String, True
        def process_bind_param(self, value, dialect):
            import time
            time.sleep(0.2)
            return hasher.hash(value)

    password: Mapped[str] = mapped_column(Hash(255))
""",
    ),
    # K12: an empty password is refused
    f"""{TYPED.replace("{}", "hasher.hash(value) if value else None")}{COLUMN}
""",
    # K12: the lesson's model, with a mark
    f"""{TYPED.replace("{}", "value if value is None else str(get_hash(value))")}{COLUMN}
    @validates("password")
    def _hash(self, key, value):
        return get_hash(value)

def get_hash(value):
    return value if type(value) is not str else hasher.hash(value)
""",
)
MEMBER_WRONG = (
    *wrong(
        f"{MEMBER}{{}}",
        """
--- a column and nothing more -> (name=..., password=...) stores a hash
--- in the constructor only -> a password that's set later
    def __init__(self, name, password):
        self.name, self.password = name, hasher.hash(password)
--- a method that must be called -> (name=..., password=...) stores a hash
    def set_password(self, plain):
        self.password = hasher.hash(plain)
--- @validates, which insert() and update() don't call -> insert() and update() create no objects
    _hash = validates("password")(lambda self, key, plain: hasher.hash(plain))
--- an event of the attribute -> insert() and update() create no objects
@event.listens_for(Member.password, "set", retval=True)
def _hash(member, value, old, initiator):
    return hasher.hash(value)
--- nothing is returned -> (name=..., password=...) stores a hash
    @validates("password")
    def _hash(self, key, plain):
        hasher.hash(plain)
--- the wrong attribute -> the name, whose column has 50 characters
    _hash = validates("name")(lambda self, key, plain: hasher.hash(plain))
--- both attributes -> the name, whose column has 50 characters
    _hash = validates("name", "password")(lambda self, key, plain: hasher.hash(plain))
--- too short for a hash -> a hash needs 97 characters
    password: Mapped[str] = mapped_column(String(50))
    _hash = validates("password")(lambda self, key, plain: hasher.hash(plain))
--- K6: cut to fit -> no argon2 hash
    _hash = validates("password")(lambda self, key, plain: hasher.hash(plain)[:50])
--- hashed whenever it is stored -> stores a hash
@event.listens_for(Member, "before_insert")
@event.listens_for(Member, "before_update")
def _hash(mapper, connection, member):
    member.password = hasher.hash(member.password)
""",
    ),
    *wrong(
        f"{TYPED}{COLUMN}".replace("return {}", "{}"),
        """
--- as it was -> (name=..., password=...) stores a hash
        return value
--- nothing is returned from the type -> (name=..., password=...) stores a hash
        hasher.hash(value)
--- K1: a constant -> a hash, but of something else
        return hasher.hash("sunshine")
--- K2: short passwords only -> (name=..., password=...) stores a hash
        return hasher.hash(value) if len(value) < 9 else value
--- K5: lower case -> Is anything changed before it's hashed
        return hasher.hash(value.lower())
--- K5: spaces are removed -> Is anything changed before it's hashed
        return hasher.hash(value.strip())
--- K5: ASCII only -> Is anything changed before it's hashed
        return hasher.hash(value.encode("ascii", "ignore")[:20])
--- K6: the first eight characters -> Is anything changed before it's hashed
        return hasher.hash(value[:8])
--- K2: an empty password stays as it is -> an empty password is hashed
        return hasher.hash(value) if value else value
--- K6: the first 1024 characters -> Is anything changed before it's hashed
        return hasher.hash(value[:1024])
--- K2: long passwords stay as they are -> a long password is hashed
        return hasher.hash(value) if len(value) < 50 else value
--- K6: the first 72 characters -> Is anything changed before it's hashed
        return hasher.hash(value[:72])
--- K5: one form for similar letters -> Is anything changed before it's hashed
        return hasher.hash(__import__("unicodedata").normalize("NFKC", value))
--- K5: what looks like a hash stays -> it must not go by what a password looks like
        return value if hasher.identify(value) else hasher.hash(value)
--- K5: what looks like bcrypt stays -> it must not go by what a password looks like
        return value if value.startswith("$2") else hasher.hash(value)
--- K5: hexadecimal digits stay -> it must not go by what a password looks like
        return value if len(value) == 64 and value.isalnum() else hasher.hash(value)
--- K5: another kind of argon2 stays -> it must not go by what a password looks like
        return value if value.startswith("$argon2i$") else hasher.hash(value)
--- K5: long hashes stay -> it must not go by what a password looks like
        return value if value[:7] == "$argon2" and len(value) > 97 else hasher.hash(value)
--- K7: a hash is used again -> don't reuse an earlier hash
        return globals().setdefault(value, hasher.hash(value))
--- K1: a constant salt -> don't reuse an earlier hash
        return __import__("passlib.hash").hash.argon2.using(salt=bytes(16), rounds=1).hash(value)
--- K6: None is hashed -> None is no password
        return hasher.hash(str(value))
--- K14: a hasher of its own -> in plain text
        return __import__("passlib.hash").hash.plaintext.hash(value)
--- a fast hash -> no argon2 hash
        return __import__("hashlib").sha256(value.encode()).hexdigest()
""",
    ),
    *wrong(
        f"{HASHED}{{}}",
        """
--- the type isn't used -> (name=..., password=...) stores a hash
    password: Mapped[str] = mapped_column(String(255))
--- hashed twice -> Is it hashed twice
    password: Mapped[str] = mapped_column(PasswordHash(255))
    _hash = validates("password")(lambda self, key, plain: hasher.hash(plain))
--- the name is hashed, too -> only the password is hashed
    name: Mapped[str] = mapped_column(PasswordHash(255))
    password: Mapped[str] = mapped_column(PasswordHash(255))
--- K6: a default of the class -> it supplies a password
    password: Mapped[str] = mapped_column(PasswordHash(255), default="changeme")
--- K6: a default of the database -> it supplies a password
    password: Mapped[str] = mapped_column(PasswordHash(255), server_default="")
--- too short for a hash of the type -> a hash needs 97 characters
    password: Mapped[str] = mapped_column(PasswordHash(80))
--- K6: the password is also kept -> in the column hint
    password: Mapped[str] = mapped_column(PasswordHash(255))
    hint: Mapped[str | None] = mapped_column(String(255))
    @validates("password")
    def _keep(self, key, value):
        self.hint = value
        return value
--- K6: the password is kept in another encoding -> in another form, in the column backup
    password: Mapped[str] = mapped_column(PasswordHash(255))
    backup: Mapped[str | None] = mapped_column(String)
    @validates("password")
    def _keep(self, key, value):
        self.backup = __import__("base64").b64encode((value or "").encode()).decode()
        return value
--- K6: the password is kept reversed, as bytes -> in another form, in the column backup
    password: Mapped[str] = mapped_column(PasswordHash(255))
    backup: Mapped[bytes | None]
    @validates("password")
    def _keep(self, key, value):
        self.backup = (value or "")[::-1].encode()
        return value
--- K5: names in lower case -> it's stored as another string
    password: Mapped[str] = mapped_column(PasswordHash(255))
    _lower = validates("name")(lambda self, key, name: name.strip().lower())
--- K5: its own hashes stay -> a hash that's in the table is a password like any other
    password: Mapped[str] = mapped_column(PasswordHash(255))
MADE = set()
def _hash_once(self, value, dialect):
    if value not in MADE:
        value = hasher.hash(value)
        MADE.add(value)
    return value
PasswordHash.process_bind_param = _hash_once
--- K8: hashed again when it's read -> reading must return what's stored
    password: Mapped[str] = mapped_column(PasswordHash(255))
PasswordHash.process_result_value = lambda self, value, dialect: hasher.hash(value)
--- another name -> has its columns
    password_hash: Mapped[str] = mapped_column(PasswordHash(255))
--- a type, and no column of it -> which isn't a column
    password = PasswordHash(255)
""",
    ),
)

RIGHT = {"no-way-around-the-hash": MEMBER_RIGHT}
WRONG = {"no-way-around-the-hash": MEMBER_WRONG}
