"""Revisions that the checks draw: variants of the one of `test-that-notices`, and one that fails.

The variants say the same in other words, or are wrong. Their numbers are drawn as well, so a test
that looks at a revision's text can't tell them apart. Each wrong one changes every amount that has
cents.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from coursekit.exercises import draws
from coursekit.exercises.revision_file import revision_file
from coursekit.lessons.in_ci.starter import CENTS

UP, DOWN = "round(amount * 100)", "cents / 100.0"
# `{n}` is 100, written as a sum; `{lost}` is a number of cents.
RIGHT_UP = (
    "(amount * {n})::integer",
    "CAST(amount * {n} AS integer)",
    "trunc(amount) * {n} + mod(amount * {n}, 100)",
    "floor({n} * amount)",
    "round(amount * {n}) + 0 * ceil(amount)",
)
RIGHT_DOWN = (
    "cents::numeric / {n}",
    "CAST(cents AS numeric) / {n}",
    "round(cents / ({n} + 0.0), 2)",
    "cents / {n} + (cents % 100) * 0.01",
    "ceil(cents + 0.0) / ({n} + 0.0)",
)
UP_ROUNDS = (
    "ceil(amount) * {n}",
    "ceiling(amount) * {n}",
    "CAST(ceil(amount) AS integer) * {n}",
    "{n} * (0 - floor(0 - amount))",
)
DOWN_ROUNDS = (
    "ceil(cents / ({n} + 0.0))",
    "ceiling(cents::numeric / {n})",
    "0 - floor((0 - cents) / ({n} + 0.0))",
)
UP_DROPS = (
    "round(amount * {n}) - {lost} * (amount <> trunc(amount))::integer",
    "CASE WHEN mod(amount, 1) = 0 THEN amount * {n} ELSE amount * {n} - {lost} END",
)
DOWN_DROPS = (
    "cents / ({n} + 0.0) - 0.0{lost} * (cents % 100 <> 0)::integer",
    "CASE WHEN cents % 100 = 0 THEN cents / {n} ELSE (cents - {lost}) / ({n} + 0.0) END",
)


def in_other_words(random: Random) -> Mapping[str, str]:
    """Return the right revision, written in another way."""
    return _with(random, random.choice(RIGHT_UP), random.choice(RIGHT_DOWN))


def wrong_upgrades(random: Random) -> list[Mapping[str, str]]:
    """Return two revisions whose upgrade loses cents: it rounds up, or drops a few."""
    ups = (random.choice(UP_ROUNDS), random.choice(UP_DROPS))
    return [_with(random, up, random.choice(RIGHT_DOWN)) for up in ups]


def wrong_downgrades(random: Random) -> list[Mapping[str, str]]:
    """Return two revisions whose downgrade loses cents: it rounds up, or drops a few."""
    downs = (random.choice(DOWN_ROUNDS), random.choice(DOWN_DROPS))
    return [_with(random, random.choice(RIGHT_UP), down) for down in downs]


def failing(random: Random) -> Mapping[str, str]:
    """Return a revision that follows 0004 and always fails, with an error of some kind."""
    name = draws.word(random)
    steps = (
        f'op.drop_table("{name}")',
        f'op.execute("SELECT {random.randrange(1, 99)} / 0")',
        f'raise RuntimeError("{name}")',
    )
    return revision_file("0005", name, f"    {random.choice(steps)}\n", "    pass\n")


def _with(random: Random, up: str, down: str) -> Mapping[str, str]:
    ((path, source),) = CENTS.items()
    lost = random.randrange(2, 10)
    up, down = (each.format(n=_hundred(random), lost=lost) for each in (up, down))
    return {path: source.replace(UP, up).replace(DOWN, down)}


def _hundred(random: Random) -> str:
    part = random.randrange(1, 100)
    return f"({part} + {100 - part})"
