"""What a learner's function leaves behind outside of the values that it returns."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from coursekit.exercises.empty_folder import empty_folder
from coursekit.lessons.connect.urls import changed_values

HOMES = ("HOME", "USERPROFILE")  # where Path.home() looks


@dataclass
class Traces:
    """What was changed in the environment, and which files were written.

    Attributes:
        variables: The changed variables, as `NAME in os.environ`.
        files: The new files, as `the file NAME`.
        content: Everything in these files.

    """

    variables: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    content: str = ""


@contextmanager
def alone(**variables: str) -> Iterator[Traces]:
    """Work in a new folder, which is the home and the one for temporary files, too.

    What's changed in the environment is undone at the end, and the folder is removed.

    Args:
        **variables: What to set in the environment before.

    """
    found, before = Traces(), dict(os.environ)
    with empty_folder() as folder:
        os.environ.update({**dict.fromkeys(HOMES, folder), **variables})
        during = dict(os.environ)
        try:
            yield found
        finally:
            changed = changed_values(during, dict(os.environ))
            found.variables = [f"{name} in os.environ" for name in changed]
            os.environ.clear()
            os.environ.update(before)
            files = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
            found.files = [f"the file {path.name}" for path in files]
            found.content = "\n".join(path.read_text(errors="replace") for path in files)
