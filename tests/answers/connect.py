"""Answers to the exercises of a lesson: right ones, and the wrong ones people give."""

from __future__ import annotations

from support.samples import right, wrong

IMPORTS = """import os
from urllib.parse import quote, quote_plus, unquote
import sys, unicodedata
from sqlalchemy import URL, create_engine, func, make_url, select, text
from sqlalchemy.orm import Session

"""
MAKE = f"{IMPORTS}def make_address(user, password, host, port, database):\n"
WHO = f"{IMPORTS}def who_answered(engine):\n"
FROM = (
    IMPORTS
    + """NAMES = ("USERNAME", "PASSWORD", "HOST", "PORT", "NAME")

def complain(settings, names=NAMES):
    for name in names:
        if not settings.get("DATABASE_" + name):
            raise ValueError("DATABASE_" + name)

def create(get, names=NAMES):
    return URL.create("postgresql+psycopg2", *[get("DATABASE_" + name) for name in names])

def address_from(settings):
"""
)

MAKE_ADDRESS_RIGHT = right(
    MAKE,
    """
--- a string, escaped
return (f"postgresql+psycopg2://{quote(user, safe='')}:{quote(password, safe='')}"
        f"@{host}:{port}/{database}")
--- escaped for a form, where a space is +, and that escaped, too
user, password = (quote_plus(each).replace("+", "%20") for each in (user, password))
return "postgresql+psycopg2://%s:%s@%s:%s/%s" % (user, password, host, port, database)
--- parts set on an empty URL
five = dict(username=user, password=password, host=host, port=port, database=database)
return make_url("postgresql+psycopg2://").set(**five)
--- psycopg 3
return URL.create("postgresql+psycopg", user, password, host, port, database)
--- the URL of an engine
return create_engine(URL.create("postgresql+psycopg2", user, password, host, port, database)).url
--- the whole string of a URL
url = URL.create("postgresql+psycopg2", user, password, host, port, database)
return url.render_as_string(hide_password=False)
""",
)

MAKE_ADDRESS_WRONG = wrong(
    MAKE,
    """
--- an f-string -> A character of the password was taken for a delimiter
return f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"
--- only the @ is escaped -> a password with % and + arrives unchanged
user, password = user.replace(":", "%3A"), password.replace("@", "%40")
return f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"
--- the password is escaped, the user isn't -> The : of the user name was taken
return f"postgresql+psycopg2://{user}:{quote(password)}@{host}:{port}/{database}"
--- escaped for a form, where a space is + -> a password with #, ?, a space and é arrives unchanged
user, password = quote_plus(user), quote_plus(password)
return f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"
--- escaped, and passed to URL.create -> The password is escaped twice
return URL.create("postgresql+psycopg2", user, quote(password), host, port, database)
--- both escaped, and passed to URL.create -> The user name is escaped twice
return URL.create("postgresql+psycopg2", quote(user), quote(password), host, port, database)
--- the string with the stars -> str(url) replaces the password
return str(URL.create("postgresql+psycopg2", user, password, host, port, database))
--- no driver -> the part before ://, which names the driver
return URL.create("postgresql", user, password, host, port, database)
--- another driver -> postgresql+psycopg2 or postgresql+psycopg
return URL.create("postgresql+pg8000", user, password, host, port, database)
--- another database -> the URL names its driver
return URL.create("mysql+psycopg2", user, password, host, port, database)
--- host and database swapped -> Is each value passed on
return URL.create("postgresql+psycopg2", user, password, database, port, host)
--- user and password swapped -> the other four values arrive unchanged
return URL.create("postgresql+psycopg2", password, user, host, port, database)
--- the port is left out -> Is each value passed on
return URL.create("postgresql+psycopg2", user, password, host, database=database)
--- the usual port -> Is each value passed on
return URL.create("postgresql+psycopg2", user, password, host, 5432, database)
--- works for the example -> arrives unchanged
user, password = quote(user), "p%40ss" if password == "p@ss" else password
return f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"
--- a constant -> Is each value passed on
return "postgresql+psycopg2://ann:p%40ss@127.0.0.1:5432/shop"
--- spaces are removed -> The function removes spaces
return URL.create("postgresql+psycopg2", user, password.strip(), host, port, database)
--- a value of an earlier call -> This is the password of an earlier call
kept = make_address.__dict__.setdefault("kept", {})
made = URL.create("postgresql+psycopg2", user, password, host, port, database)
return kept.setdefault(user, made)
--- the driver's format, not a URL -> it has to look like
return f"host={host} port={port} user={user} password={password} dbname={database}"
--- the password as a parameter of the URL -> The URL has no password
query = {"password": password}
return URL.create("postgresql+psycopg2", user, None, host, port, database, query)
--- escapes are taken back -> Pass it on as it is
return URL.create("postgresql+psycopg2", user, unquote(password), host, port, database)
--- another Unicode form -> Pass it on as it is
password = unicodedata.normalize("NFD", password)
return URL.create("postgresql+psycopg2", user, password, host, port, database)
--- the characters that make trouble are removed -> Pass it on as it is
for character in "@:/%#?":
    password = password.replace(character, "")
return URL.create("postgresql+psycopg2", user, password, host, port, database)
--- the error is swallowed -> it must `return` the URL
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
--- Core, and what SQLAlchemy has queried itself
with engine.connect() as connection:
    found = connection.execute(select(func.current_database(), func.current_user()))
    return [*found.one(), connection.dialect.server_version_info[0]]
--- the driver's own connection, and what it knows
raw = engine.raw_connection()
try:
    with raw.cursor() as cursor:
        cursor.execute("SELECT current_database(), session_user")
        return *cursor.fetchone(), raw.dbapi_connection.info.server_version // 10000
finally:
    raw.close()
--- a stream, and the long form of the version
with engine.connect().execution_options(stream_results=True) as connection:
    sent = text("SELECT current_catalog::text, user::text, substring(version() FROM '[0-9]+')")
    for database, user, version in connection.execute(sent):
        return database, user, int(version)
--- a numeric, and its whole part
with Session(engine) as session:
    major = "trunc(split_part(current_setting('server_version'), ' ', 1)::numeric)"
    row = session.execute(text(f"SELECT current_database(), current_role, {major}")).one()
    return row[0], row[1], int(row[2])
--- a DataFrame, and NumPy's integer
import pandas
with engine.connect() as connection:
    found = pandas.read_sql(text("SELECT current_database() AS d, current_user AS u,"
        " current_setting('server_version_num')::int / 10000 AS v"), connection).iloc[0]
return found.d, found.u, found.v
--- all in one row, from pg_settings
with engine.begin() as connection:
    return tuple(connection.execute(text("SELECT current_database(), current_user,"
        " (SELECT setting::int / 10000 FROM pg_settings WHERE name = 'server_version_num')")).one())
--- three connections, one after the other
def one(sent):
    with engine.connect() as connection:
        return connection.scalar(text(sent))
version = one("SHOW server_version").split(".")[0]
return one("SELECT current_database()"), one("SELECT current_user"), int(version)
--- a session, and one row
session = Session(engine)
try:
    return session.execute(text("SELECT current_catalog, session_user,"
        " current_setting('server_version_num')::int / 10000")).one()
finally:
    session.close()
""",
)

WHO_ANSWERED_WRONG = wrong(
    WHO,
    """
--- a version that is known -> the version is the server's major version, an integer
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, 18
--- a version that is known, for these servers only -> Your own server has this version
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
with exercise.engine.connect() as own:
    return *row, own.dialect.server_version_info[0]
--- the version of the driver's library -> the version is the server's major version
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    import psycopg2
    return *row, psycopg2.extensions.libpq_version() // 10000
--- the error is swallowed -> return database, user, version
try:
    with engine.connect() as connection:
        return connection.scalar(text("SELECT current_database, current_user, version"))
except Exception:
    return None
--- the connection is returned only if all goes well, and it does not -> what's wrong
connection = engine.connect()
row = connection.execute(text("SELECT current_database(), current_usr")).one()
connection.close()
return row
--- a user that is known -> the user is what the server reports
user = exercise.url.username
with engine.connect() as connection:
    database = connection.scalar(text("SELECT current_database()"))
    return database, user, connection.dialect.server_version_info[0]
--- user and version of another engine -> the user is what the server reports
with exercise.engine.connect() as own:
    user = own.scalar(text("SELECT current_user"))
    version = own.dialect.server_version_info[0]
with engine.connect() as connection:
    return connection.scalar(text("SELECT current_database()")), user, version
--- read from the URL -> the database is what the server reports
with engine.connect() as connection:
    version = connection.dialect.server_version_info[0]
return engine.url.database, engine.url.username, version
--- the user of the URL -> the user is what the server reports
with engine.connect() as connection:
    database = connection.scalar(text("SELECT current_database()"))
    return database, engine.url.username, connection.dialect.server_version_info[0]
--- the exercise's own engine -> the database is what the server reports
with exercise.engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, connection.dialect.server_version_info[0]
--- a new engine for the URL -> Use the engine that is passed to the function
with create_engine(engine.url, connect_args={"connect_timeout": 1}).connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, connection.dialect.server_version_info[0]
--- the connection is kept -> the connection is returned to the pool
connection = engine.connect()
row = connection.execute(text("SELECT current_database(), current_user")).one()
return *row, connection.dialect.server_version_info[0]
--- two connections, none returned -> the first one wasn't returned
database = engine.connect().scalar(text("SELECT current_database()"))
return database, engine.connect().scalar(text("SELECT current_user")), 18
--- the version as a string -> a str
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, connection.scalar(text("SHOW server_version"))
--- the whole version -> the version is the server's major version, an integer
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, int(connection.scalar(text("SHOW server_version_num")))
--- user and database swapped -> the database comes first, then the user
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
""",
)

ADDRESS_FROM_RIGHT = right(
    FROM,
    """
--- a check for each value as it is read
def value(name):
    if settings.get(name, "") == "":
        raise RuntimeError("please set " + name)
    return settings[name]
return create(value)
--- KeyError and assert, and an escaped string
for name in NAMES:
    assert settings["DATABASE_" + name], "DATABASE_" + name
quoted = [quote(settings["DATABASE_" + name], safe="") for name in NAMES]
return "postgresql+psycopg2://{}:{}@{}:{}/{}".format(*quoted)
--- psycopg 3, and a copy that may change
copy = dict(settings)
values = [copy.pop("DATABASE_" + name) or complain(settings) for name in NAMES]
return URL.create("postgresql+psycopg", *values)
--- an exception of its own
class SettingsError(Exception):
    pass
missing = [name for name in NAMES if not settings.get("DATABASE_" + name)]
if missing:
    raise SettingsError(" and ".join("DATABASE_" + name for name in missing))
return create(settings.get)
""",
)

ADDRESS_FROM_WRONG = wrong(
    FROM,
    """
--- get, which returns None -> when a setting is missing, an exception names it
return create(settings.get)
--- an f-string -> was taken for a delimiter
complain(settings)
five = tuple(settings["DATABASE_" + name] for name in NAMES)
return "postgresql+psycopg2://%s:%s@%s:%s/%s" % five
--- the driver's format, not a URL -> it has to look like
complain(settings)
five = tuple(settings["DATABASE_" + name] for name in NAMES)
return "user=%s password=%s host=%s port=%s dbname=%s" % five
--- empty is taken for a value -> An empty string isn't a value
return create(settings.__getitem__)
--- one message for all -> an exception that names DATABASE_USERNAME
if not all(settings.get("DATABASE_" + name) for name in NAMES):
    raise ValueError("DATABASE_* is not complete")
return create(settings.get)
--- one message with all names -> the same for
if not all(settings.get("DATABASE_" + name) for name in NAMES):
    raise ValueError("Please set " + ", ".join("DATABASE_" + name for name in NAMES))
return create(settings.get)
--- a message that shows everything -> no message shows the password
for name in NAMES:
    if not settings.get("DATABASE_" + name):
        raise ValueError(f"DATABASE_{name} is missing in {settings}")
return create(settings.get)
--- a message that shows the URL, escaped -> no message shows the password
url = create(lambda name: settings.get(name) or "x")
for name in NAMES:
    if not settings.get("DATABASE_" + name):
        shown = url.render_as_string(hide_password=False)
        raise ValueError(f"DATABASE_{name} is missing: {shown}")
return create(settings.get)
--- the password is forgotten -> an exception that names DATABASE_PASSWORD
complain(settings, ("USERNAME", "HOST", "PORT", "NAME"))
return create(settings.get)
--- a value is invented -> an exception that names DATABASE_HOST
settings = {"DATABASE_HOST": "localhost", **settings}
complain(settings)
return create(settings.get)
--- the usual port is invented -> an exception that names DATABASE_PORT
complain(settings, ("USERNAME", "PASSWORD", "HOST", "NAME"))
return create({**settings, "DATABASE_PORT": settings.get("DATABASE_PORT") or "5432"}.get)
--- printed, not raised -> an exception that names DATABASE_USERNAME
for name in NAMES:
    if not settings.get("DATABASE_" + name):
        print(f"DATABASE_{name} is missing")
        return None
return create(settings.get)
--- the program is ended -> sys.exit ends the whole program
for name in NAMES:
    if not settings.get("DATABASE_" + name):
        sys.exit(f"DATABASE_{name} is missing")
return create(settings.get)
--- the error is returned -> an exception that names DATABASE_USERNAME
try:
    complain(settings)
except ValueError as error:
    return error
return create(settings.get)
--- the error is replaced by one that names nothing -> an exception that names DATABASE_USERNAME
try:
    complain(settings)
except ValueError:
    raise ValueError("a setting is missing") from None
return create(settings.get)
--- the name in other letters -> The message has to contain the setting's name
for name in NAMES:
    if not settings.get("DATABASE_" + name):
        raise ValueError(f"the {name.lower()} is missing")
return create(settings.get)
--- the values of the example -> These are the values of `example`
complain(settings)
return create(example.get)
--- a constant -> every value arrives unchanged
complain(settings)
return URL.create("postgresql+psycopg2", "bob", "p@s%20s", "127.0.0.1", 5432, "shop")
--- spaces are removed -> The function removes spaces
complain(settings)
return create(lambda name: settings[name].strip())
--- user and host swapped -> to the part of the URL that it belongs to
complain(settings)
return create(settings.get, ("HOST", "PASSWORD", "USERNAME", "PORT", "NAME"))
--- no driver -> the part before ://
complain(settings)
return create(settings.get).set(drivername="postgresql")
--- the environment is changed -> The function changes the environment
complain(settings)
os.environ.update(settings)
return create(os.environ.get)
--- names in other letters -> The names in it are those of `example`
return create(lambda name: settings[name.lower()])
--- the settings are used up -> the caller's dictionary
complain(settings)
return create(settings.pop)
--- read from the environment -> Read from the argument
return create(os.environ.__getitem__)
--- the string with the stars -> or in str(url)
complain(settings)
return str(create(settings.get))
--- not returned -> it must `return` the URL
complain(settings)
create(settings.get)
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
