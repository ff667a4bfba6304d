"""Right and wrong answers to the exercises of a lesson."""

from __future__ import annotations

from support.samples import Wrong

IMPORTS = """
from decimal import Decimal
import pandas as pd
from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session
"""


def _function(head: str, *lines: str) -> str:
    """Return the code of an answer: a function."""
    return "\n".join([IMPORTS, f"def {head}:", *(f"    {line}" for line in lines), ""])


def _contacts(*lines: str) -> str:
    return _function("contacts(engine)", *lines)


def _ask(query: str, rest: str = "") -> str:
    """Return code that reads contacts with a query."""
    return _contacts(f"return pd.read_sql(text({query!r}), engine{rest})")


def _find(*lines: str) -> str:
    return _function("find_users(engine, wanted)", *lines)


def _bound(query: str, engine: str = "engine", value: str = "wanted") -> str:
    """Return code that finds users with a query and the text as a bound parameter."""
    return _find(f'return pd.read_sql(text("{query}"), {engine}, params={{"wanted": {value}}})')


def _read(*lines: str, **options: str) -> str:
    """Return the lines that follow after `orders` was read with these options."""
    given = "".join(f", {name}={value}" for name, value in options.items())
    query = '"SELECT id, items, amount FROM orders ORDER BY id"'
    first = f"orders = pd.read_sql(text({query}), engine{given})"
    return _function("read_orders(engine)", first, *(lines or ["return orders"]))


PEOPLE = "SELECT name, email FROM users"


NAMES = f'text("{PEOPLE} ORDER BY name")'


USER = "SELECT id, name, email FROM users WHERE lower(name) = lower(:wanted)"


BOTH = f"{USER} OR lower(email) = lower(:wanted)"


DANGER = f'''text(f"{BOTH.replace(":wanted", "'{wanted}'")}")'''


WHOLE = 'orders["items"] = orders["items"].astype("Int64")'

RIGHT = {
    "names-and-emails": (
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
            f"    return pd.DataFrame(session.execute({NAMES}).mappings().all())",
        ),
    ),
    "search-for-a-string": (
        _find(
            "from models import User",
            "columns = (func.lower(User.name), func.lower(User.email))",
            "found = or_(*(column == func.lower(wanted) for column in columns))",
            "question = select(User.id, User.name, User.email).where(found)",
            "return pd.read_sql(question, engine)",
        ),
        _find(
            f'question = "{BOTH.replace(":wanted", "%(wanted)s")}"',
            'return pd.read_sql(question, engine, params={"wanted": wanted})',
        ),
        _find(
            'users = pd.read_sql(text("SELECT id, name, email FROM users"), engine)',
            'names, emails = users["name"].str.lower(), users["email"].str.lower()',
            "return users[(names == wanted.lower()) | (emails == wanted.lower())]",
        ),
    ),
    "exact-amounts": (
        _read(coerce_float="False", dtype='{"items": "Int64"}'),
        _read(
            'orders["amount"] = orders["amount"].map(Decimal).astype(object)',
            "return orders",
            coerce_float="False",
            dtype_backend='"numpy_nullable"',
        ),
        _function(
            "read_orders(engine)",
            "with engine.connect() as connection:",
            '    question = text("SELECT id, items, amount FROM orders ORDER BY id")',
            "    rows = connection.execute(question).mappings().all()",
            "return pd.DataFrame(rows, dtype=object)",
        ),
    ),
}
WRONG = {
    "names-and-emails": (
        Wrong("all columns", _ask("SELECT * FROM users ORDER BY name"), "it has the columns"),
        Wrong("no order", _ask(PEOPLE), "in the order of the names"),
        Wrong("by id", _ask(f"{PEOPLE} ORDER BY id"), "in the order of the names"),
        Wrong("backwards", _ask(f"{PEOPLE} ORDER BY name DESC"), "in the order of the names"),
        Wrong(
            "the names as index",
            _ask(f"{PEOPLE} ORDER BY name", ', index_col="name"'),
            "it has the columns",
        ),
        Wrong("only some", _ask(f"{PEOPLE} ORDER BY name LIMIT 3"), "one row for each user"),
        Wrong("printed", _contacts(f"print(pd.read_sql({NAMES}, engine))"), "returns a DataFrame"),
        Wrong(
            "a list",
            _contacts(
                "with engine.connect() as connection:",
                f"    return connection.execute({NAMES}).all()",
            ),
            "returns a DataFrame",
        ),
        Wrong(
            "another engine",
            _contacts(f"return pd.read_sql({NAMES}, exercise.engine)"),
            "one row for each user",
        ),
        Wrong(
            "the values by hand",
            _contacts(
                'names = ["Ann", "Ben", "Chloé"]',
                'emails = [f"{name}@example.com".lower() for name in names]',
                'return pd.DataFrame({"name": names, "email": emails})',
            ),
            "one row for each user",
        ),
        Wrong(
            "a connection left open",
            _contacts(f"return pd.read_sql({NAMES}, engine.connect())"),
            "every connection is returned to the pool",
        ),
        Wrong(
            "the table dropped",
            _contacts(
                f"frame = pd.read_sql({NAMES}, engine)",
                "with engine.begin() as connection:",
                '    connection.execute(text("DROP TABLE users"))',
                "return frame",
            ),
            "the check can read",
        ),
    ),
    "search-for-a-string": (
        Wrong("an f-string", _find(f"return pd.read_sql({DANGER}, engine)"), "contains SQL"),
        Wrong(
            "an f-string that commits",
            _find(
                "with engine.begin() as connection:",
                f"    return pd.read_sql({DANGER}, connection)",
            ),
            "all users are still there",
        ),
        Wrong(
            "quotation marks doubled",
            _find(
                """wanted = wanted.replace("'", "''")""",
                f"return pd.read_sql({DANGER}, engine)",
            ),
            "quotation marks and : and %",
        ),
        Wrong("only the name", _bound(USER), "finds a user by e-mail"),
        Wrong("a quoted name", _bound(BOTH.replace(":wanted", "':wanted'")), "what the error"),
        Wrong("AND", _bound(BOTH.replace("OR", "AND")), "finds a user by name"),
        Wrong("capitals matter", _bound(BOTH.replace("lower", "")), "do not matter"),
        Wrong("one side", _bound(BOTH.replace("(email) = lower", "(email) = ")), "do not matter"),
        Wrong("ILIKE", _bound(BOTH.replace("=", "ILIKE")), "a pattern, finds no one"),
        Wrong(
            "parts of names",
            _bound(BOTH.replace("=", "LIKE"), value="f'%{wanted}%'"),
            "a pattern, finds no one",
        ),
        Wrong("too much", _bound(BOTH.replace("id, name, email", "*")), "it has the columns"),
        Wrong(
            "strange texts turned away",
            _bound(BOTH, value="wanted if set(wanted).isdisjoint('%:;') else ''"),
            "quotation marks and : and %",
        ),
        Wrong("left open", _bound(BOTH, "engine.connect()"), "connection is returned"),
    ),
    "exact-amounts": (
        Wrong("as usual", _read(), "items are whole numbers"),
        Wrong("only NULL", _read(dtype_backend='"numpy_nullable"'), "amounts are exact"),
        Wrong("only decimals", _read(coerce_float="False"), "items are whole numbers"),
        Wrong(
            "both options",
            _read(coerce_float="False", dtype_backend='"numpy_nullable"'),
            "amounts are exact",
        ),
        Wrong(
            "zero for NULL",
            _read(
                'orders["items"] = orders["items"].fillna(0).astype(int)',
                "return orders",
                coerce_float="False",
            ),
            "items are whole numbers",
        ),
        Wrong(
            "NULL left out",
            _read('return orders.dropna().astype({"items": int})', coerce_float="False"),
            "it has every order",
        ),
        Wrong(
            "Decimals made of floats",
            _read(WHOLE, 'orders["amount"] = orders["amount"].map(Decimal)', "return orders"),
            "amounts are exact",
        ),
        Wrong(
            "Decimals made of rounded floats",
            _read(
                WHOLE,
                'orders["amount"] = [Decimal(str(one)) for one in orders["amount"]]',
                "return orders",
            ),
            "amounts are exact",
        ),
        Wrong(
            "another order",
            _read(WHOLE, "return orders[::-1]", coerce_float="False"),
            "it has every order",
        ),
        Wrong(
            "a connection left open",
            _read(WHOLE, "return orders", coerce_float="False").replace(
                ", engine,", ", engine.connect(),"
            ),
            "every connection is returned to the pool",
        ),
        Wrong("nothing returned", _read(WHOLE, coerce_float="False"), "returns a DataFrame"),
    ),
}
