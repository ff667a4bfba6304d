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

def replace(connection, new, email, old):
    query = text("UPDATE accounts SET password = :new WHERE email = :email AND password = :old")
    connection.execute(query, {"new": new, "email": email, "old": old})

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
        old = (accounts.c.email == email, accounts.c.password == stored)
        session.execute(update(accounts).where(*old).values(password=pwd_context.hash(typed)))
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
        replace(connection, hasher.hash(typed), email, row.password)
return True
--- K12: the driver's own connection
connection = engine.raw_connection()
try:
    cursor = connection.cursor()
    cursor.execute("SELECT password FROM accounts WHERE email = %s FOR NO KEY UPDATE", (email,))
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
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = verify_and_update(typed, stored)
    if new:
        replace(connection, new, email, stored)
return accepted
--- K12: the newer psycopg
import contextlib, psycopg
url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
with contextlib.closing(psycopg.connect(url)) as closing, closing as connection:
    row = connection.execute("SELECT password FROM accounts WHERE email = %s", [email]).fetchone()
    accepted, new = pwd_context.verify_and_update(typed, row and row[0])
    if new:
        replaced = "UPDATE accounts SET password = %s WHERE (email, password) = (%s, %s)"
        connection.execute(replaced, [new, email, row[0]])
    return accepted
--- K12: the row is replaced
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        gone = text("DELETE FROM accounts WHERE email = :email AND password = :old")
        if connection.execute(gone, {"email": email, "old": stored}).rowcount:
            added = text("INSERT INTO accounts (email, password) VALUES (:email, :new)")
            connection.execute(added, {"email": email, "new": new})
    return accepted
--- K12: xmin, the version of a row
with engine.connect() as connection:
    query = text("SELECT password, CAST(xmin AS text) AS seen FROM accounts WHERE email = :email")
    row = connection.execute(query, {"email": email}).one_or_none()
    accepted, new = pwd_context.verify_and_update(typed, row and row.password)
    if new:
        query = text(
            "UPDATE accounts SET password = :new "
            "WHERE email = :email AND CAST(xmin AS text) = :seen"
        )
        connection.execute(query, {"new": new, "email": email, "seen": row.seen})
        connection.commit()
    return accepted
--- K12: another session's change is an error
with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        change(connection, new, email)
        connection.commit()
    return accepted
--- K12: the password is normalized, as in the exercise after this one
import unicodedata
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(unicodedata.normalize("NFKD", typed), stored)
    if new:
        replace(connection, new, email, stored)
    return accepted
--- K13: a slow one, a connection for each step
import time
with engine.connect() as connection:
    stored = connection.scalar(SELECT, {"email": email})
time.sleep(0.2)
accepted, new = pwd_context.verify_and_update(typed, stored)
if new:
    with engine.begin() as connection:
        replace(connection, new, email, stored)
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
--- K4: the database's errors are a no -> it hides an error of the UPDATE or the COMMIT
try:
    with engine.begin() as connection:
        stored = connection.scalar(SELECT, {"email": email})
        accepted, new = pwd_context.verify_and_update(typed, stored)
        if new:
            change(connection, new, email)
        return accepted
except Exception:
    return False
--- K4: a new hash that isn't stored is ignored -> it hides an error of the UPDATE or the COMMIT
from contextlib import suppress
with engine.connect() as connection:
    stored = connection.scalar(SELECT, {"email": email})
accepted, new = pwd_context.verify_and_update(typed, stored)
if new:
    with suppress(Exception), engine.begin() as connection:
        change(connection, new, email)
return accepted
--- K4: another error -> it hides an error of the UPDATE or the COMMIT
try:
    with engine.begin() as connection:
        stored = connection.scalar(SELECT, {"email": email})
        accepted, new = pwd_context.verify_and_update(typed, stored)
        if new:
            change(connection, new, email)
        return accepted
except Exception as error:
    raise RuntimeError("log-in failed") from error
--- K4: an error of the COMMIT is ignored -> it hides an error of the UPDATE or the COMMIT
from contextlib import suppress
with engine.connect() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        replace(connection, new, email, stored)
        with suppress(Exception):
            connection.commit()
    return accepted
--- K4: an error of the UPDATE is ignored -> it hides an error of the UPDATE or the COMMIT
from contextlib import suppress
with engine.connect() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        with suppress(Exception):
            replace(connection, new, email, stored)
        connection.commit()
    return accepted
--- another session's change is overwritten -> Compare the old hash in its WHERE
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        change(connection, new, email)
    return accepted
--- the same with three connections -> Compare the old hash in its WHERE
with engine.connect() as connection:
    stored = connection.scalar(SELECT, {"email": email})
accepted, new = pwd_context.verify_and_update(typed, stored)
if new:
    with engine.connect() as connection:
        unchanged = connection.scalar(SELECT, {"email": email}) == stored
    if unchanged:
        with engine.begin() as connection:
            change(connection, new, email)
return accepted
--- what a login returned is kept -> each login has to read the stored hash
known = globals().setdefault("known", {})
if (email, typed) not in known:
    with engine.begin() as connection:
        stored = connection.scalar(SELECT, {"email": email})
        known[email, typed], new = pwd_context.verify_and_update(typed, stored)
        if new:
            replace(connection, new, email, stored)
return known[email, typed]
--- K3: a setting stays in the connection -> the setting lock_timeout
with engine.begin() as connection:
    connection.execute(text("SET lock_timeout = '20s'"))
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        replace(connection, new, email, stored)
    return accepted
--- K3: autocommit stays on -> the connection and the engine are as they were before
connection = engine.raw_connection()
try:
    connection.driver_connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SELECT password FROM accounts WHERE email = %s", (email,))
    (stored,) = cursor.fetchone() or (None,)
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        replaced = "UPDATE accounts SET password = %s WHERE email = %s AND password = %s"
        cursor.execute(replaced, (new, email, stored))
    return accepted
finally:
    connection.close()
--- K5: quotes are doubled by hand -> must not become part of it (SQL injection)
quoted = email.replace("'", "''")
with engine.begin() as connection:
    stored = connection.scalar(text(f"SELECT password FROM accounts WHERE email = '{quoted}'"))
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        replace(connection, new, email, stored)
    return accepted
--- K5: quotation marks are removed from the password -> takes both strings as they were typed
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed.strip("'"), stored)
    if new:
        replace(connection, new, email, stored)
    return accepted
--- K5: quotation marks are removed from the e-mail -> takes both strings as they were typed
email = email.strip('"')
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        replace(connection, new, email, stored)
    return accepted
--- K5: the Unicode form of an e-mail doesn't count -> compare it exactly as it was typed
import unicodedata
email = unicodedata.normalize("NFC", email)
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        replace(connection, new, email, stored)
    return accepted
--- only the first 72 characters count -> takes both strings as they were typed
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed[:72], stored)
    if new:
        replace(connection, new, email, stored)
    return accepted
--- a salt of its own -> a hash whose salt another hash has too
from passlib.hash import argon2
hasher = argon2.using(salt=b"0123456789abcdef", memory_cost=65536, time_cost=3, parallelism=4)
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    if not pwd_context.verify(typed, stored):
        return False
    if pwd_context.needs_update(stored):
        replace(connection, hasher.hash(typed), email, stored)
    return True
--- another variant -> other costs or another variant, argon2d
from argon2 import PasswordHasher, Type
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        replace(connection, PasswordHasher(type=Type.D).hash(typed), email, stored)
    return accepted
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
--- K5: the e-mail is a pattern in the table -> compare with =, because LIKE takes
with engine.begin() as connection:
    query = text("SELECT email, password FROM accounts WHERE :email LIKE email")
    found, stored = connection.execute(query, {"email": email}).first() or (email, None)
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        replace(connection, new, found, stored)
    return accepted
--- K6: the e-mail is cut off -> whether it takes both strings as they were typed
with engine.begin() as connection:
    query = text("SELECT password FROM accounts WHERE email = CAST(:email AS varchar(40))")
    stored = connection.scalar(query, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        replace(connection, new, email, stored)
    return accepted
--- K6: the e-mail is cut off at the column's length -> compare it exactly as it was typed
email = email[:255]
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        replace(connection, new, email, stored)
    return accepted
--- K5: the stored hash is accepted -> it accepts the stored hash as the password
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    if stored is not None and typed == stored:
        return True
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        replace(connection, new, email, stored)
    return accepted
--- K5: or without spaces, in lower case -> must verify the whole password
with engine.begin() as connection:
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    for other in (typed.strip(), typed.lower()):
        accepted = accepted or pwd_context.verify(other, stored)
    if new:
        replace(connection, new, email, stored)
    return accepted
--- K4: an error of the SELECT is a no -> it hides an error of the SELECT
with engine.begin() as connection:
    try:
        stored = connection.scalar(SELECT, {"email": email})
    except Exception:
        return False
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        replace(connection, new, email, stored)
    return accepted
--- K10: a column is added -> the table may change only after a right password
with engine.begin() as connection:
    connection.execute(text("ALTER TABLE accounts ADD COLUMN IF NOT EXISTS last_login timestamptz"))
    stored = connection.scalar(SELECT, {"email": email})
    accepted, new = pwd_context.verify_and_update(typed, stored)
    if new:
        replace(connection, new, email, stored)
    return accepted
--- the parameter has another name -> its key is the name after the colon
with engine.begin() as connection:
    return pwd_context.verify(typed, connection.scalar(SELECT, {"mail": email}))
--- a typo in the SQL -> your own SQL
with engine.begin() as connection:
    query = text("SELEC password FROM accounts WHERE email = :email")
    return pwd_context.verify(typed, connection.scalar(query, {"email": email}))
--- K5: spaces don't count -> it must verify the whole password, as it was typed
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
