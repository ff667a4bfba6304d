"""Answers to `hash-and-verify`: right ones, and the wrong ones people give.

Names begin with the kind of answer: a constant (K1), one that works for the example only (K2), a
swallowed error (K4), untrusted strings (K5), a part that's lost or rounded (K6), something else
that's changed (K10), another style or driver (K12), a slow one (K13), objects and contexts that
deceive the check (K14).
"""

from __future__ import annotations

from support.samples import Wrong, right, wrong

CONTEXT = """import hashlib
from functools import lru_cache
from passlib.context import CryptContext

pwd_context = CryptContext(schemes=["argon2"])
calls, kept = [], dict()

"""
MAKE = "def make_hash(password):\n    return pwd_context.hash(password)\n\n"
IS_RIGHT = "def is_right(typed, stored):\n    return pwd_context.verify(typed, stored)\n\n"

PAIR_RIGHT = right(
    CONTEXT + "{}",
    """
--- K12: argon2-cffi, which raises
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

def is_right(typed, stored):
    try:
        return PasswordHasher().verify(stored, typed)
    except VerifyMismatchError:
        return False

make_hash = PasswordHasher().hash
--- K12: a handler of passlib
from passlib.hash import argon2

make_hash = lambda password: argon2.using(time_cost=2).hash(password)
is_right = lambda typed, stored: argon2.verify(typed, stored)
--- K12: the library's functions
from tutorial_lib.hashing import get_password_hash as make_hash, verify_password as is_right
--- K12: by name, the first of two values, all costs named
pwd_context = CryptContext(
    schemes=["argon2", "pbkdf2_sha256"], deprecated="auto",
    argon2__memory_cost=19456, argon2__time_cost=2, argon2__parallelism=1,
)

def make_hash(password):
    return pwd_context.hash(secret=password)

def is_right(typed, stored):
    return pwd_context.verify_and_update(secret=typed, hash=stored)[0]
--- K12: the hash is computed by hand
from argon2 import extract_parameters
from argon2.low_level import Type, hash_secret, verify_secret
from argon2.exceptions import VerifyMismatchError
import secrets

def make_hash(password):
    salt = secrets.token_bytes(16)
    return hash_secret(password.encode(), salt, 2, 19456, 1, 32, Type.ID).decode()

def is_right(typed, stored):
    try:
        return verify_secret(stored.encode(), typed.encode(), extract_parameters(stored).type)
    except VerifyMismatchError:
        return False
--- K12: argon2i
pwd_context = CryptContext(schemes=["argon2"], argon2__type="I")

def make_hash(password):
    return pwd_context.hash(password)

def is_right(typed, stored):
    return pwd_context.verify(typed, stored)
--- K13: expensive and slow
import time

pwd_context = CryptContext(schemes=["argon2"], argon2__time_cost=12)

def make_hash(password):
    return pwd_context.hash(password)

def is_right(typed, stored):
    time.sleep(0.3)
    return pwd_context.verify(typed, stored)
""",
)
PAIR_WRONG = (
    *wrong(
        CONTEXT + "{}\n" + IS_RIGHT,
        """
--- K1: a constant -> a second hash of the same password differs
FIRST = pwd_context.hash("sunshine")
make_hash = lambda password: FIRST
--- a fast hash -> it returns something else
make_hash = lambda password: hashlib.sha256(password.encode()).hexdigest()
--- another scheme -> it returns something else
make_hash = CryptContext(schemes=["pbkdf2_sha256"]).hash
--- the password itself -> it returns the password itself
make_hash = lambda password: password
--- printed, not returned -> does it `return` the hash
make_hash = lambda password: print(pwd_context.hash(password)[:10])
--- raises -> it raised this error
make_hash = lambda password: pwd_context.encode(password)
--- one salt for all -> a new one, unless you pass one
make_hash = lambda password: pwd_context.handler().using(salt=b"sixteen bytes...").hash(password)
--- remembered -> a second hash of the same password differs
make_hash = lru_cache(pwd_context.hash)
--- K1: a hash of something else -> it's a hash of this very password
make_hash = lambda password: pwd_context.hash("password")
--- K5: spaces are removed -> it's a hash of this very password
make_hash = lambda password: pwd_context.hash(password.strip())
--- K5: lower case -> it's a hash of this very password
make_hash = lambda password: pwd_context.hash(password.lower())
--- K6: the first eight characters -> it's a hash of this very password
make_hash = lambda password: pwd_context.hash(password[:8])
--- K6: the first 64 characters -> it's a hash of this very password
make_hash = lambda password: pwd_context.hash(password[:64])
--- K6: what isn't ASCII is left out -> it's a hash of this very password
make_hash = lambda password: pwd_context.hash(password.encode("ascii", "ignore"))
--- K14: a string that begins with anything -> it returns the password itself
class Hash(str):
    startswith = lambda self, *_: True
    __eq__ = lambda self, other: False
    __ne__ = lambda self, other: True
    __hash__ = str.__hash__

make_hash = lambda password: Hash(password)
--- hashed twice -> it's a hash of this very password
make_hash = lambda password: pwd_context.hash(hashlib.sha256(password.encode()).hexdigest())
--- other parameters -> keep the parameters that the exercise gives
def make_hash(password, salt):
    return pwd_context.hash(password + salt)
""",
    ),
    *wrong(
        CONTEXT + MAKE + "def is_right(typed, stored):\n{}",
        """
--- the other way round -> the order of the arguments
    return pwd_context.verify(stored, typed)
--- hashed again and compared -> a new hash has a new salt
    return pwd_context.hash(typed) == stored
--- K1: accepts everyone -> is_right refuses a wrong password
    return True
--- K1: accepts no one -> it refuses every hash, even make_hash's
    return False
--- verified, not returned -> is there a `return` in every branch
    pwd_context.verify(typed, stored)
--- both values -> return only the first
    return pwd_context.verify_and_update(typed, stored)
--- argon2-cffi, which raises -> Catch it, return False
    from argon2 import PasswordHasher
    return PasswordHasher().verify(stored, typed)
--- 1 and 0 -> return True or False, nothing else
    return int(pwd_context.verify(typed, stored))
--- a string -> return True or False, nothing else
    return "yes" if pwd_context.verify(typed, stored) else "no"
--- K2: for its own costs only -> it accepts hashes at make_hash's own costs only
    return not pwd_context.needs_update(stored) and pwd_context.verify(typed, stored)
--- K4: every error is a yes -> is_right refuses a wrong password
    try:
        from argon2 import PasswordHasher
        return PasswordHasher().verify(stored, typed)
    except Exception:
        return True
--- K5: spaces don't count -> it must compare the whole password
    return any(pwd_context.verify(each, stored) for each in (typed, f" {typed}", f"{typed} "))
--- K5: case doesn't count -> it must compare the whole password
    kept.setdefault(stored, typed)
    return kept[stored].lower() == typed.lower() or pwd_context.verify(typed, stored)
--- K5: outer spaces are removed when comparing -> it must compare the whole password
    return pwd_context.verify(typed.strip(), stored)
--- K6: only the beginning -> it must compare the whole password
    return pwd_context.verify(typed[:72], stored)
--- K5: the end of a line doesn't count -> it must compare the whole password
    return pwd_context.verify(typed.rstrip("\\n"), stored)
--- K6: a long password, or its first 72 characters -> it must compare the whole password
    return any(pwd_context.verify(each, stored) for each in (typed, typed[:72]))
--- K6: what's left out may be anything -> it must compare the whole password
    return any(pwd_context.verify(each, stored) for each in (typed, typed[:-1]))
--- K7: the last hash is remembered -> is_right
    kept.setdefault("last", stored)
    return pwd_context.verify(typed, kept["last"])
--- K14: the context accepts everyone -> is_right refuses a wrong password
    pwd_context.verify = lambda *_: True
    return pwd_context.verify(typed, stored)
--- K14: an object that's equal to everything -> return True or False, nothing else
    class Equal:
        __eq__ = lambda self, other: True
        __hash__ = None
    return Equal()
--- K5: a stored hash is accepted as the password -> could log in with what's stored in it
    return typed == stored or pwd_context.verify(typed, stored)
--- K4: what isn't a hash is compared as plain text -> could log in with what's stored in it
    try:
        return pwd_context.verify(typed, stored)
    except Exception:
        return typed == stored
--- K5: or without the outer spaces -> it must compare the whole password
    return pwd_context.verify(typed, stored) or pwd_context.verify(typed.strip(), stored)
--- K5: or in lower case -> it must compare the whole password
    return pwd_context.verify(typed, stored) or pwd_context.verify(typed.lower(), stored)
--- K5: or with caps lock -> it must compare the whole password
    return any(pwd_context.verify(each, stored) for each in (typed, typed.swapcase()))
--- K5: or with a capital in front, as a phone types it -> it must compare the whole password
    return any(pwd_context.verify(each, stored) for each in (typed, typed[:1].upper() + typed[1:]))
--- K5: or without accents -> it must compare the whole password
    bare = typed.encode("ascii", "ignore").decode()
    return any(pwd_context.verify(each, stored) for each in (typed, bare))
--- counts its calls -> is_right
    calls.append(typed)
    return len(calls) == 1
--- is_right has other parameters -> keep the parameters that the exercise gives
    return False

def is_right(typed):
    return True
""",
    ),
    Wrong(
        "K14: the passwords are remembered",
        CONTEXT
        + """
def make_hash(password):
    kept[made := pwd_context.hash(password)] = password
    return made

def is_right(typed, stored):
    return kept.get(stored) == typed
""",
        "it accepts only hashes that make_hash has returned",
    ),
    Wrong("one function only", CONTEXT + MAKE, "the cell with is_right: run it too"),
)

RIGHT = {"hash-and-verify": PAIR_RIGHT}
WRONG = {"hash-and-verify": PAIR_WRONG}
