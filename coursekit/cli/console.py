"""The console that every command prints to, and the arguments that several take."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

out = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
Numbers = Annotated[list[str] | None, typer.Argument(help="Lessons, such as 01. Default: all.")]
