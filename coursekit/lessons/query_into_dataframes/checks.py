"""The starter files and the checks of this lesson."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

from sqlalchemy import Engine

from coursekit.exercises import draws
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.submission import Submission

USERS = """
INSERT INTO users (name, email, password) VALUES
    ('Ben', 'ben@example.com', 'not a real hash'),
    ('Ann', 'ann@example.com', 'not a real hash'),
    ('Chloé', 'chloe@example.com', 'not a real hash');
"""
ORDERS = """
CREATE TABLE orders (id integer PRIMARY KEY, items integer, amount numeric(20, 2) NOT NULL);
INSERT INTO orders VALUES (1, 2, 19.90), (2, NULL, 5.10), (3, 1, 8.20), (4, 3, 24.70);
"""
ARGUMENT = "whether it uses the engine that is passed to it"


def _call_with(
    names: dict[str, Any], function: str, engine: Engine, *values: Any
) -> dict[str, Any]:
    """Call the learner's function with this engine; return its result and its open connections.

    Connections are kept here, or the garbage collector would return them to the pool.
    """
    from sqlalchemy import event

    taken: list[Any] = []

    def take(_: object, __: object, connection: Any) -> None:
        taken.append(connection)

    event.listen(engine, "checkout", take)
    try:
        found = _table(names[function](engine, *values))
        return {**found, "open": sum(one.dbapi_connection is not None for one in taken)}
    finally:
        event.remove(engine, "checkout", take)
        for one in taken:
            if one.dbapi_connection is not None:
                one.close()


def _table(value: Any) -> dict[str, Any]:
    """Return a DataFrame as plain data; of anything else, its type."""
    import pandas as pd

    if not isinstance(value, pd.DataFrame):
        return {"type": type(value).__name__}
    rows = [[_plain(cell) for cell in row] for row in zip(*(value[c] for c in value), strict=True)]
    return {"type": "DataFrame", "columns": [str(name) for name in value], "rows": rows}


def _plain(cell: Any) -> Any:
    """Return a cell as plain data; other types than numbers and strings as their repr."""
    from numbers import Integral

    import pandas as pd

    if cell is None or cell is pd.NA or cell is pd.NaT or cell != cell:  # NaN isn't equal to itself
        return None
    if isinstance(cell, Integral) and not isinstance(cell, bool):
        return int(cell)
    if isinstance(cell, float):
        return float(cell)
    if isinstance(cell, str):
        return str(cell)
    return cell if isinstance(cell, bool) else repr(cell)


def _shape(result: ProbeResult, columns: list[str]) -> Iterator[CheckItem]:
    """Report whether the result is a DataFrame with these columns."""
    kind = result if result.error else result.value["type"]
    where = "the line with `return`"
    if result.error:
        where = "what the error says; try the function with exercise.engine"
    yield expect_equal("the function returns a DataFrame", kind, "DataFrame", where)
    if kind == "DataFrame":
        where = "the columns in the SELECT, and their order"
        yield expect_equal(
            "it has the columns that were asked for", result.value["columns"], columns, where
        )


def _all_returned(result: ProbeResult) -> CheckItem:
    what = "every connection is returned to the pool"
    where = "`with`, or pass read_sql the engine itself"
    return expect_equal(what, ProbeResult(result.value["open"]), 0, where)


def _people(submission: Submission, *names: str) -> None:
    """Add users with drawn e-mail addresses to every scratch database from now on."""
    random = submission.random
    rows = [
        {"name": name, "email": draws.email(random), "password": draws.token(random)}
        for name in names
    ]
    submission.fill("users", rows)


def _all(database: Database, table: str, *columns: str) -> list[list[Any]]:
    return [list(row) for row in database.rows(table, *columns, by="id")]


def contacts(submission: Submission) -> Iterator[CheckItem]:
    """Check names and e-mail addresses of all users, ordered by name."""
    random = submission.random
    twice = draws.name(random)
    _people(submission, draws.name(random), twice, *draws.names(random), twice)
    engine = submission.scratch()
    people = _all(Database(engine.url), "users", "name", "email")
    result = submission.call(_call_with, "contacts", engine)
    shape = list(_shape(result, ["name", "email"]))
    yield from shape
    if not all(item.good for item in shape):
        return
    rows = result.value["rows"]
    got = sorted(rows, key=str)
    where = f"{ARGUMENT}: the check has one with {len(people)} users"
    yield expect_equal("it has one row for each user", got, sorted(people, key=str), where)
    names = [row[0] for row in rows]
    where = "without ORDER BY the database may choose any order"
    yield expect_equal(
        "the rows are in the order of the names", names, sorted(names, key=str), where
    )
    yield _all_returned(result)
    left = _all(Database(engine.url), "users", "name", "email")
    yield expect_that(
        "the table is as it was", left == people, "no change", "a change", "only read"
    )


ATTACKS = (
    "' OR '1' = '1",
    "') OR TRUE --",
    "' UNION SELECT id, password, email FROM users --",
    "') UNION SELECT id, password, email FROM users --",
    "'; DELETE FROM users; COMMIT; --",
    "'); DELETE FROM users; COMMIT; --",
)
PATTERNS = ("%", "Mia")
COLUMNS = ["id", "name", "email"]


def search(submission: Submission) -> Iterator[CheckItem]:
    """Check that users are found by untrusted text, which is never run as SQL."""
    random = submission.random
    mia, some = f"Mia {draws.word(random)}", draws.word(random)
    strange = f"{some} O'Neil \\ :x %s %(y)s 100% \""
    _people(submission, mia, strange, some, *draws.names(random))
    engine = submission.scratch()
    database = Database(engine.url)
    users = _all(database, "users", "id", "name", "email")
    person = next(row for row in users if row[1] == mia)
    result = submission.call(_call_with, "find_users", engine, mia)
    shape = list(_shape(result, COLUMNS))
    yield from shape
    if not all(item.good for item in shape):
        return
    where = f"the WHERE, and {ARGUMENT}"
    yield expect_equal("it finds a user by name", _rows(result), [person], where)
    by_mail = submission.call(_call_with, "find_users", engine, person[2])
    yield expect_equal(
        "it finds a user by e-mail", _rows(by_mail), [person], "both halves of WHERE"
    )
    where = "lower() on both sides of each comparison"
    for which, wanted in (("name", mia.upper()), ("e-mail", str(person[2]).upper())):
        found = submission.call(_call_with, "find_users", engine, wanted)
        yield expect_equal(f"capitals in the {which} do not matter", _rows(found), [person], where)
    found = submission.call(_call_with, "find_users", engine, strange)
    other = next(row for row in users if row[1] == strange)
    where = "a bound value that is compared with =: any character may be in it"
    yield expect_equal(
        "it finds a name with quotation marks and : and %", _rows(found), [other], where
    )
    yield from _no_one_is_found(submission, engine, person)
    left = _all(database, "users", "id", "name", "email")
    where = "what came after the quotation mark in the text was run as SQL"
    yield expect_that("all users are still there", left == users, "no change", "a change", where)
    yield _all_returned(result)


def _no_one_is_found(
    submission: Submission, engine: Engine, person: list[Any]
) -> Iterator[CheckItem]:
    """Report whether SQL, patterns and parts of a name find no user."""
    where = "a value that is bound is never read as SQL"
    yield _finds_no_one(
        submission, engine, ATTACKS, "a string that contains SQL finds no one", where
    )
    where = "= compares whole strings; LIKE and ILIKE read % and _ as wildcards"
    name, local = str(person[1]), str(person[2]).partition("@")[0]
    parts = (*PATTERNS, name[:-1], local, f"{name} ", f"_{name[1:]}")
    yield _finds_no_one(
        submission, engine, parts, "part of a name, or a pattern, finds no one", where
    )


def _rows(result: ProbeResult) -> Any:
    """Return the rows of a result, or its error."""
    return result if result.error else result.value.get("rows", f"a {result.value['type']}")


def _finds_no_one(
    submission: Submission, engine: Engine, texts: tuple[str, ...], what: str, where: str
) -> CheckItem:
    """Report whether these strings find no one; show one that does, or fails."""
    found = {one: _rows(submission.call(_call_with, "find_users", engine, one)) for one in texts}
    bad = [one for one in texts if found[one] != []]
    if not bad:
        return expect_equal(what, [], [], where)
    worst = min(bad, key=lambda one: isinstance(found[one], ProbeResult))  # rows rather than errors
    return expect_equal(f"{what}: {worst}", found[worst], [], where)


def _orders(random: Random) -> list[dict[str, Any]]:
    """Return unsorted orders: one without items, one with an amount that no float can represent."""
    large = Decimal(random.randrange(10**17, 10**18)) + Decimal("0.91")
    amounts = [*draws.amounts(random), large]
    items = [random.randrange(2, 90), None, 0, 1, random.randrange(100, 999), 2**31 - 1]
    ids = random.sample(range(5, 99), len(items))
    return [
        {"id": number, "items": many, "amount": amount}
        for number, many, amount in zip(ids, items, amounts, strict=True)
    ]


def orders(submission: Submission) -> Iterator[CheckItem]:
    """Check that integers stay integers, and amounts stay exact."""
    submission.fill("orders", _orders(submission.random))
    engine = submission.scratch()
    wanted = _all(Database(engine.url), "orders", "id", "items", "amount")
    result = submission.call(_call_with, "read_orders", engine)
    shape = list(_shape(result, ["id", "items", "amount"]))
    yield from shape
    if not all(item.good for item in shape):
        return
    ids, items, amounts = _columns(result.value["rows"])
    every = [row[0] for row in wanted]
    where = "ORDER BY id; leave out no row, not even one with NULL"
    yield expect_equal("it has every order, by id", ids, every, f"{ARGUMENT}; {where}")
    if ids != every:
        return
    whole = [row[1] for row in wanted]
    what = "items are whole numbers, and a missing one is missing"
    where = "the section NULL: a dtype with a place for a missing number"
    yield expect_that(
        what, repr(items) == repr(whole), str(whole), items, where
    )  # 2.0 is equal to 2
    exact = [repr(row[2]) for row in wanted]
    where = "the section Decimals; then the type of one value: type(orders['amount'][0])"
    good = [_decimal(one) for one in amounts] == [row[2] for row in wanted]
    yield expect_that("amounts are exact, each a Decimal", good, str(exact), amounts, where)
    yield _all_returned(result)


def _columns(rows: list[list[Any]]) -> tuple[list[Any], ...]:
    return tuple([row[place] for row in rows] for place in range(3))


def _decimal(result: Any) -> Decimal | None:
    """Return the Decimal that a cell held; None for another type."""
    name, _, rest = str(result).partition("('")
    return Decimal(rest.removesuffix("')")) if name == "Decimal" else None
