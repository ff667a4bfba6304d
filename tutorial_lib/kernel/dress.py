"""In a forked child: what a fresh process would have got when it started."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

# These count when Python or a library starts, and cannot be changed afterwards.
AT_START = (
    *("PYTHON", "LD_", "LC_", "LANG", "GLIBC_", "MALLOC_", "HOME", "XDG_"),
    *("MPL", "MATPLOTLIB", "OMP_", "OPENBLAS_", "MKL_", "ARROW_", "JE_", "SQLALCHEMY_"),
)
# These count then, too, and `dress` makes up for them.
APPLIED = ("PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONDONTWRITEBYTECODE", "PYTHON_COLORS")

# Without it matplotlib would look for a window when it is imported. ipykernel sets it, too.
INLINE = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}


def at_start(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that must be the same in a child and in the warm process."""
    counts = {k: v for k, v in environ.items() if k.startswith(AT_START) and k not in APPLIED}
    return INLINE | counts


def dress(request: Mapping[str, Any]) -> None:
    """Take on the environment, folder and arguments of a request; forget shared randomness."""
    os.environ.clear()
    os.environ.update(request["environ"])
    os.environ["JPY_PARENT_PID"] = str(os.getppid())
    os.chdir(request["folder"])
    sys.argv = list(request["argv"])
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    time.tzset()
    _adapt_streams()
    numpy = sys.modules.get("numpy")
    if numpy:  # Python's own generator is seeded again by itself
        numpy.random.seed()


class _Unplaced(io.FileIO):
    """A stream whose descriptor may be made another file's: it knows no position in it."""

    def seekable(self) -> bool:
        return False


def prepare_streams() -> None:
    """In the warm process, before libraries take hold of its stdout and stderr."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        raw = io.BufferedWriter(_Unplaced(number, "w", closefd=False))
        stream: Any = io.TextIOWrapper(raw, line_buffering=True)
        stream.mode = "w"
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _adapt_streams() -> None:
    """Give them the encoding and the buffering that the environment asks for."""
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "").partition(":")
    eager = bool(os.environ.get("PYTHONUNBUFFERED"))
    out: Any = sys.stdout
    out.reconfigure(
        encoding=encoding or out.encoding,
        errors=errors or out.errors,
        line_buffering=eager or out.isatty(),
    )
    err: Any = sys.stderr
    err.reconfigure(encoding=encoding or err.encoding, errors="backslashreplace")
    sys.stdin = open(0, encoding=encoding or None, closefd=False)  # noqa: SIM115
