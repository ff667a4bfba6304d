"""Check what a caller passes, before anything is sent to a server."""

from __future__ import annotations

import inspect
import math
import numbers
import reprlib
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from .errors import Problem

P = ParamSpec("P")
R = TypeVar("R")
NONE: Mapping[str, str] = {}
# What libraries call the database that they're passed.
DATABASES = {"bind", "con", "conn", "connection", "database", "db", "engine", "session", "url"}


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


def count(
    name: str, value: object, error: type[Problem], *, least: int = 0, most: float = math.inf
) -> int:
    """Return a whole number that counts something.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed: any integer, but no bool.
        error: The error to raise.
        least: The smallest number allowed.
        most: The largest number allowed.

    Raises:
        Problem: `error`: the value isn't such a number.

    """
    example = f"Pass a whole number, such as {name}={max(least, 10)}."
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise error(f"{name} must be a whole number, not {reprlib.repr(value)}.", "", example)
    if value < least:
        raise error(f"{name} is {value}, and must be at least {least}.", "", example)
    if int(value) > most:
        what = f"{name} is {reprlib.repr(int(value))}, and must be at most {most:,.0f}."
        raise error(what, "", example)
    return int(value)


def checked(
    error: type[Problem], usage: str = "", refused: Mapping[str, str] = NONE
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that raises `error` if a function's arguments don't fit.

    Args:
        error: The error to raise.
        usage: How to call it, for the message; by default, that's made from its signature.
        refused: Names that people try, and what to do instead. They're refused even if the
            function takes any keyword argument.

    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **options: P.kwargs) -> R:
            for name in refused.keys() & options.keys():
                raise error(f"{name}= isn't an argument here.", "", refused[name])
            try:
                return function(*args, **options)
            except TypeError as found:
                try:
                    inspect.signature(function).bind(*args, **options)
                    if found.__traceback__ and not found.__traceback__.tb_next:
                        raise found  # Python 3.13.0 binds what it can't call
                except TypeError as problem:
                    raise _misfit(function, options, error, usage, problem) from None
                raise  # the function ran, so its arguments were fine

        return call

    return decorate


def _misfit(
    function: Callable[..., Any],
    options: Mapping[str, object],
    error: type[Problem],
    usage: str,
    problem: TypeError,
) -> Problem:
    """Return the error of a call whose arguments don't fit."""
    usage = usage or f"The call is {_call_of(function)}."
    known = [*inspect.signature(function).parameters.values()]
    first = known[0].name
    by_name = {one.name for one in known if one.kind != one.POSITIONAL_ONLY}
    if first in DATABASES and (wrong := DATABASES.intersection(options) - by_name):
        do = f"Pass the database as the first argument, {first}. {usage}"
        return error(f"{min(wrong)}= isn't an argument here.", "", do)
    return error("The arguments of the call don't fit.", f"Python says: {problem}.", usage)


def _call_of(function: Callable[..., Any]) -> str:
    """Return a function's signature without its types, such as `locks.queue(bind, *, ...)`."""
    signature, empty = inspect.signature(function), inspect.Parameter.empty
    bare = [one.replace(annotation=empty) for one in signature.parameters.values()]
    package = function.__module__.split(".")[-2]
    call = signature.replace(parameters=bare, return_annotation=empty)
    return f"{package}.{function.__name__}{call}"


def flag(name: str, value: object, error: type[Problem]) -> bool:
    """Return a value that must be True or False.

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.
        error: The error to raise.

    Raises:
        Problem: `error`: it's neither.

    """
    if not isinstance(value, bool):
        raise error(f"{name} must be True or False, not {reprlib.repr(value)}.")
    return value


def unsendable(text: str) -> str:
    """Return what a string contains that PostgreSQL has no form for, or ""."""
    if "\0" in text:
        return "a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "a lone surrogate"
    return ""


def sendable(name: str, text: str, error: type[Problem]) -> str:
    """Return a string that can be sent to the server.

    Args:
        name: What it is, for the message.
        text: The string.
        error: The error to raise.

    Raises:
        Problem: `error`: it contains a NUL character or a lone surrogate.

    """
    if found := unsendable(text):
        why = "PostgreSQL has no NUL, and UTF-8 has no lone surrogates."
        raise error(f"{name} contains {found}.", why, "Remove it.")
    return text
