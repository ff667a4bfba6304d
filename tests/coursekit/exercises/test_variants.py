"""Exercise 13.2's variants of a revision are right or wrong for every test that is fair."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from coursekit.lessons.in_ci import variants
from coursekit.lessons.in_ci.starter import CENTS

WHOLE = ("0.00", "20.00", "100.00")
AWKWARD = ("0.01", "0.05", "0.07", "0.50", "0.99", "1.10", "12.34", "19.50", "19.99", "4321.09")
UP, DOWN = (variants.UP_ROUNDS + variants.UP_DROPS, variants.DOWN_ROUNDS + variants.DOWN_DROPS)
ROWS = "(VALUES {}) AS orders ({})"


def results(engine: Engine, way: str, expression: str, amounts: tuple[str, ...]) -> list[Any]:
    """Return what the upgrade or the downgrade makes of these amounts."""
    filled = expression.format(n="(37 + 63)", lost=5)
    up = way == "up"
    values = ", ".join(f"({one}::numeric(10, 2))" if up else f"({_cents(one)})" for one in amounts)
    rows = ROWS.format(values, "amount" if up else "cents")
    query = f"SELECT ({filled})::{'integer' if up else 'numeric(10, 2)'} FROM {rows}"
    with engine.connect() as connection:
        return list(connection.exec_driver_sql(query.replace("%", "%%"), {}).scalars())


def _cents(amount: str) -> int:
    return int(100 * Decimal(amount))


def right(way: str, amounts: tuple[str, ...]) -> list[Any]:
    return [_cents(one) if way == "up" else Decimal(one) for one in amounts]


@pytest.mark.parametrize(
    ("way", "expression"),
    [*(("up", one) for one in variants.RIGHT_UP), *(("down", one) for one in variants.RIGHT_DOWN)],
)
def test_a_right_variant_is_right(shared: Engine, way: str, expression: str) -> None:
    amounts = (*WHOLE, *AWKWARD)
    negative = tuple(f"-{one}" for one in amounts)
    assert results(shared, way, expression, amounts) == right(way, amounts)
    assert results(shared, way, expression, negative) == right(way, negative)


@pytest.mark.parametrize(
    ("way", "expression"), [*(("up", one) for one in UP), *(("down", one) for one in DOWN)]
)
def test_a_wrong_variant_changes_every_amount_with_cents(
    shared: Engine, way: str, expression: str
) -> None:
    assert results(shared, way, expression, WHOLE) == right(way, WHOLE)
    found = zip(results(shared, way, expression, AWKWARD), right(way, AWKWARD), strict=True)
    assert all(one != wanted for one, wanted in found)


def test_no_two_checks_run_the_same_variants() -> None:
    drawn = {
        source for seed in range(20) for source in variants.in_other_words(Random(seed)).values()
    }
    assert len(drawn) > 15
    assert not drawn & {*CENTS.values()}
