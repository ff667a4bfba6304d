"""Passwords and hashes to try a learner's functions with, and advice about what they return."""

from __future__ import annotations

import unicodedata
from random import Random
from typing import Any

from coursekit.exercises import draws
from coursekit.exercises.items import ProbeResult
from coursekit.exercises.submission import Probe, Submission

# What a trial is about, the probe's arguments, and the expected value.
Trial = tuple[str, tuple[Any, ...], bool]
ORDER = "the order of the arguments: which one is the hash?"


def context(*, cheap: bool = False) -> Any:
    """Return a passlib context; hashing is imported only for the exercises that need it."""
    from tutorial_lib.hashing import CHEAP, RFC_9106, make_context

    return make_context(CHEAP if cheap else RFC_9106)


def outdated(cost: str, value: int) -> Any:
    """Return a context with today's costs, except for this one."""
    from tutorial_lib.hashing import RFC_9106, make_context

    return make_context({**RFC_9106, cost: value})


def one_form(random: Random) -> str:
    """Return a password that's the same in all Unicode forms: a function may normalize it."""
    password = draws.password(random)
    while not unicodedata.is_normalized("NFKD", password):
        password = draws.password(random)
    return password


def lookalikes(plain: str) -> tuple[str, ...]:
    """Return wrong passwords that a careless comparison takes for this one.

    Args:
        plain: ASCII letters in lower case: a function that removes spaces, accents or capitals from
            what was typed ends up with it.

    """
    accent = "\N{COMBINING ACUTE ACCENT}"
    return plain.upper(), f" {plain}", f"{plain} ", f"{plain}{accent}"


def fits(password: str, stored: Any) -> bool:
    """Return whether a stored value is a hash of this password."""
    try:
        return bool(context().verify(str(password), stored))
    except (ValueError, TypeError):
        return False


def advice(result: ProbeResult, function: str, otherwise: str) -> str:
    """Return where to look, judged by what a function returned that returns True or False.

    Args:
        result: What it returned, or its error.
        function: Its name.
        otherwise: Where to look if it returned True or False.

    """
    if result.error:
        return _about_error(result.error, function)
    if isinstance(result.value, tuple | list):
        return f"{function}: verify_and_update returns two values; return only the first"
    if result.value is None:
        return f"{function}: is there a `return` in every branch?"
    if not isinstance(result.value, bool):
        return f"{function}: return True or False, nothing else"
    return otherwise


def _about_error(error: str, function: str) -> str:
    if error.startswith("KeyError") and function in error:
        return f"the cell with {function}: run it too"
    if error.startswith("a value of type"):
        return f"{function}: return True or False, nothing else"
    if "UnknownHash" in error or "InvalidHash" in error:
        return ORDER
    if "VerifyMismatch" in error:
        return (
            f"{function}: argon2-cffi raises an error for a wrong password. Catch it, return False"
        )
    if "NoResultFound" in error:
        return f"{function}: an e-mail that no account has isn't an error. Return False"
    return f"{function}: it raised this error. Call it yourself to see the line"


def tried(submission: Submission, probe: Probe, trials: list[Trial]) -> dict[str, ProbeResult]:
    """Run trials in a drawn order: a function that counts its calls can't know what to return.

    Returns:
        A result for each thing that a trial is about: one that isn't as expected, if there is one.

    """
    found: dict[str, ProbeResult] = {}
    for about, arguments, expected in submission.random.sample(trials, len(trials)):
        result = submission.call(probe, *arguments)
        if about not in found or result.error or result.value is not expected:
            found[about] = result
    return found
