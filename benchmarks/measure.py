"""What the benchmarks share: seconds of the clock and of the processors, rounds, tables."""

from __future__ import annotations

import ctypes
import os
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Action = Callable[[], object]
Row = TypeVar("Row")

ROUNDS = 5
ADOPT = 36  # PR_SET_CHILD_SUBREAPER of Linux
SERVER = {"postgres", "initdb", "pg_ctl"}


@dataclass(frozen=True)
class Usage:
    """What something has taken, in seconds.

    wall    by the clock
    cpu     of the processors, by its process and all that it started, directly or not
    server  of the processors, by PostgreSQL; it is not in `cpu`
    """

    wall: float
    cpu: float
    server: float = 0.0


def seconds(action: Action) -> float:
    """How long one call takes, in seconds."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def usage(action: Action) -> Usage:
    """What one call takes in a process of its own, with all that it starts.

    Linux only: what a process leaves behind when it ends is adopted by this one, which is
    told in the end what it has taken. No other child may run meanwhile. Raises RuntimeError
    when the call raises.
    """
    ctypes.CDLL(None).prctl(ADOPT, 1)
    sys.stdout.flush()
    begun, wall, status = time.perf_counter(), 0.0, 0
    cpu = {True: 0.0, False: 0.0}
    pid = _forked(action)
    while ended := _next_dead():
        name = Path(f"/proc/{ended}/comm").read_text(encoding="utf-8").strip()
        _, code, used = os.wait4(ended, 0)
        cpu[name in SERVER] += used.ru_utime + used.ru_stime
        if ended == pid:
            wall, status = time.perf_counter() - begun, code
    if status:
        raise RuntimeError("What was to be measured has failed; what it said stands above.")
    return Usage(wall, cpu[False], cpu[True])


def _forked(action: Action) -> int:
    """The number of a process that does this, and ends with 0 when it went well."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def _next_dead() -> int:
    """Wait for the end of a child, and leave it to be looked at; 0 when there is none."""
    try:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        return 0
    return ended.si_pid if ended else 0


def interleaved(
    actions: Mapping[str, Callable[[], Row]], rounds: int = ROUNDS
) -> dict[str, list[Row]]:
    """What each action gives, round by round; the rounds of all are taken in turn."""
    given: dict[str, list[Row]] = {name: [] for name in actions}
    for round_ in range(rounds):
        print(f"   round {round_ + 1} of {rounds} ...", file=sys.stderr)
        for name, action in actions.items():
            given[name].append(action())
    return given


def times(actions: Mapping[str, Action], rounds: int = ROUNDS) -> dict[str, float]:
    """The median seconds of each action, their rounds taken in turn."""
    timed = {name: lambda action=action: seconds(action) for name, action in actions.items()}
    return {name: statistics.median(taken) for name, taken in interleaved(timed, rounds).items()}


def usages(actions: Mapping[str, Callable[[], Usage]], rounds: int) -> dict[str, Usage]:
    """The median of what each action takes, their rounds taken in turn."""
    return {name: _middle(taken) for name, taken in interleaved(actions, rounds).items()}


def _middle(taken: Sequence[Usage]) -> Usage:
    columns = zip(*((each.wall, each.cpu, each.server) for each in taken), strict=True)
    return Usage(*map(statistics.median, columns))


def show(title: str, rows: Mapping[str, float], base: str) -> None:
    """Seconds, and each row's ratio to the row `base`."""
    print(f"\n{title}")
    for name, value in rows.items():
        print(f"  {name:<44}{value:9.3f} s{value / rows[base]:9.2f}")


def show_usages(title: str, rows: Mapping[str, Usage], base: str) -> None:
    """Seconds of the clock and of the processors, each with its ratio to the row `base`."""
    server = any(row.server for row in rows.values())
    heads = f"{'wall':>10}{'CPU':>20}" + (f"{'server CPU':>20}" if server else "")
    print(f"\n{title}\n  {'':<44}{heads}")
    for name, row in rows.items():
        wall, cpu = row.wall / rows[base].wall, row.cpu / rows[base].cpu
        told = f"{row.wall:8.2f} s{wall:8.2f}{row.cpu:10.2f} s{cpu:8.2f}"
        print(f"  {name:<44}{told}" + (f"{row.server:10.2f} s" if server else ""))
