"""Answer a probe in the learner's kernel, when the check itself runs in another process.

The other half is `coursekit.instructor.remote`, which isn't imported here: a learner's kernel
loads nothing of the instructor's.
"""

from __future__ import annotations

import ast
import json
from importlib import import_module
from typing import Any

from sqlalchemy import Engine, NullPool, make_url

from coursekit import limits
from coursekit.exercises.local import in_time
from tutorial_lib.db import make_engine


def reply(request: str, names: dict[str, Any]) -> str:
    """Run the probe that a request names, and return its result as JSON.

    Args:
        request: JSON of the probe's module, its name, its packed arguments, and its time limit.
        names: The notebook's names, as `globals()` returns them.

    Returns:
        JSON of two strings, the `repr` of the value and the error ("" without one), and of
        whether the probe ended in time.

    """
    module, name, packed, timeout = json.loads(request)
    arguments = tuple(_unpacked(each) for each in packed)
    result = in_time(getattr(import_module(module), name), names, arguments, timeout)
    for argument in arguments:
        if isinstance(argument, Engine):
            argument.dispose()
    return json.dumps([repr(result.value), result.error, result.ended])


def _unpacked(packed: dict[str, str]) -> Any:
    """Return an argument: plain data, or an engine for the database URL that was sent."""
    if "plain" in packed:
        return ast.literal_eval(packed["plain"])
    url = make_url(packed["engine"])
    return make_engine(
        url, connect_args={"options": limits.statement_options()}, poolclass=NullPool
    )
