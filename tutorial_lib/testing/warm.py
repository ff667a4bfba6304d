"""Alembic in processes forked from one that has imported it: for tests that run it often.

What a command does is the same; only its imports were done before. Where processes cannot
be forked, each command starts afresh, as `%alembic` does.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tutorial_lib import migrations

PRELOADED = [
    *("alembic.config", "alembic.autogenerate", "logging.config", "sqlalchemy.orm"),
    *("sqlalchemy.dialects.postgresql.psycopg2", "passlib.hash", "argon2", "tutorial_lib.project"),
]
PATIENCE = 60  # seconds for one command


@contextmanager
def warm_alembic() -> Iterator[None]:
    """Inside, Alembic's commands run in processes that are forked from a warm one."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        yield
        return
    cold, migrations.launch = migrations.launch, _launch
    try:
        yield
    finally:
        migrations.launch = cold


def _launch(words: list[str], project: Path) -> tuple[int, str]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with tempfile.NamedTemporaryFile(suffix=".txt") as output:
        environ = {**os.environ, **migrations.ENVIRONMENT}
        arguments = (words, str(project), environ, output.name)
        process = context.Process(target=_run, args=arguments, daemon=True)
        process.start()
        process.join(PATIENCE)
        assert process.exitcode is not None, f"alembic {words} did not end"
        code = process.exitcode
        process.close()
        return code, Path(output.name).read_text(encoding="utf-8", errors="replace")


def _run(words: list[str], project: str, environ: dict[str, str], output: str) -> None:
    """In the forked process: what the console script does, with its output in a file."""
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(project)
    sys.dont_write_bytecode = True
    file = os.open(output, os.O_WRONLY)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    from alembic.config import main

    main(argv=words, prog="alembic")
