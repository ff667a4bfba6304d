"""Answers to the exercises of a lesson: right ones, and the wrong ones people give."""

from __future__ import annotations

from support.samples import Wrong, right, wrong

CONTEXT = """import hashlib
from passlib.context import CryptContext

pwd_context = CryptContext(schemes=["argon2"])

"""
MAKE = "def make_hash(password):\n    {}\n\n"
IS_RIGHT = "def is_right(typed, stored):\n    {}\n"
HASH, VERIFY = "return pwd_context.hash(password)", "return pwd_context.verify(typed, stored)"


def _pair(make: str = HASH, is_right: str = VERIFY) -> str:
    """Return an answer to `hash-and-verify` with these function bodies."""
    return CONTEXT + MAKE.format(make) + IS_RIGHT.format(is_right)


PAIR_RIGHT = (
    """
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

def is_right(typed, stored):
    try:
        return PasswordHasher().verify(stored, typed)
    except VerifyMismatchError:
        return False

make_hash = PasswordHasher().hash
""",
    """
from passlib.hash import argon2

make_hash = lambda password: argon2.using(time_cost=2).hash(password)
is_right = lambda typed, stored: argon2.verify(typed, stored)
""",
    """
from tutorial_lib.hashing import get_password_hash as make_hash, verify_password as is_right
""",
)
PAIR_WRONG = (
    Wrong(
        "a fast hash",
        _pair("return hashlib.sha256(password.encode()).hexdigest()"),
        "make_hash returns an argon2 hash",
    ),
    Wrong(
        "another scheme",
        _pair("return CryptContext(schemes=['pbkdf2_sha256']).hash(password)"),
        "make_hash returns an argon2 hash",
    ),
    Wrong("the password itself", _pair("return password"), "make_hash returns an argon2 hash"),
    Wrong(
        "printed, not returned",
        _pair("print(pwd_context.hash(password)[:10])"),
        "make_hash returns an argon2 hash",
    ),
    Wrong(
        "the other way round",
        _pair(is_right="return pwd_context.verify(stored, typed)"),
        "the order of the arguments",
    ),
    Wrong(
        "hashed again and compared",
        _pair(is_right="return pwd_context.hash(typed) == stored"),
        "verify reads salt and costs",
    ),
    Wrong("accepts everybody", _pair(is_right="return True"), "is_right about a wrong password"),
    Wrong(
        "verified, not returned",
        _pair(is_right="pwd_context.verify(typed, stored)"),
        "is_right about the right password",
    ),
    Wrong(
        "one salt for all",
        _pair("return pwd_context.handler().using(salt=b'sixteen bytes...').hash(password)"),
        "a second hash of it differs",
    ),
    Wrong(
        "a hash of something else",
        _pair("return pwd_context.hash('password')"),
        "the hash belongs to the password",
    ),
    Wrong(
        "counts its calls",
        "calls = []\n" + _pair(is_right="calls.append(typed); return len(calls) == 1"),
        "is_right about",
    ),
    Wrong("one function only", CONTEXT + MAKE.format(HASH), "the second cell of the answer"),
)

LOG_IN = """from passlib.context import CryptContext
from sqlalchemy import text
from sqlalchemy.orm import Session

pwd_context = CryptContext(schemes=["argon2"])
SELECT = text("SELECT password FROM accounts WHERE email = :email")
UPDATE = text("UPDATE accounts SET password = :new WHERE email = :email")
ALL = text("UPDATE accounts SET password = :new")
calls = []

def log_in(engine, email, typed):
"""
LOG_IN_RIGHT = right(
    LOG_IN,
    """
--- three steps, a session, the table as SQLAlchemy reads it
from sqlalchemy import MetaData, Table, select, update
accounts = Table("accounts", MetaData(), autoload_with=engine)
with Session(engine) as session:
    stored = session.scalar(select(accounts.c.password).where(accounts.c.email == email))
    if not pwd_context.verify(typed, stored):
        return False
    if pwd_context.needs_update(stored):
        new = pwd_context.hash(typed)
        session.execute(update(accounts).where(accounts.c.email == email).values(password=new))
        session.commit()
    return True
--- argon2 without passlib
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
hasher = PasswordHasher()
with engine.connect() as connection:
    stored = connection.execute(SELECT, {"email": email}).scalar_one()
try:
    hasher.verify(stored, typed)
except VerifyMismatchError:
    return False
if hasher.check_needs_rehash(stored):
    with engine.begin() as connection:
        connection.execute(UPDATE, {"new": hasher.hash(typed), "email": email})
return True
""",
)
LOG_IN_WRONG = wrong(
    LOG_IN,
    """
--- counts its calls -> a wrong password is
calls.append(typed)
if len(calls) == 2:
    with engine.begin() as connection:
        connection.execute(UPDATE, {"new": pwd_context.hash(typed), "email": email})
return len(calls) > 1
--- no commit -> whether it is committed
with engine.connect() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        connection.execute(UPDATE, {"new": new, "email": email})
return accepted
--- all accounts -> the WHERE of the UPDATE
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        connection.execute(ALL, {"new": new})
    return accepted
--- the pair is returned -> a wrong password is refused
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    pair = pwd_context.verify_and_update(typed, stored)
    if pair[1]:
        connection.execute(UPDATE, {"new": pair[1], "email": email})
    return pair
--- the other way round -> the order of the arguments
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(stored, typed)
    if new:
        connection.execute(UPDATE, {"new": new, "email": email})
    return accepted
--- a new hash for a wrong password, too -> only after a right password
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    if pwd_context.needs_update(stored):
        connection.execute(UPDATE, {"new": pwd_context.hash(typed), "email": email})
    return pwd_context.verify(typed, stored)
--- verified only -> the old hash
with engine.begin() as connection:
    return pwd_context.verify(typed, connection.scalar(SELECT, {"email": email}))
--- None is stored -> a wrong password is refused
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    connection.execute(UPDATE, {"new": new, "email": email})
    return accepted
--- the password is stored -> no argon2 hash
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        connection.execute(UPDATE, {"new": typed, "email": email})
    return accepted
--- a new hash each time -> one more new hash
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted = pwd_context.verify(typed, stored)
    if accepted:
        connection.execute(UPDATE, {"new": pwd_context.hash(typed), "email": email})
    return accepted
--- another engine -> which engine it uses
with exercise.engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        connection.execute(UPDATE, {"new": new, "email": email})
    return accepted
--- old costs again -> a hash with other costs
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted = pwd_context.verify(typed, stored)
    if accepted and pwd_context.needs_update(stored):
        new = pwd_context.handler("argon2").using(memory_cost=1024).hash(typed)
        connection.execute(UPDATE, {"new": new, "email": email})
    return accepted
""",
)

FORMS = """import unicodedata
from tutorial_lib.hashing import CHEAP, make_context

practice_context = make_context(CHEAP)

def sign_up(password):
    return practice_context.hash({})

def sign_in(typed, stored):
    return practice_context.verify({}, stored)
"""


def _forms(up: str, come: str) -> str:
    """Return an answer to `unicode-password`: what is hashed, and what is verified."""
    return FORMS.format(up, come)


def _both(changed: str) -> str:
    """Return the same change to a string `{}` for both sides."""
    return _forms(changed.format("password"), changed.format("typed"))


NFC = "unicodedata.normalize('NFC', {})"
FORMS_RIGHT = (
    _both("unicodedata.normalize('NFD', {})"),
    _both("unicodedata.normalize('NFKC', {})"),
    """
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

def one_form(password):
    return unicodedata.normalize("NFC", password).encode("utf-8")

def sign_up(password):
    return hasher.hash(one_form(password))

def sign_in(typed, stored):
    try:
        return hasher.verify(stored, one_form(typed))
    except VerifyMismatchError:
        return False
""",
)
FORMS_WRONG = (
    Wrong("as before", _forms("password", "typed"), "signed up with one character"),
    Wrong("sign_in only", _forms("password", NFC.format("typed")), "signed in with one"),
    Wrong("sign_up only", _forms(NFC.format("password"), "typed"), "signed in with two"),
    Wrong(
        "two different forms",
        _forms(NFC.format("password"), "unicodedata.normalize('NFD', typed)"),
        "signed in with two",
    ),
    Wrong(
        "the result is not used",
        _both("[unicodedata.normalize('NFC', {0}), {0}][1]"),
        "which form is hashed in sign_up",
    ),
    Wrong("capitals do not count", _both(f"{NFC}.casefold()"), "a letter in place of a capital"),
    Wrong(
        "accents are left out",
        _both("unicodedata.normalize('NFD', {}).encode('ascii', 'ignore')"),
        "without the accents: refused",
    ),
    Wrong("spaces are left out", _both(f"{NFC}.strip()"), "without the space in front: refused"),
    Wrong(
        "the other way round",
        _both(NFC).replace("'NFC', typed), stored", "'NFC', stored), typed"),
        "the order of the arguments",
    ),
    Wrong(
        "counts its calls",
        """
calls = []

def sign_up(password):
    return "$argon2id$of-no-password"

def sign_in(typed, stored):
    calls.append(typed)
    return len(calls) <= 2
""",
        "the hashes belong to the password",
    ),
    Wrong(
        "remembers the passwords",
        """
import unicodedata
kept = {}

def sign_up(password):
    name = f"$argon2id${len(kept)}"
    kept[name] = unicodedata.normalize("NFC", password)
    return name

def sign_in(typed, stored):
    return kept[stored] == unicodedata.normalize("NFC", typed)
""",
        "the hashes belong to the password",
    ),
    Wrong(
        "no hash",
        _both(NFC).replace("practice_context.hash", "str"),
        "sign_up returns argon2 hashes",
    ),
)

RIGHT = {
    "hash-and-verify": PAIR_RIGHT,
    "rehash-at-login": LOG_IN_RIGHT,
    "unicode-password": FORMS_RIGHT,
}
WRONG = {
    "hash-and-verify": PAIR_WRONG,
    "rehash-at-login": LOG_IN_WRONG,
    "unicode-password": FORMS_WRONG,
}
