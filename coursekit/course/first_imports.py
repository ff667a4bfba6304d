"""Import what the first start imports, once, at installation.

    python -m coursekit.course.first_imports jupyterlab
    python -m coursekit.course.first_imports kernel

Python compiles each module it imports for the first time, and keeps the result. That takes longer
than downloading the packages, and most of their files are never imported. So start.py lets these
two processes run side by side, and doesn't compile anything else.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module

from coursekit.course.jupyter_environment import PRELOADED, matplotlib_folder
from coursekit.kernel.zygote import KERNEL_MODULES
from coursekit.settings import read_settings

COMMAND_LINE = (
    *("coursekit.cli", "coursekit.cli.console", "coursekit.course.doctor"),
    *("coursekit.course.jupyterlab", "coursekit.exercises.copies", "rich.table"),
)
JUPYTERLAB = (
    *("jupyterlab.labapp", "jupyterlab.handlers.announcements", "jupyter_lsp.serverextension"),
    *("jupyter_server_terminals", "jupyter_server.services.contents.largefilemanager"),
    *("jupyterlab_server.translations_handler", "notebook_shim.nbserver"),
    *("coursekit.kernel.lab_extension", "coursekit.kernel.provisioner"),
)
# On its first import, pyplot lists the machine's fonts: that takes seconds, and it prints about it.
KERNEL = (*KERNEL_MODULES, *PRELOADED, "matplotlib.pyplot", "alembic.command")
PROCESSES = {"jupyterlab": (*COMMAND_LINE, *JUPYTERLAB), "kernel": KERNEL}


def main() -> None:
    """Import the modules of one process. One that can't be imported stops no installation."""
    os.environ["MPLCONFIGDIR"] = str(matplotlib_folder(read_settings().data / "jupyter"))
    for name in PROCESSES[sys.argv[1]]:
        with suppress(Exception):
            import_module(name)


if __name__ == "__main__":
    main()
