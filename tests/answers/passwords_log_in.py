"""Answers to `rehash-at-login`: right ones, and the wrong ones people give.

Names begin with the kind of answer: a constant (K1), one that works for the example only (K2), a
leaked connection (K3), a swallowed error (K4), untrusted strings (K5), rows that are lost or
invented (K6), another database (K11), another style or driver (K12), a slow one (K13), objects and
tables that deceive the check (K14).
"""

from __future__ import annotations

from support.samples import Wrong, right, wrong

LOG_IN = """from passlib.context import CryptContext
from sqlalchemy import text
from sqlalchemy.orm import Session

SELECT = text("SELECT password FROM accounts WHERE email = :email")
UPDATE = text("UPDATE accounts SET password = :new WHERE email = :email")
calls = []

def change(connection, new, email):
    connection.execute(UPDATE, {"new": new, "email": email})

def log_in(engine, email, typed):
"""
ACCEPTED = right(
    LOG_IN,
    """
--- K12: three steps, a session, the table as SQLAlchemy reads it
from sqlalchemy import MetaData, Table, select, update
accounts = Table("accounts", MetaData(), autoload_with=engine)
with Session(engine) as session:
    stored = session.scalar(select(accounts.c.password).where(accounts.c.email == email))
    if stored is None or not pwd_context.verify(typed, stored):
        return False
    if pwd_context.needs_update(stored):
        new = pwd_context.hash(typed)
        session.execute(update(accounts).where(accounts.c.email == email).values(password=new))
        session.commit()
    return True
--- K12: argon2 without passlib
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
hasher = PasswordHasher()
with engine.connect() as connection:
    row = connection.execute(SELECT, {"email": email}).one_or_none()
try:
    hasher.verify(row.password, typed)
except (AttributeError, VerifyMismatchError):
    return False
if hasher.check_needs_rehash(row.password):
    with engine.begin() as connection:
        change(connection, hasher.hash(typed), email)
return True
--- K12: the driver's own connection
connection = engine.raw_connection()
try:
    cursor = connection.cursor()
    cursor.execute("SELECT password FROM accounts WHERE email = %s", (email,))
    (stored,) = cursor.fetchone() or (None,)
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        cursor.execute("UPDATE accounts SET password = %s WHERE email = %s", (new, email))
    connection.commit()
    return accepted
finally:
    connection.close()
--- K12: the row is locked, and the old hash has to be there still
query = text("SELECT password FROM accounts WHERE email = :email FOR UPDATE")
with engine.begin() as connection:
    accepted, new = pwd_context.verify_and_update(typed, connection.scalar(query, {"email": email}))
    if new is not None:
        change(connection, new, email)
return accepted
--- K12: the library's context, autocommit
from tutorial_lib.hashing import verify_and_update
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
    accepted, new = verify_and_update(typed, connection.scalar(SELECT, {"email": email}))
    if new:
        change(connection, new, email)
return accepted
--- K13: a slow one, a connection for each step
import time
with engine.connect() as connection:
    stored = connection.scalar(SELECT, {"email": email})
time.sleep(0.2)
accepted, new = pwd_context.verify_and_update(typed, stored)
if new:
    with engine.begin() as connection:
        change(connection, new, email)
return accepted
""",
)
OTHER_PARAMETERS = "def log_in(email, typed):\n    return True\n"
REFUSED = (
    Wrong("other parameters", OTHER_PARAMETERS, "keep the parameters that the exercise gives"),
    *wrong(
        LOG_IN,
        """
--- K1: everyone -> a wrong password is refused
return True
--- K1: no one -> the right password is accepted
return False
--- K2: Ann only -> the right password is accepted
return email == "ann@example.com" and typed == "sunshine"
--- counts its calls -> is refused
calls.append(typed)
if len(calls) == 2:
    with engine.begin() as connection:
        change(connection, pwd_context.hash(typed), email)
return len(calls) > 1
--- no commit -> whether it's committed
with engine.connect() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        change(connection, new, email)
return accepted
--- K6: all accounts -> the WHERE of the UPDATE
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        connection.execute(text("UPDATE accounts SET password = :new"), {"new": new})
    return accepted
--- K6: all accounts with that hash's password -> the WHERE of the UPDATE
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        for other, hashed in connection.execute(text("SELECT email, password FROM accounts")).all():
            if pwd_context.verify(typed, hashed):
                change(connection, new, other)
    return accepted
--- the pair is returned -> return only the first
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    pair = pwd_context.verify_and_update(typed, stored)
    if pair[1]:
        change(connection, pair[1], email)
    return pair
--- nothing is returned for a wrong password -> is there a `return` in every branch
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        change(connection, new, email)
        return accepted
--- the other way round -> the order of the arguments
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(stored, typed)
    if new:
        change(connection, new, email)
    return accepted
--- a new hash for a wrong password, too -> only after a right password
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    if pwd_context.needs_update(stored):
        change(connection, pwd_context.hash(typed), email)
    return pwd_context.verify(typed, stored)
--- verified only -> the old hash
with engine.begin() as connection:
    return pwd_context.verify(typed, connection.scalar(SELECT, {"email": email}))
--- None is stored -> it raised this error
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    change(connection, new, email)
    return accepted
--- the password is stored -> the password itself, in plain text
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        change(connection, typed, email)
    return accepted
--- the old hash is hashed -> hash what was typed, not what was stored
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        change(connection, pwd_context.hash(stored), email)
    return accepted
--- a constant is hashed -> a hash of something else
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        change(connection, pwd_context.hash("sunshine"), email)
    return accepted
--- a fast hash is stored -> isn't an argon2 hash
import hashlib
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        change(connection, hashlib.sha256(typed.encode()).hexdigest(), email)
    return accepted
--- a new hash each time -> what it does if the hash isn't outdated
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted = pwd_context.verify(typed, stored)
    if accepted:
        change(connection, pwd_context.hash(typed), email)
    return accepted
--- K11: another engine -> which engine it uses
with exercise.engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        change(connection, new, email)
    return accepted
--- old costs again -> a hash with other costs
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted = pwd_context.verify(typed, stored)
    if accepted and pwd_context.needs_update(stored):
        new = pwd_context.handler("argon2").using(memory_cost=1024).hash(typed)
        change(connection, new, email)
    return accepted
--- fewer passes than today -> a hash with other costs
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        change(connection, pwd_context.handler("argon2").using(time_cost=1).hash(typed), email)
    return accepted
--- an unknown e-mail is an error -> Return False
with engine.begin() as connection:
    stored = connection.execute(SELECT, {"email": email}).scalar_one()
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        change(connection, new, email)
    return accepted
--- an unknown e-mail gets an account -> an unknown e-mail changes nothing in the table
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    if stored is None:
        new = {"email": email, "new": pwd_context.hash(typed)}
        connection.execute(text("INSERT INTO accounts VALUES (:email, :new)"), new)
        return False
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        change(connection, new, email)
    return accepted
--- an unknown e-mail is None -> is there a `return` in every branch
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    if stored is not None:
        accepted, new = pwd_context.verify_and_update(typed, stored)
        if new:
            change(connection, new, email)
        return accepted
--- K3: connections stay out -> every connection is returned to the pool
connection = engine.connect()
accepted, new = pwd_context.verify_and_update(typed, connection.scalar(SELECT, {"email": email}))
if new:
    change(connection, new, email)
connection.commit()
return accepted
--- K4: a wrong password raises -> Catch it, return False
from argon2 import PasswordHasher
hasher = PasswordHasher()
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    hasher.verify(stored, typed)
    if hasher.check_needs_rehash(stored):
        change(connection, hasher.hash(typed), email)
return True
--- K4: every error is a no -> the right password is accepted
try:
    with engine.begin() as connection:
        stored = connection.scalar(SELECT, {"email": email})
        accepted, new = pwd_context.verify_and_update(stored, typed)
        change(connection, new, email)
        return accepted
except Exception:
    return False
--- K5: the e-mail inside the SQL -> must not become part of it (SQL injection)
with engine.begin() as connection:
    stored = connection.scalar(text(f"SELECT password FROM accounts WHERE email = '{email}'"))
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        connection.execute(text(f"UPDATE accounts SET password = '{new}' WHERE email = '{email}'"))
    return accepted
--- K5: the e-mail inside the SQL, errors hidden -> (SQL injection)
try:
    with engine.begin() as connection:
        stored = connection.scalar(text(f"SELECT password FROM accounts WHERE email = '{email}'"))
        accepted, new = pwd_context.verify_and_update(typed, stored)
        if new:
            change(connection, new, email)
        return accepted
except Exception:
    return False
--- K5: another quotation, the same hole -> (SQL injection)
with engine.begin() as connection:
    query = text(f"SELECT password FROM accounts WHERE email = $o${email}$o$ OR email = '{email}'")
    stored = connection.scalar(query)
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        change(connection, new, email)
    return accepted
--- K5: capitals don't count -> compare it exactly as it was typed
with engine.begin() as connection:
    query = text("SELECT email, password FROM accounts WHERE lower(email) = lower(:email)")
    found, stored = connection.execute(query, {"email": email}).one_or_none() or (email, None)
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        change(connection, new, found)
    return accepted
--- K5: spaces around the e-mail don't count -> compare it exactly as it was typed
email = email.strip()
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        change(connection, new, email)
    return accepted
--- K6: all accounts with the same hash -> the WHERE of the UPDATE
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        query = text("UPDATE accounts SET password = :new WHERE password = :old")
        connection.execute(query, {"new": new, "old": stored})
    return accepted
--- K6: a context that doesn't name the time cost -> One that names all three costs
bare = CryptContext(schemes=["argon2"])
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = bare.verify_and_update(typed, stored)
    if new:
        change(connection, new, email)
    return accepted
--- K4: the database's errors are a no -> it hides the database's error
try:
    with engine.begin() as connection:
        stored = connection.scalar(SELECT, {"email": email})
        accepted, new = pwd_context.verify_and_update(typed, stored)
        if new:
            change(connection, new, email)
        return accepted
except Exception:
    return False
--- K4: a new hash that isn't stored is ignored -> it hides the database's error
from contextlib import suppress
with engine.connect() as connection:
    stored = connection.scalar(SELECT, {"email": email})
accepted, new = pwd_context.verify_and_update(typed, stored)
if new:
    with suppress(Exception), engine.begin() as connection:
        change(connection, new, email)
return accepted
--- K4: another error -> it hides the database's error
try:
    with engine.begin() as connection:
        stored = connection.scalar(SELECT, {"email": email})
        accepted, new = pwd_context.verify_and_update(typed, stored)
        if new:
            change(connection, new, email)
        return accepted
except Exception as error:
    raise RuntimeError("log-in failed") from error
--- K3: a connection stays out after an error -> every connection is returned to the pool
connection = engine.connect()
accepted, new = pwd_context.verify_and_update(typed, connection.scalar(SELECT, {"email": email}))
if new:
    change(connection, new, email)
    connection.commit()
connection.close()
return accepted
--- K14: an object that's equal to everything -> return True or False, nothing else
class Equal:
    __eq__ = lambda self, other: True
    __hash__ = None
return Equal()
--- K14: the context accepts everyone -> a wrong password is refused
pwd_context.verify = lambda typed, stored: True
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    return stored is not None and pwd_context.verify(typed, stored)
--- K14: a view in place of the table -> accounts
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    if not pwd_context.verify(typed, stored):
        return False
    connection.execute(text("ALTER TABLE accounts RENAME TO hidden"))
    new = pwd_context.hash(typed)
    query = f"CREATE VIEW accounts AS SELECT email, '{new}'::text AS password FROM hidden"
    connection.execute(text(query))
    return True
--- K5: LIKE -> compare with =
with engine.begin() as connection:
    query = text("SELECT password FROM accounts WHERE email LIKE :email")
    for (stored,) in connection.execute(query, {"email": email}).all():
        accepted, new = pwd_context.verify_and_update(typed, stored)
        if accepted:
            if new:
                change(connection, new, email)
            return True
    return False
--- the parameter has another name -> its key is the name after the colon
with engine.begin() as connection:
    return pwd_context.verify(typed, connection.scalar(SELECT, {"mail": email}))
--- a typo in the SQL -> your own SQL
with engine.begin() as connection:
    query = text("SELEC password FROM accounts WHERE email = :email")
    return pwd_context.verify(typed, connection.scalar(query, {"email": email}))
--- K5: spaces don't count -> whether it verifies what was typed, unchanged
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed.strip(), stored)
    if new:
        change(connection, new, email)
    return accepted
""",
    ),
)
RIGHT = {"rehash-at-login": ACCEPTED}
WRONG = {"rehash-at-login": REFUSED}
