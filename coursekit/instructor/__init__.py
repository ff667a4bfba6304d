"""The instructor's tools: source editions, strict notebook runs, `verify` and grading.

Importing this package has one effect: nbformat loads faster afterwards (see `quick_nbformat`).
It must happen before anything imports nbformat or nbval, and most modules in here do so in their
first lines. The package runs before any of its modules, so this is the one place that's early
enough.
"""

from coursekit.course.notebooks import quick_nbformat

quick_nbformat()
