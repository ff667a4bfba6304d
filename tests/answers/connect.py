"""Answers to the exercises of a lesson: right ones, and the wrong ones people give."""

from __future__ import annotations

from support.samples import right, wrong

IMPORTS = """import os
from urllib.parse import quote, quote_plus
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
--- escaped text
return f"postgresql+psycopg2://{user}:{quote(password)}@{host}:{port}/{database}"
--- parts set on an empty URL
five = dict(username=user, password=password, host=host, port=port, database=database)
return make_url("postgresql+psycopg2://").set(**five)
--- the whole text of a URL
url = URL.create("postgresql+psycopg2", user, password, host, port, database)
return url.render_as_string(hide_password=False)
""",
)

MAKE_ADDRESS_WRONG = wrong(
    MAKE,
    """
--- an f-string -> a password with @, : and / stays as it is
return f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"
--- only the @ is escaped -> a password with % and + stays as it is
password = password.replace("@", "%40")
return f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"
--- escaped for a form, where a space is + -> a password with #, ?, a space and é stays as it is
return f"postgresql+psycopg2://{user}:{quote_plus(password)}@{host}:{port}/{database}"
--- escaped, and given to URL.create -> URL.create needs no escaping
return URL.create("postgresql+psycopg2", user, quote(password), host, port, database)
--- the text with the stars -> str(url) has lost the password
return str(URL.create("postgresql+psycopg2", user, password, host, port, database))
--- no driver -> the driver is psycopg2
return URL.create("postgresql", user, password, host, port, database)
--- host and database swapped -> the other four parts are in their places
return URL.create("postgresql+psycopg2", user, password, database, port, host)
--- the port is left out -> Is each value handed on
return URL.create("postgresql+psycopg2", user, password, host, database=database)
--- printed, not returned -> a value of type NoneType
print(URL.create("postgresql+psycopg2", user, password, host, port, database))
--- the engine, not the address -> a value of type Engine
return create_engine(URL.create("postgresql+psycopg2", user, password, host, port, database))
""",
)

WHO_ANSWERED_RIGHT = right(
    WHO,
    """
--- Core, and what SQLAlchemy has asked itself
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
--- a version that is known -> the version is the major version, an int
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, 18
--- a user that is known -> the user is the server's own answer
user = exercise.url.username
with engine.connect() as connection:
    database = connection.scalar(text("SELECT current_database()"))
    return database, user, connection.dialect.server_version_info[0]
--- user and version of another engine -> the user is the server's own answer
with exercise.engine.connect() as own:
    user = own.scalar(text("SELECT current_user"))
    version = own.dialect.server_version_info[0]
with engine.connect() as connection:
    return connection.scalar(text("SELECT current_database()")), user, version
--- read from the URL -> the database is the server's own answer
with engine.connect() as connection:
    version = connection.dialect.server_version_info[0]
return engine.url.database, engine.url.username, version
--- the user of the URL -> the user is the server's own answer
with engine.connect() as connection:
    database = connection.scalar(text("SELECT current_database()"))
    return database, engine.url.username, connection.dialect.server_version_info[0]
--- the exercise's own engine -> the database is the server's own answer
with exercise.engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, connection.dialect.server_version_info[0]
--- a new engine for the address -> Use the engine that the function gets
with create_engine(engine.url, connect_args={"connect_timeout": 1}).connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, connection.dialect.server_version_info[0]
--- the connection is kept -> the connection is back in the pool
connection = engine.connect()
row = connection.execute(text("SELECT current_database(), current_user")).one()
return *row, connection.dialect.server_version_info[0]
--- two connections, none given back -> the first was not given back
database = engine.connect().scalar(text("SELECT current_database()"))
return database, engine.connect().scalar(text("SELECT current_user")), 18
--- the version as text -> the version is the major version, an int
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, connection.scalar(text("SHOW server_version"))
--- the whole version -> the version is the major version, an int
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_database(), current_user")).one()
    return *row, int(connection.scalar(text("SHOW server_version_num")))
--- user and database swapped -> the database is the server's own answer
with engine.connect() as connection:
    row = connection.execute(text("SELECT current_user, current_database()")).one()
    return *row, connection.dialect.server_version_info[0]
--- results, not values -> connection.scalar(...) gives the value itself
with engine.connect() as connection:
    database = connection.execute(text("SELECT current_database()"))
    return database, connection.scalar(text("SELECT current_user")), 18
--- rows, not values -> connection.scalar(...) gives the value itself
with engine.connect() as connection:
    user = connection.execute(text("SELECT current_user")).one()
    return connection.scalar(text("SELECT current_database()")), user, 18
--- text is divided -> read its error from the end
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
--- KeyError and assert, and escaped text
for name in NAMES:
    assert settings["DATABASE_" + name], "DATABASE_" + name
quoted = [quote(settings["DATABASE_" + name]) for name in NAMES]
return "postgresql+psycopg2://{}:{}@{}:{}/{}".format(*quoted)
""",
)

ADDRESS_FROM_WRONG = wrong(
    FROM,
    """
--- get, which gives None -> when a setting is missing, an error says which
return create(settings.get)
--- an f-string -> In its text, or an f-string
complain(settings)
five = tuple(settings["DATABASE_" + name] for name in NAMES)
return "postgresql+psycopg2://%s:%s@%s:%s/%s" % five
--- empty is taken for a value -> when a setting is empty, an error says which
return create(settings.__getitem__)
--- one message for all -> an error that names DATABASE_USERNAME
if not all(settings.get("DATABASE_" + name) for name in NAMES):
    raise ValueError("DATABASE_* is not complete")
return create(settings.get)
--- one message with all names -> the same for
if not all(settings.get("DATABASE_" + name) for name in NAMES):
    raise ValueError("Please set " + ", ".join("DATABASE_" + name for name in NAMES))
return create(settings.get)
--- a message that shows everything -> no error shows the password
for name in NAMES:
    if not settings.get("DATABASE_" + name):
        raise ValueError(f"DATABASE_{name} is missing in {settings}")
return create(settings.get)
--- the password is forgotten -> an error that names DATABASE_PASSWORD
complain(settings, ("USERNAME", "HOST", "PORT", "NAME"))
return create(settings.get)
--- a value is invented -> an error that names DATABASE_HOST
settings = {"DATABASE_HOST": "localhost", **settings}
complain(settings)
return create(settings.get)
--- printed, not raised -> an error that names DATABASE_USERNAME
for name in NAMES:
    if not settings.get("DATABASE_" + name):
        print(f"DATABASE_{name} is missing")
        return None
return create(settings.get)
--- read from the environment -> Read from the argument
return create(os.environ.__getitem__)
--- the text with the stars -> In its text, or an f-string
complain(settings)
return str(create(settings.get))
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
