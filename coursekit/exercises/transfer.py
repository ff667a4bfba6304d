"""Take a learner's records from one workspace to another, as a file."""

from __future__ import annotations

from pathlib import Path

from coursekit.errors import ExerciseError
from coursekit.exercises.records import dump, merge, parse, records


def export(workspace: Path, target: Path) -> int:
    """Write all records to a file, and return how many exercises they cover.

    Raises:
        ExerciseError: The file can't be written.

    """
    found = records(workspace)
    try:
        target.write_text(dump(found), encoding="utf-8", newline="\n")
    except OSError as error:
        raise ExerciseError(
            f"{target} cannot be written: {error.strerror}.",
            "Your progress would go there.",
            "Name a file in a folder that you can write to.",
        ) from None
    return len(found)


def import_file(workspace: Path, source: Path) -> int:
    """Merge an exported file into the workspace's records, and return how many it holds.

    Nothing is lost: of each field the larger value remains.

    Raises:
        ExerciseError: The file can't be read, or isn't an export.
        ProgressError: The workspace's records can't be saved.

    """
    try:
        found = parse(source.read_bytes())
    except (OSError, ValueError):
        raise ExerciseError(
            f"{source} contains no readable progress.",
            "It was not written by `tutorial progress --export`, or it is damaged.",
            "Nothing was changed. Export your progress again, and import that file.",
        ) from None
    merge(workspace, found)
    return len(found)
