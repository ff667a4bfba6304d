"""Right and wrong answers to every exercise, which the checks must tell apart.

Each module defines RIGHT and WRONG: an exercise's slug to its answers. The answer in the source
edition of the notebook is one more right answer to each.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from support.samples import Wrong

RIGHT: dict[str, tuple[str, ...]] = {}
WRONG: dict[str, tuple[Wrong, ...]] = {}
for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
    module = import_module(f"answers.{path.stem}")
    RIGHT |= module.RIGHT
    WRONG |= module.WRONG
