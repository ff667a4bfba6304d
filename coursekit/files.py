"""Write files so that a reader finds the old text or the new one, never half of it.

Files are synced to disk, except in an isolated run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, count
from pathlib import Path

# Set for an isolated run, which is deleted at the end, so its files needn't be synced.
THROWAWAY_VARIABLE = "TUTORIAL_THROWAWAY"
WINDOWS = os.name == "nt"
# Seconds between attempts on Windows, where a virus scanner may hold a file that was just written.
DELAYS = (0.05, 0.1, 0.2, 0.5, 1, 2)


def throwaway() -> bool:
    """Return whether this process belongs to an isolated run."""
    return bool(os.environ.get(THROWAWAY_VARIABLE))


def write_atomic(path: Path, text: str, *, private: bool = False, lasting: bool = False) -> None:
    """Write a file completely or not at all.

    Args:
        path: The file; it's replaced if it exists.
        text: What it holds afterwards, as UTF-8 with line ends as they are.
        private: Only the owner can read it, from its first byte on (mode 0600).
        lasting: Wait for the disk even in an isolated run, because the file outlives it.

    Raises:
        OSError: The file can't be written; the old one is still there.

    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    mode = 0o600 if private else 0o666
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    # Otherwise a power cut can keep the new name and lose the text.
    sync([part], lasting=lasting)
    with_retries(part.replace, path)
    sync([path.parent], lasting=lasting)


def with_retries(rename: Callable[[Path], object], path: Path) -> None:
    """Rename a file or folder, with retries on Windows while another program holds it.

    Args:
        rename: The `rename` or `replace` of its path.
        path: Its new path.

    Raises:
        OSError: It can't be renamed, even after several seconds.

    """
    for delay in DELAYS if WINDOWS else ():
        try:
            rename(path)
        except PermissionError:
            time.sleep(delay)
        else:
            return
    rename(path)


def free_name(folder: Path, name: str, suffix: str = "") -> Path:
    """Return an unused path that contains the current time and, if necessary, a count."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = (f"{name}-{stamp}{extra}{suffix}" for extra in chain([""], (f"-{n}" for n in count(2))))
    return next(folder / name for name in names if not os.path.lexists(folder / name))


def other_owner(path: Path) -> str:
    """Return the owner of a file or its folder if that's another user, otherwise ""."""
    for each in (path, path.parent):
        with suppress(OSError, KeyError):
            if os.name == "posix" and each.stat().st_uid != os.geteuid():
                return each.owner()
    return ""


def holders(lock: Path) -> Iterator[int]:
    """Yield the processes of this user that have a file open, other than this one."""
    import psutil  # takes a while, and is needed only when something is wrong

    if os.name == "nt":  # asking there can hang
        return
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            opened = process.pid != os.getpid() and process.open_files()
            if opened and str(lock) in {file.path for file in opened}:
                yield process.pid


def sync(paths: Iterable[Path], *, lasting: bool = False) -> None:
    """Wait until files and folders are on the disk.

    Args:
        paths: Files that were written, and folders in which names have changed.
        lasting: Wait even in an isolated run.

    Raises:
        OSError: A file can't be written to disk.

    """
    if throwaway() and not lasting:
        return
    for path in paths:
        if path.is_dir():
            with suppress(OSError):  # Windows and some network disks can't do this for folders
                _sync(path, os.O_RDONLY)
        else:
            _sync(path, os.O_RDWR)  # Windows requires write access


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
