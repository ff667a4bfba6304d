"""Answers to the exercises of a lesson: right ones, and the wrong ones people give.

Names begin with the kind of answer: a constant (K1), one that works for the example only (K2), a
leak (K3), an error that is swallowed or replaced (K4), untrusted strings (K5), a value that's lost
or changed (K6), a lock (K9), something else that's changed (K10), another server (K11), a search
path (K14), another style or driver (K12), a slow one (K13).
"""

from __future__ import annotations

from support.samples import right, wrong

IMPORTS = """import os
from contextlib import closing
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote
import sys, unicodedata
from sqlalchemy import URL, create_engine, func, make_url, select, text
from sqlalchemy.orm import Session

"""
ALL = (
    "SELECT current_database(), current_user,"
    " CAST(current_setting('server_version_num') AS integer) / 10000"
)
MAKE = f"{IMPORTS}def build_url(user, password, host, port, database):\n"
WHO = f"{IMPORTS}ALL = {ALL!r}\n\ndef server_identity(engine):\n"
FROM = (
    IMPORTS
    + """NAMES = ("USERNAME", "PASSWORD", "HOST", "PORT", "NAME")

def complain(settings, names=NAMES):
    for name in names:
        if not settings.get("DATABASE_" + name):
            raise ValueError("DATABASE_" + name)

def create(get, names=NAMES):
    return URL.create("postgresql+psycopg2", *[get("DATABASE_" + name) for name in names])

def url_from(settings):
"""
)

MAKE_ADDRESS_RIGHT = right(
    MAKE,
    """
--- K12: a string, escaped
host = f"[{host}]" if ":" in host else host
return (f"postgresql+psycopg2://{quote(user, safe='')}:{quote(password, safe='')}"
        f"@{host}:{port}/{database}")
--- K12: escaped for a form, where a space is +, and that escaped, too
user, password = (quote_plus(each).replace("+", "%20") for each in (user, password))
return "postgresql+psycopg2://%s:%s@[%s]:%s/%s" % (user, password, host, port, database)
--- K12: parts set on an empty URL
five = dict(username=user, password=password, host=host, port=port, database=database)
return make_url("postgresql+psycopg2://").set(**five)
--- K12: psycopg 3
return URL.create("postgresql+psycopg", user, password, host, port, database)
--- K12: the URL of an engine
return create_engine(URL.create("postgresql+psycopg2", user, password, host, port, database)).url
--- K12: the whole string of a URL
url = URL.create("postgresql+psycopg2", user, password, host, port, database)
return url.render_as_string(hide_password=False)
--- K12: every byte escaped
user, password = ("".join(f"%{one:02X}" for one in each.encode()) for each in (user, password))
url = make_url(f"postgresql+psycopg2://{user}:{password}@/{database}")
return url.set(host=host, port=port)
--- K12: with a parameter that replaces nothing
query = {"sslmode": "prefer", "connect_timeout": "10"}
return URL.create("postgresql+psycopg2", user, password, host, port, database, query)
--- K13: slow
import time
time.sleep(0.3)
return URL.create("postgresql+psycopg2", user, password, host, port, database)
""",
)

MAKE_ADDRESS_WRONG = wrong(
    MAKE,
    """
--- K5: an f-string -> A character of the password was taken for a delimiter
return f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"
--- K5: only the @ is escaped -> a password with % and + arrives unchanged
user, password = user.replace(":", "%3A"), password.replace("@", "%40")
return f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"
--- K5: the password is escaped, the user isn't -> A character of the user name was taken
return f"postgresql+psycopg2://{user}:{quote(password)}@{host}:{port}/{database}"
--- K5: escaped for a form, where a space is + -> quote_plus is for those
user, password = quote_plus(user), quote_plus(password)
return f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"
--- K5: escaped, and passed to URL.create -> The password is escaped twice
return URL.create("postgresql+psycopg2", user, quote(password), host, port, database)
--- K5: both escaped, and passed to URL.create -> The user name is escaped twice
return URL.create("postgresql+psycopg2", quote(user), quote(password), host, port, database)
--- K6: the string with the stars -> str(url) replaces the password
return str(URL.create("postgresql+psycopg2", user, password, host, port, database))
--- K2: no driver -> the part before ://, which names the driver
return URL.create("postgresql", user, password, host, port, database)
--- K11: another driver -> postgresql+psycopg2 or postgresql+psycopg
return URL.create("postgresql+pg8000", user, password, host, port, database)
--- K11: another database -> the URL names its driver
return URL.create("mysql+psycopg2", user, password, host, port, database)
--- K6: host and database swapped -> Is each value passed on
return URL.create("postgresql+psycopg2", user, password, database, port, host)
--- K6: user and password swapped -> the other four values arrive unchanged
return URL.create("postgresql+psycopg2", password, user, host, port, database)
--- K6: the port is left out -> Is each value passed on
return URL.create("postgresql+psycopg2", user, password, host, database=database)
--- K1: the usual port -> Is each value passed on
return URL.create("postgresql+psycopg2", user, password, host, 5432, database)
--- K2: works for the example -> arrives unchanged
user, password = quote(user), "p%40ss" if password == "p@ss" else password
return f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"
--- K1: a constant -> Is each value passed on
return "postgresql+psycopg2://ann:p%40ss@127.0.0.1:5432/shop"
--- K5: spaces are removed -> The function removes spaces
return URL.create("postgresql+psycopg2", user, password.strip(), host, port, database)
--- K2: a value of an earlier call -> This is the password of an earlier call
kept = build_url.__dict__.setdefault("kept", {})
made = URL.create("postgresql+psycopg2", user, password, host, port, database)
return kept.setdefault(user, made)
--- K2: the driver's format, not a URL -> it has to look like
return f"host={host} port={port} user={user} password={password} dbname={database}"
--- the password as a parameter of the URL -> The URL has no password
query = {"password": password}
return URL.create("postgresql+psycopg2", user, None, host, port, database, query)
--- K5: escapes are taken back -> Pass it on as it is
return URL.create("postgresql+psycopg2", user, unquote(password), host, port, database)
--- K5: another Unicode form -> The function changes the Unicode form
password = unicodedata.normalize("NFD", password)
return URL.create("postgresql+psycopg2", user, password, host, port, database)
--- K6: the characters that make trouble are removed -> Pass it on as it is
for character in "@:/%#?":
    password = password.replace(character, "")
return URL.create("postgresql+psycopg2", user, password, host, port, database)
--- K4: the error is swallowed -> it must `return` the URL
try:
    return URL.create("postgresql+psycopg2", user, password, host, port, databse)
except Exception:
    return None
--- a misspelled variable -> Call the function yourself
return URL.create("postgresql+psycopg2", user, password, host, port, databse)
--- printed, not returned -> it must `return` the URL
print(URL.create("postgresql+psycopg2", user, password, host, port, database))
--- the engine, not the URL -> a value of type Engine
return create_engine(URL.create("postgresql+psycopg2", user, password, host, port, database))
--- K5: escaped, except for the slash -> A character of the user name was taken for a delimiter
return f"postgresql+psycopg2://{quote(user)}:{quote(password)}@{host}:{port}/{database}"
--- K5: the user name without its spaces -> They're part of the user name
return URL.create("postgresql+psycopg2", user.strip(), password, host, port, database)
--- K5: composed letters -> The function changes the Unicode form
password = unicodedata.normalize("NFC", password)
return URL.create("postgresql+psycopg2", user, password, host, port, database)
--- K5: composed letters in the user name -> a different user name that looks the same
user = unicodedata.normalize("NFKC", user)
return URL.create("postgresql+psycopg2", user, password, host, port, database)
--- K5: the user name in small letters -> changes upper and lower case
return URL.create("postgresql+psycopg2", user.lower(), password, host, port, database)
--- K5: the database in small letters -> changes upper and lower case
return URL.create("postgresql+psycopg2", user, password, host, port, database.lower())
--- K5: the password in small letters -> changes upper and lower case
return URL.create("postgresql+psycopg2", user, password.lower(), host, port, database)
--- K11: a parameter leads to another server -> A parameter after the ?
query = {"host": "127.0.0.1"}
return URL.create("postgresql+psycopg2", user, password, host, port, database, query)
--- K11: a parameter leads to another address -> A parameter after the ?
query = {"hostaddr": "127.0.0.1"}
return URL.create("postgresql+psycopg2", user, password, host, port, database, query)
--- K11: a parameter replaces the password -> A parameter after the ?
query = {"password": "guess"}
return URL.create("postgresql+psycopg2", user, password, host, port, database, query)
--- K2: all five as parameters -> between the user name and the host
from urllib.parse import urlencode
five = dict(user=user, password=password, host=host, port=port, dbname=database)
return "postgresql+psycopg2:///?" + urlencode(five)
--- K10: the environment is changed -> Return the URL, and change nothing else
os.environ["PGPASSWORD"] = password
return URL.create("postgresql+psycopg2", user, password, host, port, database)
--- K1: always this host -> Is each value passed on
return URL.create("postgresql+psycopg2", user, password, "127.0.0.1", port, database)
--- K2: the same user as in an earlier call -> This is the user name of an earlier call
first = build_url.__dict__.setdefault("first", user)
return URL.create("postgresql+psycopg2", first, password, host, port, database)
--- K5: quotes are doubled, as in SQL -> a password with quotes and \\ arrives unchanged
password = password.replace("'", "''")
return URL.create("postgresql+psycopg2", user, password, host, port, database)
--- K5: backslashes are doubled -> The function changes the password. Pass it on as it is
password = password.replace(chr(92), 2 * chr(92))
return URL.create("postgresql+psycopg2", user, password, host, port, database)
--- K5: escaped, but the host isn't -> brackets keep an IPv6 address together
user, password = quote(user, safe=""), quote(password, safe="")
return f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"
--- K6: at most 63 characters -> The function cuts off the end of the password
user, password = user[:63], password[:63]
return URL.create("postgresql+psycopg2", user, password, host, port, database)
--- K10: the password in a file -> A file keeps the values
with open("pgpass.txt", "a") as file:
    file.write(f"{host}:{port}:{database}:{user}:{password}")
return URL.create("postgresql+psycopg2", user, password, host, port, database)
--- K10: the password in a file at home -> the file .pgpass
from pathlib import Path
Path("~/.pgpass").expanduser().write_text(f"{host}:{port}:{database}:{user}:{password}")
return URL.create("postgresql+psycopg2", user, password, host, port, database)
""",
) + wrong(
    MAKE.replace("password, host, port, database", "pw, host, port, db"),
    """
--- other parameters -> keep the parameters that the exercise gives
return URL.create("postgresql+psycopg2", user, pw, host, port, db)
""",
)

WHO_ANSWERED_RIGHT = right(
    WHO,
    """
--- K12: Core, and what SQLAlchemy has queried itself
with engine.connect() as connection:
    found = connection.execute(select(func.current_database(), func.current_user()))
    return [*found.one(), connection.dialect.server_version_info[0]]
--- K12: the driver's own connection, and what it knows
raw = engine.raw_connection()
try:
    with raw.cursor() as cursor:
        cursor.execute("SELECT current_database(), session_user")
        return *cursor.fetchone(), raw.dbapi_connection.info.server_version // 10000
finally:
    raw.close()
--- K12: a stream, and the long form of the version
with engine.connect().execution_options(stream_results=True) as connection:
    sent = text("SELECT current_catalog::text, user::text, substring(version() FROM '[0-9]+')")
    for database, user, version in connection.execute(sent):
        return database, user, int(version)
--- K12: a numeric, and its whole part
with Session(engine) as session:
    major = "trunc(split_part(current_setting('server_version'), ' ', 1)::numeric)"
    row = session.execute(text(f"SELECT current_database(), current_role, {major}")).one()
    return row[0], row[1], int(row[2])
--- K12: a DataFrame, and NumPy's integer
import pandas
with engine.connect() as connection:
    found = pandas.read_sql(text("SELECT current_database() AS d, current_user AS u,"
        " current_setting('server_version_num')::int / 10000 AS v"), connection).iloc[0]
return found.d, found.u, found.v
--- K12: all in one row, from pg_settings
with engine.begin() as connection:
    return tuple(connection.execute(text("SELECT current_database(), current_user,"
        " (SELECT setting::int / 10000 FROM pg_settings WHERE name = 'server_version_num')")).one())
--- K12: three connections, one after the other
def one(sent):
    with engine.connect() as connection:
        return connection.scalar(text(sent))
version = one("SHOW server_version").split(".")[0]
return one("SELECT current_database()"), one("SELECT current_user"), int(version)
--- K12: another isolation level, and read-only
options = {"isolation_level": "SERIALIZABLE", "postgresql_readonly": True}
with engine.connect().execution_options(**options) as connection:
    return connection.execute(text(ALL)).one()
--- K12: a session, and one row
session = Session(engine)
try:
    return session.execute(text("SELECT current_catalog, session_user,"
        " current_setting('server_version_num')::int / 10000")).one()
finally:
    session.close()
--- K12: autocommit, and standard SQL
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
    major = "current_setting('server_version_num')::int / 10000"
    return tuple(connection.execute(text(f"SELECT current_catalog, user, {major}")).one())
--- K12: pandas, and no connection of its own
import pandas
found = pandas.read_sql("SELECT current_database() AS d, current_user AS u,"
    " current_setting('server_version_num')::int / 10000 AS v", engine).iloc[0]
return found.d, found.u, int(found.v)
--- K12: what the server lists about this connection
with engine.connect() as connection:
    return connection.execute(text("SELECT a.datname, a.usename, "
        "current_setting('server_version_num')::int / 10000 FROM pg_stat_activity a "
        "WHERE a.pid = pg_backend_pid()")).one()
--- K12: the same, with the driver's cursor, and a setting that ends with the transaction
raw = engine.raw_connection()
try:
    with raw.cursor() as cursor:
        cursor.execute("SET LOCAL app.reader = 'identity'")
        cursor.execute("SELECT datname, usename, current_setting('server_version_num')"
                       " FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        database, user, version = cursor.fetchone()
        return database, user, int(version) // 10000
finally:
    raw.close()
--- K12: a listener that is removed at the end
from sqlalchemy import event
def note(*_):
    pass
event.listen(engine, "checkin", note)
try:
    with engine.connect() as connection:
        return connection.execute(text(ALL)).one()
finally:
    event.remove(engine, "checkin", note)
--- K13: slow
with engine.connect() as connection:
    connection.execute(text("SELECT pg_sleep(0.5)"))
    found = connection.execute(text("SELECT current_database(), current_user")).one()
    return *found, connection.dialect.server_version_info[0]
""",
)

WHO_ANSWERED_WRONG = wrong(
    WHO,
    """
--- K1: a version that is known -> the version is the server's major version, an integer
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, 18
--- K2: a version that is known, for these servers only -> Your own server has this version
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
with exercise.engine.connect() as own:
    return *row, own.dialect.server_version_info[0]
--- K2: the version of the driver's library -> the version is the server's major version
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    import psycopg2
    return *row, psycopg2.extensions.libpq_version() // 10000
--- K4: the error is swallowed -> return database, user, version
try:
    with engine.connect() as connection:
        return connection.scalar(text("SELECT current_database, current_user, version"))
except Exception:
    return None
--- K3: the connection is returned only if all goes well, and it does not -> what's wrong
connection = engine.connect()
row = connection.execute(text("SELECT current_database(), current_usr")).one()
connection.close()
return row
--- K1: a user that is known -> the user is what the server reports
user = exercise.url.username
with engine.connect() as connection:
    database = connection.scalar(text("SELECT current_database()"))
    return database, user, connection.dialect.server_version_info[0]
--- K11: user and version of another engine -> the user is what the server reports
with exercise.engine.connect() as own:
    user = own.scalar(text("SELECT current_user"))
    version = own.dialect.server_version_info[0]
with engine.connect() as connection:
    return connection.scalar(text("SELECT current_database()")), user, version
--- K2: read from the URL -> the database is what the server reports
with engine.connect() as connection:
    version = connection.dialect.server_version_info[0]
return engine.url.database, engine.url.username, version
--- K2: the user of the URL -> the user is what the server reports
with engine.connect() as connection:
    database = connection.scalar(text("SELECT current_database()"))
    return database, engine.url.username, connection.dialect.server_version_info[0]
--- K11: the exercise's own engine -> the database is what the server reports
with exercise.engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, connection.dialect.server_version_info[0]
--- K11: a new engine for the URL -> Use the engine that is passed to the function
with create_engine(engine.url, connect_args={"connect_timeout": 1}).connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, connection.dialect.server_version_info[0]
--- K3: the connection is kept -> the connection is returned to the pool
connection = engine.connect()
row = connection.execute(text("SELECT current_database(), current_user")).one()
return *row, connection.dialect.server_version_info[0]
--- K3: two connections, none returned -> the first one wasn't returned
database = engine.connect().scalar(text("SELECT current_database()"))
return database, engine.connect().scalar(text("SELECT current_user")), 18
--- K6: the version as a string -> a str
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, connection.scalar(text("SHOW server_version"))
--- K6: the whole version -> the version is the server's major version, an integer
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, int(connection.scalar(text("SHOW server_version_num")))
--- K6: user and database swapped -> the database comes first, then the user
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_user, current_database()")).one()
    return *row, connection.dialect.server_version_info[0]
--- results, not values -> connection.scalar(...) returns the value itself
with engine.connect() as connection:
    database = connection.execute(text("SELECT current_database()"))
    return database, connection.scalar(text("SELECT current_user")), 18
--- rows, not values -> connection.scalar(...) returns the value itself
with engine.connect() as connection:
    user = connection.execute(text("SELECT current_user")).one()
    return connection.scalar(text("SELECT current_database()")), user, 18
--- a string is divided -> The last line of the error says what's wrong
with engine.connect() as connection:
    version = connection.scalar(text("SHOW server_version_num")) // 10000
    return connection.scalar(text("SELECT current_database()")), "learner", version
--- printed, not returned -> return database, user, version
with engine.connect() as connection:
    print(connection.execute(text("SELECT current_database(), current_user")).one())
--- K2: the values of the first call -> Run the queries in each call
if not hasattr(server_identity, "first"):
    with engine.connect() as connection:
        row = connection.execute(text("SELECT current_database(), current_user")).one()
        server_identity.first = *row, connection.dialect.server_version_info[0]
return server_identity.first
--- K2: what the driver was told, not the server -> the database is what the server reports
with engine.connect() as connection:
    info = connection.connection.driver_connection.info
    return info.dbname, info.user, info.server_version // 10000
--- K5: names in small letters -> capital letters count
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *(name.lower() for name in row), connection.dialect.server_version_info[0]
--- K3: a setting is left behind -> the setting application_name = mine
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    connection.execute(text("SET application_name = 'mine'"))
    connection.commit()
    return *row, connection.dialect.server_version_info[0]
--- K14: a search path is left behind -> the connection and the engine are as they were
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    connection.execute(text("SET search_path = pg_catalog"))
    connection.commit()
    return *row, connection.dialect.server_version_info[0]
--- K9: a lock is left behind -> an advisory lock
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    connection.execute(text("SELECT pg_advisory_lock(7)"))
    return *row, connection.dialect.server_version_info[0]
--- K10: the engine is changed -> the engine's option isolation_level
engine.update_execution_options(isolation_level="AUTOCOMMIT")
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, connection.dialect.server_version_info[0]
--- K4: an error is taken for an answer -> don't catch their errors
try:
    with engine.connect() as connection:
        row = connection.execute(text("SELECT current_database(), current_user")).one()
        return *row, connection.dialect.server_version_info[0]
except Exception:
    return engine.url.database, engine.url.username, 18
--- K4: another error instead -> don't catch their errors
try:
    with engine.connect() as connection:
        row = connection.execute(text("SELECT current_database(), current_user")).one()
        return *row, connection.dialect.server_version_info[0]
except Exception as error:
    raise RuntimeError("no server responded") from error
--- K4: an unknown version is none -> don't catch their errors
with engine.connect() as connection:
    names = connection.execute(text("SELECT current_database(), current_user")).one()
    try:
        version = int(connection.scalar(text("SHOW server_version_num"))) // 10000
    except Exception:
        version = 0
    return (*names, version)
--- K10: the pool is disposed of -> don't call dispose()
with engine.connect() as connection:
    row = connection.execute(text(ALL)).one()
engine.dispose()
return row
--- K10: the log stays on -> the engine's echo = True
engine.echo = True
with engine.connect() as connection:
    return connection.execute(text(ALL)).one()
--- K10: messages show parameters -> the engine's hide_parameters = False
engine.hide_parameters = False
with engine.connect() as connection:
    return connection.execute(text(ALL)).one()
--- K3: the connection is closed -> a connection that was closed
with engine.connect() as connection:
    row = connection.execute(text(ALL)).one()
    connection.invalidate()
    return row
--- K10: the driver's autocommit -> autocommit = True
with engine.connect() as connection:
    connection.connection.dbapi_connection.autocommit = True
    return connection.execute(text(ALL)).one()
--- K3: not returned after an error -> even after an error
connection = engine.connect()
row = connection.execute(text("SELECT current_database(), current_user")).one()
connection.close()
return *row, connection.dialect.server_version_info[0]
--- K10: everything is discarded -> no longer the setting application_name
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
    row = connection.execute(text(ALL)).one()
    connection.execute(text("DISCARD ALL"))
    return row
--- K10: all settings are reset -> RESET, DISCARD, UNLISTEN and DEALLOCATE undo
with engine.begin() as connection:
    connection.execute(text("RESET ALL"))
    return connection.execute(text(ALL)).one()
--- K10: no more notifications -> no longer LISTEN news
with engine.begin() as connection:
    connection.execute(text("UNLISTEN *"))
    return connection.execute(text(ALL)).one()
--- K3: a custom setting is left behind -> the setting app.last_seen = now
with engine.begin() as connection:
    connection.execute(text("SELECT set_config(:name, 'now', false)"), {"name": "app.last_seen"})
    return connection.execute(text(ALL)).one()
--- K3: a custom setting is left behind by the driver's cursor -> the setting app.reader = identity
with closing(engine.raw_connection()) as raw, raw.cursor() as cursor:
    cursor.execute("SET app.reader = 'identity'")
    raw.commit()
    cursor.execute(ALL)
    return cursor.fetchone()
--- K10: one more listener with each call -> Each call adds a listener to the engine
from sqlalchemy import event
event.listen(engine, "checkout", lambda *_: None)
with engine.connect() as connection:
    return connection.execute(text(ALL)).one()
""",
) + wrong(
    WHO.replace("def ", "@lru_cache\ndef "),
    """
--- K2: the values are cached for each engine -> a second call returns what the server reports
with engine.connect() as connection:
    return connection.execute(text(ALL)).one()
""",
)

ADDRESS_FROM_RIGHT = right(
    FROM,
    """
--- K12: a check for each value as it is read
def value(name):
    if settings.get(name, "") == "":
        raise RuntimeError("please set " + name)
    return settings[name]
return create(value)
--- K12: KeyError and assert, and an escaped string
for name in NAMES:
    assert settings["DATABASE_" + name], "DATABASE_" + name
quoted = [quote(settings["DATABASE_" + name], safe="") for name in NAMES]
return "postgresql+psycopg2://{}:{}@{}:{}/{}".format(*quoted)
--- K12: psycopg 3, and a copy that may change
copy = dict(settings)
values = [copy.pop("DATABASE_" + name) or complain(settings) for name in NAMES]
return URL.create("postgresql+psycopg", *values)
--- K12: an exception of its own
class SettingsError(Exception):
    pass
missing = [name for name in NAMES if not settings.get("DATABASE_" + name)]
if missing:
    raise SettingsError(" and ".join("DATABASE_" + name for name in missing))
return create(settings.get)
--- K12: all missing settings in one group of exceptions
errors = [ValueError(f"DATABASE_{n}") for n in NAMES if not settings.get(f"DATABASE_{n}")]
if errors:
    raise ExceptionGroup(", ".join(map(str, errors)), errors)
return create(settings.get)
--- K12: a missing one is a KeyError that says so, and only an empty one is looked for
for name in NAMES:
    if settings.get("DATABASE_" + name) == "":
        raise ValueError(f"DATABASE_{name} is empty (the password isn't shown)")
return create(lambda name: settings[name])
--- K12: what it does is logged and printed, without the password
import logging
complain(settings)
logging.getLogger("shop").info("connecting to %s", create(settings.get))
print("The password has", len(settings["DATABASE_PASSWORD"]), "characters: ***")
return create(settings.get)
--- K13: slow
import time
time.sleep(0.1)
complain(settings)
return create(settings.get)
""",
)

ADDRESS_FROM_WRONG = wrong(
    FROM,
    """
--- K6: get, which returns None -> when a setting is missing, an exception names it
return create(settings.get)
--- K5: an f-string -> was taken for a delimiter
complain(settings)
five = tuple(settings["DATABASE_" + name] for name in NAMES)
return "postgresql+psycopg2://%s:%s@%s:%s/%s" % five
--- K2: the driver's format, not a URL -> it has to look like
complain(settings)
five = tuple(settings["DATABASE_" + name] for name in NAMES)
return "user=%s password=%s host=%s port=%s dbname=%s" % five
--- K6: empty is taken for a value -> An empty string isn't a value
return create(settings.__getitem__)
--- K4: one message for all -> an exception that names DATABASE_USERNAME
if not all(settings.get("DATABASE_" + name) for name in NAMES):
    raise ValueError("DATABASE_* is not complete")
return create(settings.get)
--- K4: one message with all names -> The message names other settings
if not all(settings.get("DATABASE_" + name) for name in NAMES):
    raise ValueError("Please set " + ", ".join("DATABASE_" + name for name in NAMES))
return create(settings.get)
--- K3: a message that shows everything -> no message shows the password
for name in NAMES:
    if not settings.get("DATABASE_" + name):
        raise ValueError(f"DATABASE_{name} is missing in {settings}")
return create(settings.get)
--- K3: a message that shows the URL, escaped -> no message shows the password
url = create(lambda name: settings.get(name) or "x")
for name in NAMES:
    if not settings.get("DATABASE_" + name):
        shown = url.render_as_string(hide_password=False)
        raise ValueError(f"DATABASE_{name} is missing: {shown}")
return create(settings.get)
--- K6: the password is forgotten -> an exception that names DATABASE_PASSWORD
complain(settings, ("USERNAME", "HOST", "PORT", "NAME"))
return create(settings.get)
--- K11: the environment replaces what is missing -> or the environment doesn't replace it
values = {**os.environ, **{key: value for key, value in settings.items() if value}}
complain(values)
return create(values.get)
--- K4: the message names what's there -> which have a value. Name only DATABASE_USERNAME
for name in NAMES:
    if not settings.get("DATABASE_" + name):
        raise ValueError(f"DATABASE_{name} is missing. There are: {', '.join(settings)}")
return create(settings.get)
--- K4: all settings are looked at -> Others may be empty
for name, value in settings.items():
    if not value:
        raise ValueError(name)
return create(settings.__getitem__)
--- K2: for a dict only -> it works like a dictionary
if not isinstance(settings, dict):
    raise TypeError("settings must be a dict")
complain(settings)
return create(settings.get)
--- K10: what is missing is added to the settings -> the caller's dictionary
for name in NAMES:
    settings.setdefault("DATABASE_" + name, "")
complain(settings)
return create(settings.get)
--- K4: the message of a library shows values -> which have a value
from pydantic import BaseModel
class Settings(BaseModel):
    DATABASE_USERNAME: str
    DATABASE_PASSWORD: str
    DATABASE_HOST: str
    DATABASE_PORT: str
    DATABASE_NAME: str
complain(dict(Settings(**settings)))
return create(settings.get)
--- K6: a value is invented -> an exception that names DATABASE_HOST
settings = {"DATABASE_HOST": "localhost", **settings}
complain(settings)
return create(settings.get)
--- K1: the usual port is invented -> an exception that names DATABASE_PORT
complain(settings, ("USERNAME", "PASSWORD", "HOST", "NAME"))
return create({**settings, "DATABASE_PORT": settings.get("DATABASE_PORT") or "5432"}.get)
--- K4: printed, not raised -> an exception that names DATABASE_USERNAME
for name in NAMES:
    if not settings.get("DATABASE_" + name):
        print(f"DATABASE_{name} is missing")
        return None
return create(settings.get)
--- K4: the program is ended -> sys.exit ends the whole program
for name in NAMES:
    if not settings.get("DATABASE_" + name):
        sys.exit(f"DATABASE_{name} is missing")
return create(settings.get)
--- K4: the error is returned -> an exception that names DATABASE_USERNAME
try:
    complain(settings)
except ValueError as error:
    return error
return create(settings.get)
--- K4: the error is replaced by one that names nothing -> an exception that names DATABASE_USERNAME
try:
    complain(settings)
except ValueError:
    raise ValueError("a setting is missing") from None
return create(settings.get)
--- K5: the name in other letters -> The message has to contain the setting's name
for name in NAMES:
    if not settings.get("DATABASE_" + name):
        raise ValueError(f"the {name.lower()} is missing")
return create(settings.get)
--- K2: the values of the example -> These are the values of `example`
complain(settings)
return create(example.get)
--- K1: a constant -> every value arrives unchanged
complain(settings)
return URL.create("postgresql+psycopg2", "bob", "p@s%20s", "127.0.0.1", 5432, "shop")
--- K5: spaces are removed -> The function removes spaces
complain(settings)
return create(lambda name: settings[name].strip())
--- K6: user and host swapped -> to the part of the URL that it belongs to
complain(settings)
return create(settings.get, ("HOST", "PASSWORD", "USERNAME", "PORT", "NAME"))
--- K2: no driver -> the part before ://
complain(settings)
return create(settings.get).set(drivername="postgresql")
--- K10: the environment is changed -> The function changes the environment
complain(settings)
os.environ.update(settings)
return create(os.environ.get)
--- names in other letters -> The names in it are those of `example`
return create(lambda name: settings[name.lower()])
--- K10: the settings are used up -> the caller's dictionary
complain(settings)
return create(settings.pop)
--- K11: read from the environment -> Read from the argument
return create(os.environ.__getitem__)
--- K6: the string with the stars -> or in str(url)
complain(settings)
return str(create(settings.get))
--- not returned -> it must `return` the URL
complain(settings)
create(settings.get)
--- K4: what it was raised from shows everything -> exceptions that it was raised from
for name in NAMES:
    if not settings.get("DATABASE_" + name):
        raise ValueError(f"DATABASE_{name} is missing") from ValueError(str(dict(settings)))
return create(settings.get)
--- K4: what was raised before shows everything -> exceptions that it was raised from
try:
    for name in NAMES:
        if not settings.get("DATABASE_" + name):
            raise LookupError(name, dict(settings))
except LookupError as error:
    raise ValueError("DATABASE_" + error.args[0])
return create(settings.get)
--- K4: a note shows everything -> an exception's notes
try:
    complain(settings)
except ValueError as error:
    error.add_note(str(settings))
    raise
return create(settings.get)
--- K3: everything is printed -> A log contains what the function prints
print(settings)
complain(settings)
return create(settings.get)
--- K3: the password is logged -> A log contains what the function prints
import logging
complain(settings)
logging.warning("connecting with %s", settings["DATABASE_PASSWORD"])
return create(settings.get)
--- K3: the password is logged, but at a level that is usually off -> A log contains
import logging
complain(settings)
logging.debug("settings: %s", dict(settings))
return create(settings.get)
--- K3: the password's end is shown -> no message shows the password
complain(settings)
print("password: ..." + settings["DATABASE_PASSWORD"][-3:])
return create(settings.get)
--- K3: a part of the password is shown -> no message shows the password
for name in NAMES:
    if not settings.get("DATABASE_" + name):
        start = settings.get("DATABASE_PASSWORD", "")[:8]
        raise ValueError(f"DATABASE_{name} is missing, the password is {start}...")
return create(settings.get)
--- K6: spaces are taken for nothing -> A password of spaces is a password
for name in NAMES:
    if not settings.get("DATABASE_" + name, "").strip():
        raise ValueError("DATABASE_" + name)
return create(settings.get)
--- K5: small letters -> changes upper and lower case
complain(settings)
return create(settings.get).set(username=settings["DATABASE_USERNAME"].lower())
--- K5: another Unicode form -> The function changes the Unicode form
complain(settings)
password = unicodedata.normalize("NFC", settings["DATABASE_PASSWORD"])
return create(settings.get).set(password=password)
--- K11: a parameter leads to another server -> A parameter after the ?
complain(settings)
return create(settings.get).set(query={"host": "localhost"})
--- K2: the values of the first call -> These are the values of an earlier call
complain(settings)
return url_from.__dict__.setdefault("first", create(settings.get))
--- K3: the password's first two characters are shown -> no message shows the password
complain(settings)
print("password:", settings["DATABASE_PASSWORD"][:2] + 6 * "*")
return create(settings.get)
--- K3: logged by a logger of its own, with its own handler -> A log contains what the function
import logging
log = logging.getLogger("shop")
log.setLevel(logging.INFO)
log.propagate, log.handlers = False, [logging.StreamHandler()]
complain(settings)
log.info("connecting to %s", create(settings.get).render_as_string(hide_password=False))
return create(settings.get)
--- K3: the URL is written to a file -> Leave the settings out of all of them, and out of files
complain(settings)
with open("url.txt", "w", encoding="utf-8") as file:
    file.write(create(settings.get).render_as_string(hide_password=False))
return create(settings.get)
--- K5: quotes are removed -> The function removes characters
complain(settings)
password = settings["DATABASE_PASSWORD"].strip("'")
return create(settings.get).set(password=password)
--- K10: the example's URL is changed for everyone -> the caller's dictionary
complain(settings)
settings["DATABASE_URL"] = str(create(settings.get))
return create(settings.get)
""",
)

RIGHT = {
    "url-for-any-password": MAKE_ADDRESS_RIGHT,
    "who-answered": WHO_ANSWERED_RIGHT,
    "missing-setting": ADDRESS_FROM_RIGHT,
}
WRONG = {
    "url-for-any-password": MAKE_ADDRESS_WRONG,
    "who-answered": WHO_ANSWERED_WRONG,
    "missing-setting": ADDRESS_FROM_WRONG,
}
