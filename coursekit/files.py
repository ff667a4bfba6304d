"""Write files so that a reader finds the old text or the new one, never half of it."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomic(path: Path, text: str, *, private: bool = False) -> None:
    """Write a file completely or not at all.

    Args:
        path: The file; it's replaced if it exists.
        text: What it holds afterwards, as UTF-8 with line ends as they are.
        private: Only the owner can read it, from its first byte on (mode 0600).

    Raises:
        OSError: The file can't be written; the old one is still there.

    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    mode = 0o600 if private else 0o666
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    part.replace(path)
