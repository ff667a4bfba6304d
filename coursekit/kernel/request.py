"""In a forked child: what a fresh process would have got when it started."""

from __future__ import annotations

import codecs
import io
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

READY = "ready"  # the file beside the socket that says that the warm process has imported all
# These count when Python or a library starts, and cannot be changed afterwards.
AT_START = (
    *("PYTHON", "LD_", "LC_", "LANG", "GLIBC_", "MALLOC_", "HOME", "XDG_"),
    *("MPL", "MATPLOTLIB", "NPY_", "NUMPY_", "PANDAS_", "ARROW_", "SQLALCHEMY_", "JE_"),
    *("OMP_", "OPENBLAS_", "GOTO_", "BLIS_", "MKL_"),
)
# These count then, too, and `dress` makes up for them.
APPLIED = ("PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONDONTWRITEBYTECODE", "PYTHON_COLORS")

# What the warm process sets for its imports, where the owner has not.
DEFAULTS = {
    # Or matplotlib would look for a window. ipykernel sets it, too.
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    # Or pyarrow starts a thread, and no process could be forked any more.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}


def at_start(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that must be the same in a child and in the warm process."""
    counts = {k: v for k, v in environ.items() if k.startswith(AT_START) and k not in APPLIED}
    return DEFAULTS | counts


def apply_request(request: Mapping[str, Any]) -> None:
    """Take on the environment, folder and arguments of a request; forget shared randomness."""
    os.environ.clear()
    os.environ.update(request["environ"])
    os.environ["JPY_PARENT_PID"] = str(os.getppid())
    os.umask(request["umask"])
    os.chdir(request["folder"])
    sys.argv = list(request["argv"])
    sys.dont_write_bytecode = _set("PYTHONDONTWRITEBYTECODE")
    time.tzset()
    _adapt_streams()
    numpy = sys.modules.get("numpy")
    if numpy:  # Python's own generator is seeded again by itself
        numpy.random.seed()


class _Unplaced(io.FileIO):
    """A stream whose descriptor may be made another file's: it knows no position in it."""

    def seekable(self) -> bool:
        return False


class _Buffer(io.BufferedWriter):
    """One that can be told to keep nothing back."""

    eager = False

    def write(self, data: Any) -> int:
        count = super().write(data)
        if self.eager:
            self.flush()
        return count


def prepare_streams() -> None:
    """In the warm process, before libraries take hold of its stdout and stderr."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        first: Any = getattr(sys, name)
        raw: Any = _Unplaced(number, "w", closefd=False)
        raw.name = f"<{name}>"
        stream: Any = io.TextIOWrapper(_Buffer(raw), first.encoding, first.errors)
        stream.mode = "w"
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _adapt_streams() -> None:
    """Give them the encoding and the buffering that the environment asks for."""
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "").partition(":")
    encoding = codecs.lookup(encoding).name if encoding else ""
    errors = errors or ("strict" if encoding else "")
    eager = _set("PYTHONUNBUFFERED")
    for name in ("stdin", "stdout", "stderr"):
        stream: Any = getattr(sys, name)
        last = name == "stderr"  # it must never fail, and waits for no second line
        stream.reconfigure(
            encoding=encoding or stream.encoding,
            errors=stream.errors if last else errors or stream.errors,
            line_buffering=not eager and (last or stream.isatty()),
            write_through=eager,
        )
        if name != "stdin":
            stream.buffer.eager = eager


def _set(name: str) -> bool:
    """Whether Python takes a variable for a yes."""
    return os.environ.get(name, "") not in ("", "0")
