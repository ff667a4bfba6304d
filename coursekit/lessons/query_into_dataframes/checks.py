"""The starter files and the checks of this lesson."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.submission import Submission
from coursekit.lessons.query_into_dataframes.frame_probe import FrameReader, all_rows

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
ARGUMENT = "whether your function uses the engine that's passed to it"
COLUMNS = ["id", "name", "email"]
ALL = (*COLUMNS, "password")


def _fill(submission: Submission, *people: tuple[str, str]) -> None:
    """Add users, each a name and an e-mail address, to every scratch database from now on."""
    random = submission.random
    rows = [
        {"name": name, "email": email, "password": draws.token(random)} for name, email in people
    ]
    submission.fill("users", rows)


def contacts(submission: Submission) -> Iterator[CheckItem]:
    """Check names and e-mail addresses of all users, ordered by name."""
    random = submission.random
    twice = draws.name(random)
    odd = (
        f" {draws.name(random)} ",
        f"{draws.word(random)} e\u0301",
    )  # outer spaces; two code points
    names = (draws.name(random), twice, *draws.names(random), *odd, twice)
    _fill(submission, *((name, draws.email(random)) for name in names))
    reader = FrameReader(submission, "contacts")
    users = all_rows(reader.database, "users", *ALL)
    result = reader.read()
    shape = list(reader.shape(result, ["name", "email"]))
    yield from shape
    if not all(item.good for item in shape):
        return
    people = [[name, email] for _, name, email, _ in users]
    yield from _ordered(result.value["rows"], people)
    yield from reader.aftermath("users", users, ALL)


def _ordered(rows: list[Any], people: list[list[str]]) -> Iterator[CheckItem]:
    where = f"{ARGUMENT}, and whether it drops rows: the database has {len(people)} users"
    if len(rows) == len(people):
        where = f"{ARGUMENT}, and whether it changes names or addresses"
    got, expected = sorted(rows, key=str), sorted(people, key=str)
    yield expect_equal("it has one row for each user", got, expected, where)
    names = [row[0] for row in rows]
    where = _about_order(rows, people)
    yield expect_equal("the rows are ordered by name", names, sorted(names, key=str), where)


def _about_order(rows: list[Any], people: list[list[str]]) -> str:
    """Return what to look at if the rows aren't ordered by name."""
    names = [str(row[0]) for row in rows]
    if rows == people:
        return (
            "the rows are in the order in which they were added: write ORDER BY name. If you "
            "call sort_values, use the DataFrame that it returns"
        )
    if names == sorted(names, reverse=True):
        return "the order is descending: leave out DESC, or ascending=False"
    if rows == sorted(rows, key=lambda row: str(row[1])):
        return "the rows are ordered by e-mail address"
    if names == sorted(names, key=str.lower):
        return "upper and lower case make no difference here: order by name, not by lower(name)"
    return "ORDER BY name"


ATTACKS = (
    "' OR '1' = '1",
    "') OR TRUE --",
    "' UNION SELECT id, password, email FROM users --",
    "') UNION SELECT id, password, email FROM users --",
    "'; DELETE FROM users; COMMIT; --",
    "'); DELETE FROM users; COMMIT; --",
)
BIND = (
    "how the string gets into your query: don't use an f-string, format(), % or +, but a bound "
    "parameter, whose value is never run as SQL"
)
PATTERNS = ("%", ".*", "Mia", "")


def search(submission: Submission) -> Iterator[CheckItem]:
    """Check that users are found by untrusted text, which is never run as SQL."""
    random = submission.random
    mia, some, twin = f"Mia {draws.word(random)}", draws.word(random), draws.name(random)
    strange = f"{some} O'Neil \\ :x %s %(y)s 100% \""
    named = [(name, draws.email(random)) for name in (mia, strange, some, twin, twin)]
    others = [(name, draws.email(random)) for name in draws.names(random)]
    same, borrowed = draws.email(random), named[-1][1]
    _fill(submission, *named, *others, (same, same), (borrowed, draws.email(random)))
    reader = FrameReader(submission, "find_users")
    users = all_rows(reader.database, "users", *ALL)
    people = [row[:3] for row in users]
    person = next(row for row in people if row[1] == mia)
    shape = list(reader.shape(reader.read(mia), COLUMNS))
    yield from shape
    if not all(item.good for item in shape):
        return
    yield from _one_is_found(reader, person)
    attacked = {one: reader.rows(one) for one in ATTACKS}
    injected = any(isinstance(rows, list) and rows for rows in attacked.values())
    where = BIND if injected else "what the error says: with a bound parameter and =, none fails"
    yield _finds_no_one(attacked, "a string that contains SQL finds no one", where)
    if injected:  # it may have deleted what the rest looks for
        return
    yield from _no_one_is_found(reader, person)
    found = next(row for row in people if row[1] == strange)
    where = "a bound parameter, compared with =: then the string can contain any character"
    what = "it finds a name with quotation marks and : and %"
    yield expect_equal(what, reader.rows(strange), [found], where)
    yield from _all_are_found(reader, people, (twin, same, borrowed))
    yield from reader.aftermath("users", users, ALL, mia)


def _one_is_found(reader: FrameReader, person: list[Any]) -> Iterator[CheckItem]:
    """Report whether a name and an e-mail address find their user, in any case."""
    name, email = str(person[1]), str(person[2])
    where = f"your WHERE, and {ARGUMENT}"
    yield expect_equal("it finds a user by name", reader.rows(name), [person], where)
    where = "your WHERE: either the name or the e-mail address has to match"
    yield expect_equal("it finds a user by e-mail address", reader.rows(email), [person], where)
    where = "lower() on both sides of each comparison"
    for which, wanted in (("name", name.upper()), ("e-mail address", email.upper())):
        what = f"upper and lower case don't matter in the {which}"
        yield expect_equal(what, reader.rows(wanted), [person], where)


def _no_one_is_found(reader: FrameReader, person: list[Any]) -> Iterator[CheckItem]:
    """Report whether patterns and parts of a name find no user."""
    where = "compare whole strings with =; LIKE, ILIKE and ~ look for patterns"
    name, (local, _, domain) = str(person[1]), str(person[2]).partition("@")
    spaced = (f"{name} ", f" {name}")
    parts = (*PATTERNS, name[:-1], name[1:], local, domain, f"_{name[1:]}", f".{name[1:]}")
    yield _finds_no_one(
        {one: reader.rows(one) for one in parts},
        "part of a name, or a pattern, finds no one",
        where,
    )
    where = "strip() or trim(): a space counts"
    yield _finds_no_one(
        {one: reader.rows(one) for one in spaced}, "a name with a space added finds no one", where
    )


def _finds_no_one(found: dict[str, Any], what: str, where: str) -> CheckItem:
    """Report whether strings find no one, by the rows for each; show one that does, or fails."""
    bad = [one for one, rows in found.items() if rows != []]
    if not bad:
        return expect_equal(what, [], [], where)
    worst = min(bad, key=lambda one: isinstance(found[one], ProbeResult))  # rows rather than errors
    return expect_equal(f"{what}: {worst}", found[worst], [], where)


def _all_are_found(
    reader: FrameReader, people: list[list[Any]], texts: tuple[str, ...]
) -> Iterator[CheckItem]:
    """Report whether each string finds every user it belongs to, once; show one that doesn't."""
    what = "it finds every user with that name or e-mail address, once"
    where = "LIMIT, head() and fetchone(), which drop users; UNION ALL, which repeats them"
    found = {one: reader.rows(one) for one in texts}
    wanted = {one: _sorted([row for row in people if one in row[1:]]) for one in texts}
    first = next((one for one in texts if _sorted(found[one]) != wanted[one]), texts[0])
    yield expect_equal(what, _sorted(found[first]), wanted[first], where)


def _sorted(rows: Any) -> Any:
    return sorted(rows, key=str) if isinstance(rows, list) else rows


def _orders(random: Random) -> list[dict[str, Any]]:
    """Return unsorted orders: one without items, one with an amount that no float can represent."""
    large = Decimal(random.randrange(10**17, 10**18)) + Decimal("0.91")
    amounts = [*draws.amounts(random), large, Decimal("-3.10")]
    items = [random.randrange(2, 90), None, 0, 1, random.randrange(100, 999), 2**31 - 1, -1]
    ids = random.sample(range(5, 99), len(items))
    return [
        {"id": number, "items": many, "amount": amount}
        for number, many, amount in zip(ids, items, amounts, strict=True)
    ]


def orders(submission: Submission) -> Iterator[CheckItem]:
    """Check that integers stay integers, and amounts stay exact."""
    columns = ["id", "items", "amount"]
    submission.fill("orders", _orders(submission.random))
    reader = FrameReader(submission, "read_orders")
    wanted = all_rows(reader.database, "orders", *columns)
    result = reader.read()
    shape = list(reader.shape(result, columns))
    yield from shape
    if not all(item.good for item in shape):
        return
    ids, items, amounts = _columns(result.value["rows"])
    every, whole, exact = _columns(wanted)
    where = f"{ARGUMENT}, and whether it drops rows with a missing value"
    if sorted(ids, key=str) == sorted(every, key=str):
        where = "ORDER BY id"
    elif not all(isinstance(one, int) for one in ids):
        where = "the type of id: it has to stay an integer"
    yield expect_equal("it has every order, by id", ids, every, where)
    if ids != every:
        return
    what = "items are integers, and a missing one is missing"
    good = repr(items) == repr(whole)  # 2.0 is equal to 2
    yield expect_that(what, good, str(whole), items, _about_items(items))
    good = [_decimal(one) for one in amounts] == exact
    shown = str([repr(one) for one in exact])
    yield expect_that(
        "amounts are exact, each a Decimal", good, shown, amounts, _about_amounts(amounts)
    )
    yield from reader.aftermath("orders", wanted, columns)


def _columns(rows: list[list[Any]]) -> tuple[list[Any], ...]:
    return tuple([row[place] for row in rows] for place in range(3))


def _about_items(items: list[Any]) -> str:
    """Return what to look at if items aren't integers."""
    if any(isinstance(one, float) for one in items):
        return (
            "NULL has turned the column into floats: use a dtype for integers with missing values"
        )
    if None not in items:
        return "NULL has become another value: a missing number has to stay missing"
    return "the type of one value: type(orders['items'][0])"


def _about_amounts(amounts: list[Any]) -> str:
    """Return what to look at if amounts aren't exact Decimals."""
    if any(isinstance(one, float) for one in amounts):
        return (
            "these are floats: use a SELECT with coerce_float=False (read_sql_table ignores that "
            "option), or frames.read with Arrow dtypes"
        )
    if all(_decimal(one) is not None for one in amounts):
        return "these Decimals were created from floats, or rounded: they've lost digits"
    if any(isinstance(one, str) and _decimal(one) is None for one in amounts):
        return (
            "these are strings: dtype_backend turns Decimals into strings. Leave it out, and "
            "change the dtype of items alone"
        )
    return "the type of one value: type(orders['amount'][0])"


def _decimal(result: Any) -> Decimal | None:
    """Return the Decimal that a cell held; None for another type."""
    name, _, rest = str(result).partition("('")
    return Decimal(rest.removesuffix("')")) if name == "Decimal" else None
