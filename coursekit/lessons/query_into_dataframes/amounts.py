"""The check of the exercise about exact amounts."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, expect_equal, expect_that
from coursekit.exercises.submission import Submission
from coursekit.lessons.query_into_dataframes.checks import ARGUMENT
from coursekit.lessons.query_into_dataframes.frame_reader import MANY, FrameReader, all_rows

MORE = f"""
INSERT INTO public.orders (id, items, amount)
    SELECT n + 1000, 1, n FROM pg_catalog.generate_series(1, {MANY}) AS n
"""  # noqa: S608


def _orders(random: Random) -> list[dict[str, Any]]:
    """Return unsorted orders: one without items, one with an amount that no float can represent.

    As strings, their ids are in another order. Two orders differ only in their id.
    """
    large = Decimal(f"{random.randrange(10**17, 10**18)}.91")
    amounts = [*draws.amounts(random), large, Decimal("-3.10")]
    items = [random.randrange(2, 90), None, 0, 1, random.randrange(100, 999), 2**31 - 1, -1]
    ids = [random.randrange(100, 199), *random.sample(range(5, 99), len(items) - 1)]
    rows = [
        {"id": number, "items": many, "amount": amount}
        for number, many, amount in zip(ids, items, amounts, strict=True)
    ]
    return [*rows, {**rows[0], "id": 99}]


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
    yield expect_equal("it has every order, ordered by id", ids, every, where)
    if ids != every:
        return
    what = "items are integers, and a NULL is a missing value"
    good = repr(items) == repr(whole)  # 2.0 is equal to 2
    yield expect_that(what, good, str(whole), items, _about_items(items))
    good = [_decimal(one) for one in amounts] == exact
    shown = str([repr(one) for one in exact])
    yield expect_that(
        "amounts are exact, each a Decimal", good, shown, amounts, _about_amounts(amounts, exact)
    )
    yield from reader.with_other_rows(MORE, len(wanted) + MANY, "orders", columns)
    yield from reader.aftermath("orders", wanted, columns)
    yield from reader.same_decimals()


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


def _about_amounts(amounts: list[Any], exact: list[Decimal]) -> str:
    """Return what to look at if amounts aren't exact Decimals."""
    if any(isinstance(one, float) for one in amounts):
        return (
            "these are floats: use a SELECT with coerce_float=False (read_sql_table ignores that "
            "option), or frames.read with Arrow dtypes"
        )
    found = [one for one in map(_decimal, amounts) if one is not None]
    if list(map(abs, found)) == list(map(abs, exact)):
        return "the sign: a negative amount has to stay negative"
    if len(found) == len(amounts):
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
