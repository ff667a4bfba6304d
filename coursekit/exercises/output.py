"""Show a result in a notebook or in a terminal."""

from __future__ import annotations

import sys


def show(thing: object) -> None:
    """Display an object in a notebook, as text and HTML; elsewhere, print its repr."""
    if "IPython" in sys.modules:
        from IPython.display import display

        display(thing)  # type: ignore[no-untyped-call]
    else:
        print(repr(thing))
