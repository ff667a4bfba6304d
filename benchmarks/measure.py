"""What the benchmarks share: wall and CPU time, interleaved rounds, tables."""

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
    """The time an action took, in seconds.

    Attributes:
        wall: Wall time.
        cpu: CPU time of its process and everything it started, directly or not.
        server: CPU time of PostgreSQL, which isn't part of `cpu`.

    """

    wall: float
    cpu: float
    server: float = 0.0


def seconds(action: Action) -> float:
    """Return the wall time of one call, in seconds."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def usage(action: Action) -> Usage:
    """Measure one call in a separate process, with everything it starts.

    Linux only: this process adopts what others leave behind, and so receives its CPU time in
    the end. It must not have other children meanwhile.

    Raises:
        RuntimeError: The call raised an error.

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
        raise RuntimeError("The action failed; see its error above.")
    return Usage(wall, cpu[False], cpu[True])


def _forked(action: Action) -> int:
    """Run an action in a forked process, and return its id; it exits with 0 on success."""
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
    """Wait for a child to end, without reaping it; return its id, or 0 without children."""
    try:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        return 0
    return ended.si_pid if ended else 0


def interleaved(
    actions: Mapping[str, Callable[[], Row]], rounds: int = ROUNDS
) -> dict[str, list[Row]]:
    """Return each action's results by round; the actions take turns in each round."""
    results: dict[str, list[Row]] = {name: [] for name in actions}
    for round_ in range(rounds):
        print(f"   round {round_ + 1} of {rounds} ...", file=sys.stderr)
        for name, action in actions.items():
            results[name].append(action())
    return results


def times(actions: Mapping[str, Action], rounds: int = ROUNDS) -> dict[str, float]:
    """Return the median wall time of each action, in interleaved rounds."""
    timed = {name: lambda action=action: seconds(action) for name, action in actions.items()}
    return {name: statistics.median(taken) for name, taken in interleaved(timed, rounds).items()}


def usages(actions: Mapping[str, Callable[[], Usage]], rounds: int) -> dict[str, Usage]:
    """Return the median usage of each action, in interleaved rounds."""
    return {name: _middle(taken) for name, taken in interleaved(actions, rounds).items()}


def _middle(taken: Sequence[Usage]) -> Usage:
    columns = zip(*((each.wall, each.cpu, each.server) for each in taken), strict=True)
    return Usage(*map(statistics.median, columns))


def show(title: str, rows: Mapping[str, float], base: str) -> None:
    """Print seconds, and each row's ratio to the row `base`."""
    print(f"\n{title}")
    for name, value in rows.items():
        print(f"  {name:<44}{value:9.3f} s{value / rows[base]:9.2f}")


def show_usages(title: str, rows: Mapping[str, Usage], base: str) -> None:
    """Print wall and CPU time, each with its ratio to the row `base`."""
    server = any(row.server for row in rows.values())
    heads = f"{'wall':>10}{'CPU':>20}" + (f"{'server CPU':>20}" if server else "")
    print(f"\n{title}\n  {'':<44}{heads}")
    for name, row in rows.items():
        wall, cpu = row.wall / rows[base].wall, row.cpu / rows[base].cpu
        told = f"{row.wall:8.2f} s{wall:8.2f}{row.cpu:10.2f} s{cpu:8.2f}"
        print(f"  {name:<44}{told}" + (f"{row.server:10.2f} s" if server else ""))
