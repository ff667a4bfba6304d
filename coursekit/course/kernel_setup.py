"""Prepare a notebook's kernel for a lesson: magics, and imports that follow the files."""

from __future__ import annotations

import logging
from pathlib import Path

from coursekit.course import autoreload
from coursekit.course.magics import has_magics, register_magics


def prepare_kernel(project: Path) -> None:
    """Let the magics work in a project, and reload its modules when its files change.

    Outside of IPython this does nothing.

    Args:
        project: The project of the lesson that was started.

    """
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None:
        register_magics(shell, project)
        autoreload.enable(shell, project.parent)


def announce_magics() -> None:
    """Register the magics before a lesson is started, so that they can say so.

    In a restarted kernel IPython would otherwise report `%alembic` as an unknown magic, which
    doesn't tell a learner to start the lesson again.
    """
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None and not has_magics(shell):
        register_magics(shell, None)


class _CutConnections(logging.Filter):
    """Drop the pool's messages about connections that a reset has cut.

    Python notices a connection that a learner left open only when it's garbage-collected. The
    pool then logs a long traceback into the cell that happens to run.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return "Exception during reset" not in record.getMessage()


_cut_connections = _CutConnections()


def silence_cut_connections() -> None:
    """Filter the pool's messages about connections that a reset has cut."""
    # Adding the same filter twice adds it once.
    logging.getLogger("sqlalchemy.pool.impl.QueuePool").addFilter(_cut_connections)
