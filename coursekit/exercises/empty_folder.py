"""Call a learner's function where every file that it writes is noticed, and none is left."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager


@contextmanager
def empty_folder() -> Iterator[str]:
    """Make an empty folder the working directory and the one for temporary files."""
    usual = tempfile.tempdir
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        tempfile.tempdir = folder
        try:
            yield folder
        finally:
            tempfile.tempdir = usual
