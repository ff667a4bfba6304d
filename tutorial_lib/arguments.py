"""Check numbers that a caller passes, before anything is sent to a server."""

from __future__ import annotations

import math
import numbers
import reprlib
from decimal import Decimal

from .errors import Problem


def seconds(
    name: str, value: object, error: type[Problem], *, least: float = 0, most: float = math.inf
) -> float:
    """Return a number of seconds as a float.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed: any real number, but no bool and no NaN.
        error: The error to raise.
        least: The smallest number allowed.
        most: The largest number allowed.

    Raises:
        Problem: `error`: the value isn't such a number.

    """
    example = f"Pass a number of seconds, such as {name}={max(least, 0.5):g}."
    if isinstance(value, bool) or not isinstance(value, numbers.Real | Decimal):
        raise error(f"{name} must be a number of seconds, not {reprlib.repr(value)}.", "", example)
    try:
        number = float(value)
    except (OverflowError, ValueError):  # 10**400, Decimal("sNaN")
        number = math.nan
    if not least <= number <= most:  # false for NaN, too
        limit = f"at least {least:g}" + (f" and at most {most:.15g}" if most < math.inf else "")
        raise error(f"{name} must be {limit} seconds, not {reprlib.repr(value)}.", "", example)
    return number


def count(name: str, value: object, error: type[Problem], *, least: int = 0) -> int:
    """Return a whole number that counts something.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed: any integer, but no bool.
        error: The error to raise.
        least: The smallest number allowed.

    Raises:
        Problem: `error`: the value isn't such a number.

    """
    example = f"Pass a whole number, such as {name}={max(least, 10)}."
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise error(f"{name} must be a whole number, not {reprlib.repr(value)}.", "", example)
    if value < least:
        raise error(f"{name} is {value}, and must be at least {least}.", "", example)
    return int(value)
