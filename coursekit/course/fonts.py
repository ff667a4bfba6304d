"""matplotlib's list of the machine's fonts, built once at installation."""

from __future__ import annotations

import os

from coursekit.course.jupyter_environment import matplotlib_folder
from coursekit.settings import read_settings


def build_font_cache() -> None:
    """Let matplotlib list this machine's fonts, which takes seconds.

    Otherwise it would do so in the first lesson that draws, and print about it on stderr.
    """
    os.environ["MPLCONFIGDIR"] = str(matplotlib_folder(read_settings().data / "jupyter"))
    import matplotlib.pyplot  # noqa: F401
