"""What a check costs a learner: the time of each, beside that of one question to the server.

    python benchmarks/checks.py [the-first-revision 06.2 ...]

Rounds are interleaved; each row is the median of its rounds, and its ratio to the first row
can be compared between machines. Alembic's commands run as they do for a learner, each in a
process of its own.
"""

from __future__ import annotations

import statistics
import sys

from sqlalchemy import Engine, NullPool, text

from coursekit import servers
from coursekit.exercises.check import verdict_on
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.manifest import all_exercises
from coursekit.exercises.verdict import DONE
from coursekit.instructor.isolated_run import isolated_run, use_workspace
from measure import ROUNDS, seconds
from support.attempts import names_after, reference
from tutorial_lib.db import make_engine


def main(wanted: list[str]) -> None:
    """Time the checks of solutions, and print them with their median."""
    chosen = [
        exercise
        for exercise in all_exercises()
        if not wanted or {exercise.number, exercise.slug, exercise.lesson} & {*wanted}
    ]
    engine = make_engine(servers.find().url, poolclass=NullPool)
    taken: dict[str, list[float]] = {"one question": []}
    for exercise in chosen:
        with names_after(exercise, reference(exercise)) as names:
            for _ in range(ROUNDS):
                taken["one question"].append(seconds(lambda: ask(engine)))
                taken.setdefault(exercise.number, []).append(
                    seconds(lambda one=exercise, names=names: look(one, names))
                )
    middle = {name: statistics.median(times) for name, times in taken.items()}
    base = middle.pop("one question")
    print(f"one question to the server, with its connection: {1000 * base:.1f} ms (1.0)")
    for number, value in middle.items():
        print(f"{number}  {1000 * value:7.1f} ms  ({value / base:.1f})")
    print(f"median of {len(middle)} checks: {1000 * statistics.median(middle.values()):.1f} ms")


def ask(engine: Engine) -> None:
    """Open one connection and run one query."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def look(exercise: Exercise, names: dict[str, object]) -> None:
    """Run one check, which must be satisfied."""
    assert verdict_on(exercise, names).state == DONE, exercise.number


if __name__ == "__main__":
    with isolated_run():
        use_workspace("checks")
        main(sys.argv[1:])
