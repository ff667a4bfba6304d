"""Which functions a workload calls, how often, and in how many threads."""

from __future__ import annotations

import inspect
import numbers
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection

from ..arguments import count, seconds
from ..errors import WorkloadError

PAUSE = 0.01  # seconds between two calls of a thread: a person's click, not a busy loop
LONGEST = 86_400.0  # seconds; a thread can't wait for ever
MOST = 1_000  # threads of a worker: they all run in this process
FASTEST = 10_000.0  # calls per second that Python's threads could make at all
Worker = Callable[[Connection], object]


@dataclass(frozen=True)
class Plan:
    """How one worker is called.

    Attributes:
        name: The worker's name.
        worker: The function.
        rate: Calls per second of all its threads together; None for a thread's next call to
            start `think_time` after its last one ended.
        think_time: Seconds between two calls of a thread.
        threads: The number of threads.

    """

    name: str
    worker: Worker
    rate: float | None
    think_time: float
    threads: int


def plans_of(listed: object, named: Mapping[str, Any], options: Mapping[str, Any]) -> list[Plan]:
    """Return a plan for each worker, of a dictionary or passed by name.

    Raises:
        WorkloadError: There's no worker, one can't be called with a connection, or an option
            is wrong.

    """
    if listed is not None and not isinstance(listed, Mapping):
        do = f"Give the function a name: workload.run(engine, readers={_name(listed)})."
        raise WorkloadError(f"The second argument is {reprlib.repr(listed)}.", "", do)
    workers = {**(listed or {}), **named}
    for option, value in options.items():
        if callable(value):
            raise WorkloadError(
                f"{option} is an option of workload.run, so no worker can have that name.",
                "",
                f'Pass it in a dictionary: workload.run(engine, {{"{option}": {_name(value)}}}).',
            )
        if isinstance(value, Mapping):
            _check_names(option, value, workers)
    if twice := [name for name in named if name in (listed or {})]:
        raise WorkloadError(f"There are two workers with the name {twice[0]}.")
    if not workers:
        do = "Pass each function under a name: workload.run(engine, readers=read)."
        raise WorkloadError("There's no function to call.", "", do)
    return [_plan(name, worker, options) for name, worker in workers.items()]


def _plan(name: str, worker: Any, options: Mapping[str, Any]) -> Plan:
    _check_worker(name, worker)
    chosen = {
        option: value.get(name) if isinstance(value, Mapping) else value
        for option, value in options.items()
    }
    rate, think_time = chosen["rate"], chosen["think_time"]
    if rate is not None and think_time is not None:
        why = "With a rate, calls start when they're due, whatever the last one took."
        do = "Leave one of them out, or give each to the workers it's for: rate={'readers': 50}."
        raise WorkloadError(f"{name} has both a rate and a think time.", why, do)
    pause = PAUSE
    if think_time is not None:
        pause = seconds("think_time", think_time, WorkloadError, most=LONGEST)
    number = chosen["threads"]
    number = 1 if number is None else count("threads", number, WorkloadError, least=1, most=MOST)
    return Plan(name, worker, None if rate is None else _rate(rate), pause, number)


def _rate(rate: Any) -> float:
    number = isinstance(rate, numbers.Real | Decimal) and not isinstance(rate, bool)
    try:
        fits = number and 0 < float(rate) <= FASTEST  # false for NaN, too
    except (OverflowError, ValueError):  # 10**400, Decimal("sNaN")
        fits = False
    if not fits:
        raise WorkloadError(
            f"rate must be more than 0 and at most {FASTEST:,.0f} calls per second, "
            f"not {reprlib.repr(rate)}.",
            "",
            "Pass a number, such as rate=50, or one for each worker: rate={'readers': 50}.",
        )
    return float(rate)


def _check_names(option: str, given: Mapping[Any, Any], workers: Mapping[str, Any]) -> None:
    if unknown := [name for name in given if name not in workers]:
        close = get_close_matches(str(unknown[0]), workers, n=1)
        do = f"Did you mean {close[0]}?" if close else f"The workers are {', '.join(workers)}."
        raise WorkloadError(f"{option} names a worker that isn't there: {unknown[0]}.", "", do)


def _check_worker(name: str, worker: Any) -> None:
    if not isinstance(name, str):
        raise WorkloadError(f"A worker's name must be a string, not {name!r}.")
    example = f"Pass a function: workload.run(engine, {name}=read), with def read(connection): ..."
    if not callable(worker):
        what = f"{name} can't be called: it's {reprlib.repr(worker)}."
        clash = f"workload.run has no option {name}; it has rate, think_time and threads."
        raise WorkloadError(what, clash, example)
    if inspect.iscoroutinefunction(worker) or inspect.isgeneratorfunction(worker):
        what = f"{name} is a coroutine or a generator: calling it runs nothing."
        raise WorkloadError(what, "", example)
    try:
        inspect.signature(worker).bind(None)
    except TypeError as error:
        what = f"{name} can't be called with a connection as its only argument."
        raise WorkloadError(what, f"{_name(worker)}: {error}.", example) from None
    except ValueError:
        pass  # a function written in C doesn't say what it takes


def _name(worker: Any) -> str:
    return getattr(worker, "__name__", "function")
