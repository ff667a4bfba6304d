"""Recognize an answer whose function or class has another name, or other parameters."""

from __future__ import annotations

import re
from dataclasses import replace

from coursekit.course.cell_names import slug_named
from coursekit.course.cell_runs import last_runs
from coursekit.exercises.exercise import Exercise
from coursekit.exercises.failed_cells import defined_in
from coursekit.exercises.items import CheckItem

# Python's messages about a call that doesn't fit the function.
MISFIT = re.compile(
    r"TypeError: (?:\w+\.(?:<locals>\.)?)*(\w+)\(\) "
    r"(?:got an unexpected keyword|missing \d+ required|takes (?:from )?\d+ (?:to \d+ )?positional"
    r"|takes no arguments|got some positional|got multiple values)"
)


def misnamed(exercise: Exercise) -> CheckItem | None:
    """Return an item if the answer's cells define other names than the exercise asks for."""
    runs = (run for run in last_runs() if slug_named(run.cell_id, "answer") == exercise.slug)
    found = sorted(set().union(*(defined_in(run.source) for run in runs)))
    missing = [name for name in exercise.names if name not in found]
    if not found or not missing:
        return None
    name = missing[0]
    where = f"the name: the check looks for {name}. Rename yours, run its cell, and check again"
    return CheckItem(f"{name} is defined", False, name, ", ".join(found), where)


def with_misfit(item: CheckItem, exercise: Exercise) -> CheckItem:
    """Return the item; if it failed because of the parameters of a function, it says so."""
    found = None if item.good else MISFIT.search(item.got)
    if not found or found[1] not in exercise.names:
        return item
    return replace(
        item, where=f"the line `def {found[1]}(...)`: keep the parameters that the exercise gives"
    )
