"""A progress bar: in a notebook as its cell's output, in a terminal by rich."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import BackfillError
from .progress import BackfillProgress

Report = Callable[[BackfillProgress], object]


@contextmanager
def reporting(progress: Report | bool | None) -> Iterator[Report]:
    """Yield what is called after each batch, and once at the end.

    Args:
        progress: A function that is called after each batch; True for a bar, which is shown in
            a notebook and in a terminal, and nowhere else.

    """
    if callable(progress):
        function = progress
        # As before there were bars, the function isn't called for the result.
        yield lambda seen: function(seen) if seen.left is None else None
    elif progress is True and _in_notebook():
        yield _NotebookBar()
    elif progress is True and sys.stderr.isatty():
        with _terminal_bar() as report:
            yield report
    elif progress is None or isinstance(progress, bool):
        yield lambda _: None
    else:
        what = "progress= must be True or a function."
        raise BackfillError(what, f"Got {type(progress).__name__}.", "Write progress=print.")


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


class _NotebookBar:
    """An output that is replaced after each batch, so what is stored is the last one."""

    def __init__(self) -> None:
        self.seen: BackfillProgress | None = None
        self.handle: object = None

    def __call__(self, seen: BackfillProgress) -> None:
        from IPython.display import display

        self.seen = seen
        if self.handle is None:
            self.handle = display(self, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self.handle.update(self)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return repr(self.seen)

    def _repr_html_(self) -> str:
        seen = self.seen
        assert seen
        words = html.escape(repr(seen))
        share = 1.0 if seen.left == 0 else seen.share
        value = "" if share is None else f' value="{share:.3f}"'
        return f'<progress max="1"{value} aria-label="backfill"></progress> {words}'


@contextmanager
def _terminal_bar() -> Iterator[Report]:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        raise BackfillError(
            "progress=True needs the package rich in a terminal.",
            "It isn't installed.",
            "Install it: pip install rich. Or write progress=print.",
        ) from None
    # What a batch does is in the text; without a share, the bar only shows that it's alive.
    columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)

        def report(seen: BackfillProgress) -> None:
            share = 1.0 if seen.left == 0 else seen.share
            total = None if share is None else 1.0
            bar.update(task, description=repr(seen), completed=share or 0.0, total=total)

        yield report
