"""Right and wrong answers to `names-and-emails`.

Names begin with the kind of answer: a constant (K1), one that works for the example only (K2), a
leak (K3), a swallowed error (K4), untrusted strings (K5), lost or invented rows and values (K6),
something changed (K10), read elsewhere (K11) or tampered with (K14), another style (K12), a slow
one (K13).
"""

from __future__ import annotations

from support.samples import Wrong

IMPORTS = """
import decimal
import functools
import re
import time
from io import StringIO
from decimal import Decimal
import pandas as pd
import pyarrow as pa
from sqlalchemy import MetaData, Table, create_engine, func, inspect, or_, select, text, union
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session
from tutorial_lib import frames
"""
PEOPLE = "SELECT name, email FROM users"
NAMES = f'text("{PEOPLE} ORDER BY name")'


def function(head: str, *lines: str) -> str:
    """Return the code of an answer: a function."""
    return "\n".join([IMPORTS, f"def {head}:", *(f"    {line}" for line in lines), ""])


def _contacts(*lines: str) -> str:
    return function("contacts(engine)", *lines)


def _in_session(line: str) -> str:
    """Return code that reads contacts in a session in which it runs another line first."""
    return _contacts(
        "with engine.begin() as connection:",
        f"    {line}",
        f"    return pd.read_sql({NAMES}, connection)",
    )


# Lines that change a session, not only its transaction, each with a piece of the message.
LEFT_BEHIND = {
    'connection.execute(text("LISTEN users"))': "A rollback doesn't undo it",
    'connection.execute(text("SELECT pg_advisory_lock(7)"))': "A rollback doesn't undo it",
    'connection.execute(text("CREATE TEMP TABLE seen (id int)"))': "A rollback doesn't undo it",
    'connection.execute(text("PREPARE one AS SELECT 1"))': "A rollback doesn't undo it",
    'connection.execute(text("SET ROLE pg_read_all_data"))': "SET LOCAL",
    "connection.connection.set_session(readonly=True)": "use execution_options()",
    "connection.connection.dbapi_connection.autocommit = True": "use execution_options()",
}


def _select(query: str, rest: str = "") -> str:
    """Return code that reads contacts with a query."""
    return _contacts(f"return pd.read_sql(text({query!r}), engine{rest})")


RIGHT = {
    "names-and-emails": (
        # K12: another style, driver or library
        _contacts(
            "with engine.connect() as connection:",
            '    frame = pd.read_sql_table("users", connection, columns=["email", "name"])',
            'return frame.sort_values("name")[["name", "email"]]',
        ),
        _contacts(
            "from models import User",
            "return pd.read_sql(select(User.name, User.email).order_by(User.name), engine)",
        ),
        _contacts(
            "with Session(engine) as session:",
            f"    rows = session.execute({NAMES}).mappings().all()",
            'return pd.DataFrame(rows, columns=["name", "email"])',
        ),
        _contacts(f'return frames.read("{PEOPLE} ORDER BY name, email", engine)'),
        _contacts(f'return frames.read("{PEOPLE} ORDER BY 1", engine, to="polars").to_pandas()'),
        _contacts(
            'users = Table("users", MetaData(), autoload_with=engine)',
            "query = select(users.c.name, users.c.email).order_by(users.c.name)",
            "with engine.begin() as connection:",
            "    result = connection.execute(query)",
            "    return pd.DataFrame(result.fetchall(), columns=list(result.keys()))",
        ),
        _contacts(
            f"frame = pd.read_sql(text({PEOPLE!r}), engine, dtype_backend='pyarrow')",
            'return frame.sort_values("name", ignore_index=True)',
        ),
        _contacts(
            "own = create_engine(engine.url)",
            "try:",
            f"    return pd.read_sql({NAMES}, own)",
            "finally:",
            "    own.dispose()",
        ),
        _contacts(
            "options = dict(isolation_level='REPEATABLE READ', postgresql_readonly=True)",
            "with engine.connect().execution_options(**options) as connection:",
            """    connection.execute(text("SET LOCAL statement_timeout = '9s'"))""",
            f"    return pd.read_sql({NAMES}, connection)",
        ),
        _contacts(
            "with engine.connect().execution_options(isolation_level='AUTOCOMMIT') as connection:",
            f"    return pd.read_sql({NAMES}, connection)",
        ),
        # K13: right, but slow
        _contacts(
            "with engine.connect() as connection:",
            f"    names = [row.name for row in connection.execute({NAMES})]",
            f'    parts = [pd.read_sql(text("{PEOPLE} LIMIT 0"), connection)]',
            "    for name in dict.fromkeys(names):",
            "        time.sleep(0.2)",
            f'        query = text("{PEOPLE} WHERE name = :name")',
            '        parts.append(pd.read_sql(query, connection, params={"name": name}))',
            "return pd.concat(parts)",
        ),
    ),
}
WRONG = {
    "names-and-emails": (
        Wrong(
            "K1 the values by hand",
            _contacts(
                'names = ["Ann", "Ben", "Chloé"]',
                'emails = [f"{name}@example.com".lower() for name in names]',
                'return pd.DataFrame({"name": names, "email": emails})',
            ),
            "one row for each user",
        ),
        Wrong("K2 the ids of the example", _select(f"{PEOPLE} WHERE id < 4 ORDER BY name"), "rows"),
        Wrong("K2 no order", _select(PEOPLE), "write ORDER BY name"),
        Wrong("K2 by id", _select(f"{PEOPLE} ORDER BY id"), "write ORDER BY name"),
        Wrong("K2 by e-mail", _select(f"{PEOPLE} ORDER BY email"), "ordered by e-mail address"),
        Wrong("K2 backwards", _select(f"{PEOPLE} ORDER BY name DESC"), "leave out DESC"),
        Wrong(
            "K2 sorted in vain",
            _contacts(
                f"frame = pd.read_sql(text({PEOPLE!r}), engine)",
                'frame.sort_values("name")',
                "return frame",
            ),
            "use the DataFrame that it returns",
        ),
        Wrong("K5 case ignored", _select(f"{PEOPLE} ORDER BY lower(name)"), "not by lower(name)"),
        Wrong(
            "K3 a connection left open",
            _contacts(f"return pd.read_sql({NAMES}, engine.connect())"),
            "every connection is returned to the pool",
        ),
        Wrong(
            "K3 a session left open",
            _contacts(f"return pd.DataFrame(Session(engine).execute({NAMES}).mappings())"),
            "every connection is returned to the pool",
        ),
        Wrong(
            "K3 left open if the query fails",
            _contacts(
                "connection = engine.connect()",
                f"found = pd.read_sql({NAMES}, connection)",
                "connection.close()",
                "return found",
            ),
            "even if the query fails",
        ),
        Wrong(
            "K4 errors hidden",
            _contacts(
                "try:",
                f"    return pd.read_sql({NAMES}, engine)",
                "except Exception:",
                "    return pd.DataFrame(columns=['name', 'email'])",
            ),
            "the function raises the error",
        ),
        Wrong(
            "K4 an error swallowed",
            _contacts(
                "try:",
                '    return pd.read_sql(text("SELECT nmae, email FROM users"), engine)',
                "except Exception:",
                '    return pd.DataFrame(columns=["name", "email"])',
            ),
            "one row for each user",
        ),
        Wrong(
            "K3 a setting left behind",
            _contacts(
                "with engine.connect() as connection:",
                """    connection.execute(text("SET statement_timeout = '9s'"))""",
                "    connection.commit()",
                f"    return pd.read_sql({NAMES}, connection)",
            ),
            "as it was",
        ),
        *(
            Wrong(f"K3 left behind: {line}", _in_session(line), says)
            for line, says in LEFT_BEHIND.items()
        ),
        Wrong(
            "K3 an option of the engine",
            _contacts(
                'engine.update_execution_options(isolation_level="AUTOCOMMIT")',
                f"return pd.read_sql({NAMES}, engine)",
            ),
            "execution_options() returns another",
        ),
        Wrong(
            "K10 a view created",
            _in_session('connection.execute(text("CREATE VIEW people AS SELECT * FROM users"))'),
            "changed view people",
        ),
        Wrong(
            "K3 the pool is closed",
            _contacts(
                "try:",
                f"    return pd.read_sql({NAMES}, engine)",
                "finally:",
                "    engine.dispose()",
            ),
            "don't call dispose()",
        ),
        Wrong(
            "K10 the driver converts strings in another way",
            _contacts(
                "from psycopg2.extensions import new_type, register_type",
                "register_type(new_type((1043,), 'TEXT', lambda value, cursor: value))",
                f"return pd.read_sql({NAMES}, engine)",
            ),
            "register_type()",
        ),
        Wrong(
            "K6 no columns without users",
            _contacts(
                "with Session(engine) as session:",
                f"    return pd.DataFrame(session.execute({NAMES}).mappings().all())",
            ),
            "even if the table is empty",
        ),
        Wrong(
            "K4 a return under finally",
            _contacts(
                "found = None",
                "try:",
                f"    found = pd.read_sql({NAMES}, engine)",
                "finally:",
                "    return found",
            ),
            "`return` under `finally`",
        ),
        Wrong(
            "K4 another error in its place",
            _contacts(
                "try:",
                f"    return pd.read_sql({NAMES}, engine)",
                "except Exception as error:",
                '    raise RuntimeError("no contacts") from error',
            ),
            "`raise` alone",
        ),
        Wrong(
            "K4 the same kind of error in its place",
            _contacts(
                "with Session(engine) as session:",
                "    try:",
                f"        rows = session.execute({NAMES}).all()",
                "    except SQLAlchemyError as error:",
                "        raise error.orig",
                '    return pd.DataFrame(rows, columns=["name", "email"])',
            ),
            "`raise` alone",
        ),
        Wrong(
            "K4 no connection, no users",
            _contacts(
                "try:",
                f"    return pd.read_sql({NAMES}, engine)",
                "except OperationalError:",
                '    return pd.DataFrame(columns=["name", "email"])',
            ),
            "even if there's no connection",
        ),
        Wrong(
            "K2 the result of the first call",
            _contacts(
                'if not hasattr(contacts, "found"):',
                f"    contacts.found = pd.read_sql({NAMES}, engine)",
                "return contacts.found",
            ),
            "the result of an earlier call",
        ),
        Wrong(
            "K2 cached",
            _contacts(f"return pd.read_sql({NAMES}, engine)").replace(
                "def ", "@functools.cache\ndef "
            ),
            "functools.cache",
        ),
        Wrong(
            "K3 the table locked",
            _in_session('connection.execute(text("LOCK TABLE users"))'),
            "a plain SELECT waits for no one",
        ),
        Wrong(
            "K3 rows locked",
            _contacts(
                "with engine.begin() as connection:",
                f"    return pd.read_sql(text({PEOPLE!r} ' ORDER BY name FOR SHARE'), connection)",
            ),
            "a plain SELECT waits for no one",
        ),
        Wrong(
            "K4 no table, no users",
            _contacts(
                'if not inspect(engine).has_table("users"):',
                '    return pd.DataFrame(columns=["name", "email"])',
                f"return pd.read_sql({NAMES}, engine)",
            ),
            "such as has_table()",
        ),
        Wrong(
            "K6 the first thousand",
            _contacts(
                "with engine.connect() as connection:",
                f"    return next(pd.read_sql({NAMES}, connection, chunksize=1000))",
            ),
            "LIMIT, head() and chunksize",
        ),
        Wrong(
            "K6 names that a CSV file can't hold",
            _contacts(
                "with engine.connect() as connection:",
                f"    found = pd.read_sql({NAMES}, connection)",
                "return pd.read_csv(StringIO(found.to_csv(index=False)))",
            ),
            "changes names or addresses",
        ),
        Wrong("K6 empty names lost", _select(f"{PEOPLE} WHERE name <> '' ORDER BY name"), "drops"),
        Wrong(
            "K10 a number is used up",
            _contacts(
                "with engine.begin() as connection:",
                """    connection.execute(text("SELECT nextval('users_id_seq')"))""",
                f"    return pd.read_sql({NAMES}, connection)",
            ),
            "changed users_id_seq",
        ),
        Wrong(
            "K14 a setting of the database",
            _contacts(
                "with engine.begin() as connection:",
                '    name = connection.scalar(text("SELECT current_database()"))',
                """    connection.execute(text(f'ALTER DATABASE "{name}" SET work_mem = 9999'))""",
                f"    return pd.read_sql({NAMES}, connection)",
            ),
            "changed work_mem",
        ),
        Wrong("K6 only some", _select(f"{PEOPLE} ORDER BY name LIMIT 3"), "one row for each user"),
        Wrong(
            "K6 namesakes lost",
            _contacts(f'return pd.read_sql({NAMES}, engine).drop_duplicates("name")'),
            "whether it drops rows",
        ),
        Wrong(
            "K6 one row for a name",
            _select("SELECT name, min(email) AS email FROM users GROUP BY name ORDER BY name"),
            "whether it drops rows",
        ),
        Wrong(
            "K6 spaces cut off",
            _contacts(
                f"frame = pd.read_sql({NAMES}, engine)",
                'frame["name"] = frame["name"].str.strip()',
                'return frame.sort_values("name")',
            ),
            "whether it changes names",
        ),
        Wrong(
            "K5 Unicode forms changed",
            _contacts(
                f"frame = pd.read_sql({NAMES}, engine)",
                'return frame.assign(name=frame["name"].str.normalize("NFC"))',
            ),
            "whether it changes names",
        ),
        Wrong(
            "K6 names tidied up",
            _select("SELECT initcap(name) AS name, email FROM users ORDER BY 1"),
            "one row for each user",
        ),
        Wrong("K6 all columns", _select("SELECT * FROM users ORDER BY name"), "asked for id"),
        Wrong(
            "K6 the other way round",
            _select("SELECT email, name FROM users ORDER BY name"),
            "the order of the columns",
        ),
        Wrong(
            "K6 the names as index",
            _select(f"{PEOPLE} ORDER BY name", ', index_col="name"'),
            "leave out index_col",
        ),
        Wrong(
            "K6 printed", _contacts(f"print(pd.read_sql({NAMES}, engine))"), "line with `return`"
        ),
        Wrong(
            "K6 a list",
            _contacts(
                "with engine.connect() as connection:",
                f"    return connection.execute({NAMES}).all()",
            ),
            "returns a DataFrame",
        ),
        Wrong(
            "K6 another library's DataFrame",
            _contacts(f'return frames.read("{PEOPLE} ORDER BY name", engine, to="polars")'),
            "polars.DataFrame",
        ),
        Wrong(
            "K10 the table dropped",
            _contacts(
                f"frame = pd.read_sql({NAMES}, engine)",
                "with engine.begin() as connection:",
                '    connection.execute(text("DROP TABLE users"))',
                "return frame",
            ),
            "removed table users",
        ),
        Wrong(
            "K10 a table created",
            _contacts(
                f"frame = pd.read_sql({NAMES}, engine)",
                'frame.to_sql("contacts", engine, index=False)',
                "return frame",
            ),
            "added table contacts",
        ),
        Wrong(
            "K10 rows changed",
            _contacts(
                f"frame = pd.read_sql({NAMES}, engine)",
                "with engine.begin() as connection:",
                "    connection.execute(text(\"UPDATE users SET password = ''\"))",
                "return frame",
            ),
            "changed rows users",
        ),
        Wrong(
            "K11 another engine",
            _contacts(f"return pd.read_sql({NAMES}, exercise.engine)"),
            "the engine that's passed to it",
        ),
        Wrong(
            "no parameter",
            function("contacts()", f"return pd.read_sql({NAMES}, exercise.engine)"),
            "keep the parameters that the exercise gives",
        ),
    ),
}
