"""Give a forked child the environment, arguments and streams that a new process would have."""

from __future__ import annotations

import codecs
import io
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

READY = "ready"  # the file beside the socket that marks the end of the imports
# Prefixes of variables that Python or a library reads when it starts, and never again.
STARTUP_PREFIXES = (
    *("PYTHON", "LD_", "LC_", "LANG", "GLIBC_", "MALLOC_", "HOME", "XDG_"),
    *("MPL", "MATPLOTLIB", "NPY_", "NUMPY_", "PANDAS_", "ARROW_", "SQLALCHEMY_", "JE_"),
    *("OMP_", "OPENBLAS_", "GOTO_", "BLIS_", "MKL_"),
)
# Read at the start as well, but `apply_request` can still apply them.
APPLIED = ("PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONDONTWRITEBYTECODE", "PYTHON_COLORS")

# Set by the fork server before its imports, unless the owner has set them.
DEFAULTS = {
    # As ipykernel does. Otherwise matplotlib would look for a window system.
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    # Otherwise pyarrow starts a thread, and a process with threads can't be forked safely.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}


def startup_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that must be equal in a child and in the fork server."""
    found = {
        name: value
        for name, value in environ.items()
        if name.startswith(STARTUP_PREFIXES) and name not in APPLIED
    }
    return DEFAULTS | found


def apply_request(request: Mapping[str, Any]) -> None:
    """Apply a request's environment, folder and arguments; reseed NumPy's random generator."""
    os.environ.clear()
    os.environ.update(request["environ"])
    os.environ["JPY_PARENT_PID"] = str(os.getppid())
    os.umask(request["umask"])
    os.chdir(request["folder"])
    sys.argv = list(request["argv"])
    sys.dont_write_bytecode = _is_set("PYTHONDONTWRITEBYTECODE")
    time.tzset()
    _adapt_streams()
    numpy = sys.modules.get("numpy")
    if numpy:  # Python reseeds its own generator after a fork
        numpy.random.seed()


class _UnseekableFile(io.FileIO):
    """A raw stream without a position: its descriptor may be redirected to another file."""

    def seekable(self) -> bool:
        return False


class _FlushableBuffer(io.BufferedWriter):
    """A buffered writer that flushes after each write if `flush_always` is set."""

    flush_always = False

    def write(self, data: Any) -> int:
        count = super().write(data)
        if self.flush_always:
            self.flush()
        return count


def prepare_streams() -> None:
    """Replace the fork server's stdout and stderr, before libraries keep references to them."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        original: Any = getattr(sys, name)
        raw: Any = _UnseekableFile(number, "w", closefd=False)
        raw.name = f"<{name}>"
        stream: Any = io.TextIOWrapper(_FlushableBuffer(raw), original.encoding, original.errors)
        stream.mode = "w"
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _adapt_streams() -> None:
    """Set the streams' encoding and buffering from the environment, as Python does."""
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "").partition(":")
    encoding = codecs.lookup(encoding).name if encoding else ""
    errors = errors or ("strict" if encoding else "")
    unbuffered = _is_set("PYTHONUNBUFFERED")
    for name in ("stdin", "stdout", "stderr"):
        stream: Any = getattr(sys, name)
        is_stderr = name == "stderr"  # never fails, and is always line-buffered
        stream.reconfigure(
            encoding=encoding or stream.encoding,
            errors=stream.errors if is_stderr else errors or stream.errors,
            line_buffering=not unbuffered and (is_stderr or stream.isatty()),
            write_through=unbuffered,
        )
        if name != "stdin":
            stream.buffer.flush_always = unbuffered


def _is_set(name: str) -> bool:
    """Return whether Python counts a variable as set."""
    return os.environ.get(name, "") not in ("", "0")
