"""The file that holds a learner's progress: read it, replace it, lock it, set it aside.

`coursekit.exercises.records` defines its contents. Every OSError becomes a ProgressError, and
waiting for the lock has a time limit.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from coursekit.errors import ProgressError
from coursekit.files import free_name, holders, other_owner, write_atomic

LOCK_TIMEOUT = 10.0  # seconds; holding the lock takes milliseconds
NO_ROOM = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


class ProgressFile:
    """`progress.json` in a workspace, and the lock beside it."""

    def __init__(self, workspace: Path) -> None:
        self.path = workspace / "progress.json"
        self._lock = workspace / "progress.lock"

    def read(self) -> bytes | None:
        """Return what the file holds, or None if there's none.

        Raises:
            ProgressError: It can't be read.

        """
        try:
            if self.path.exists() and not self.path.is_file():  # a pipe would block
                raise IsADirectoryError(errno.EISDIR, "it isn't a file", self.path)
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from None

    def write(self, text: str) -> None:
        """Replace the file, completely or not at all. Call it inside `locked()`."""
        write_atomic(self.path, text)

    def set_aside(self) -> Path:
        """Rename the file so that nothing is overwritten; return where it is now.

        Call it inside `locked()`.
        """
        aside = free_name(self.path.parent, "progress-damaged", ".json")
        self.path.rename(aside)
        return aside

    def rehearse(self) -> None:
        """Do everything that saving does, but leave the content unchanged.

        Raises:
            ProgressError: Saving would fail.

        """
        if not self.path.parent.exists():  # it's created when it's first needed
            return
        with self.locked():
            saved = self.read()
            part = self.path.with_name("progress.json.part")
            part.write_bytes(saved or b"")
            if saved is None:
                part.unlink()
            else:
                part.replace(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock that lets one process at a time change the file.

        Raises:
            ProgressError: Another process holds it for too long, or the body or the lock failed
                with an OSError.

        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._lock, timeout=LOCK_TIMEOUT):
                yield
        except Timeout:
            raise self._held() from None
        except OSError as error:
            raise self._unusable(error) from None

    def _held(self) -> ProgressError:
        found = ", ".join(map(str, holders(self._lock)))
        return ProgressError(
            "Your progress can't be read or saved, because another process has held "
            f"{self._lock} for {LOCK_TIMEOUT:g} seconds.",
            "The other process may be a suspended kernel or command"
            + (f"; process {found} has the file open." if found else "."),
            "End that process, or shut down all kernels.",
        )

    def _unusable(self, error: OSError) -> ProgressError:
        path = Path(os.fsdecode(error.filename or self.path))
        owner = other_owner(path)
        return ProgressError(
            f"Your progress can't be read or saved, because {path} can't be used: "
            f"{error.strerror or error}.",
            f"It belongs to the user {owner}, perhaps because of a sudo command." if owner else "",
            _advice(error, self.path.parent, owner),
        )


def _advice(error: OSError, workspace: Path, owner: str) -> str:
    if isinstance(error, IsADirectoryError):
        return "Rename or delete it."
    if error.errno in NO_ROOM:
        return "Free some disk space."
    if owner:
        return f'Take ownership of your files: sudo chown -R "$USER" "{workspace}"'
    return "Make the file and its folder writable, or set TUTORIAL_WORKSPACE to another folder."
