"""The notebooks are stored as `refresh` writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from coursekit.course.catalog import lessons, slug_of
from coursekit.course.lesson_time import state_time
from coursekit.course.notebooks import dump, load
from coursekit.exercises.cells import write_nbgrader_metadata
from coursekit.exercises.manifest import exercises_of
from coursekit.instructor.source_edition import canonical


@pytest.mark.parametrize("path", lessons().values(), ids=lambda path: path.stem)
def test_a_notebook_is_stored_in_its_canonical_form(path: Path) -> None:
    """Outputs masked, cells counted, metadata as the exercises require, the time as computed."""
    notebook = canonical(load(path))
    write_nbgrader_metadata(notebook, slug_of(path))
    state_time(notebook, len(exercises_of(slug_of(path))))
    assert dump(notebook) == path.read_text("utf-8")
