"""The environment variables and folders that Jupyter's programs run with."""

from __future__ import annotations

from pathlib import Path

from coursekit.settings import default_kernels

# What the fork server imports before it forks kernels: what lessons use, none of a learner's files.
PRELOADED = (
    # Not matplotlib.pyplot: on import it looks for a notebook to draw in.
    *("pandas", "matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.style"),
    *("sqlalchemy.orm", "sqlalchemy.dialects.postgresql.psycopg2"),
    *("alembic.config", "alembic.autogenerate", "alembic.ddl.postgresql", "mako.template"),
    *("pytest", "logging.config", "argon2", "passlib.context", "tutorial_lib.explorer"),
    *("coursekit.servers.embedded", "coursekit.course.opening", "coursekit.exercises.begin"),
    *("coursekit.exercises.check", "coursekit.exercises.project_copy", "coursekit.exercises.help"),
)
# Kernels warn about unencrypted TCP. Theirs stays on 127.0.0.1, and messages are signed.
KERNEL_CONFIG = """\
c.IPKernelApp.log_level = "ERROR"
c.InteractiveShellApp.extensions = ["coursekit.course.cell_advice"]
"""
FORKED_KERNELS = {
    "JUPYTER_DEFAULT_PROVISIONER_NAME": "fork",
    "FORK_SERVER_MODULES": ",".join(PRELOADED),
}


def jupyter_environment(folder: Path) -> dict[str, str]:
    """Create the folders for Jupyter's and IPython's own files; return the variables naming them.

    With Jupyter's usual folders, a kernel registered in the user's home would win over the one
    of this environment, and the lessons would run on another Python.

    Args:
        folder: Where the folders are created.

    """
    profile = folder / "ipython" / "profile_default"
    profile.mkdir(mode=0o700, parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text(KERNEL_CONFIG)
    parts = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
    return {
        **{f"JUPYTER_{part}_DIR": str(folder / name) for part, name in parts.items()},
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLCONFIGDIR": str(matplotlib_folder(folder)),
        "JUPYTER_PREFER_ENV_PATH": "1",
        **({} if default_kernels() else FORKED_KERNELS),
    }


def matplotlib_folder(folder: Path) -> Path:
    """Return matplotlib's folder, in which it caches its list of fonts."""
    return folder / "matplotlib"
