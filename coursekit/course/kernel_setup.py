"""Prepare a notebook's kernel for a lesson: magics, and imports that follow the files."""

from __future__ import annotations

import logging
from pathlib import Path

from coursekit.course import alembic_magic, autoreload, tool_magics


def prepare_kernel(project: Path | None) -> None:
    """Register the magics and reload a project's modules when its files change.

    Does nothing outside IPython.

    Args:
        project: The lesson's project; None until a lesson is started, and `%alembic` says so.

    """
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None:
        for magics in (alembic_magic, tool_magics):
            magics.register(shell, project)
        if project:
            autoreload.enable(shell, project.parent)


class _CutConnections(logging.Filter):
    """Keep quiet about connections that a reset has cut.

    A connection that a learner left open is noticed later, when Python clears it away;
    the pool then writes a long traceback into whatever cell runs at that moment.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return "Exception during reset" not in record.getMessage()


def silence_cut_connections() -> None:
    """Keep the pool's log quiet about connections that a reset has cut."""
    logging.getLogger("sqlalchemy.pool.impl.QueuePool").addFilter(_CutConnections())
