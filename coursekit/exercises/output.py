"""Show a result in a notebook or in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tutorial_lib.errors import Problem


def show(thing: object) -> None:
    """Display an object in a notebook, as text and HTML; elsewhere, print its repr."""
    if "IPython" in sys.modules:
        from IPython.display import display

        display(thing)  # type: ignore[no-untyped-call]
    else:
        print(repr(thing))


@contextmanager
def side_note() -> Iterator[None]:
    """Print a failure on one line, and continue: the verdict or hint has already been shown."""
    try:
        yield
    except Problem as error:
        print(error)
