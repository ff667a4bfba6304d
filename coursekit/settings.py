"""Read the course's settings from the environment and `.env`, and check them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path
from sqlalchemy import URL

from tutorial_lib.config import database_url
from tutorial_lib.errors import SettingsError

ROOT = Path(__file__).resolve().parents[1]
APP = "database-setup-tutorial"
ORIGINS = ("embedded", "external", "container")
CHOICES = {
    "TUTORIAL_POSTGRES": ("names where PostgreSQL comes from", ORIGINS),
    "TUTORIAL_KERNEL": ("names how a notebook's kernel starts", ("forked", "default")),
}
# Values in earlier editions, and what they're called now.
RENAMED = {
    ("TUTORIAL_POSTGRES", "own"): "external",
    ("TUTORIAL_KERNEL", "usual"): "default",
}


@dataclass(frozen=True)
class Settings:
    """The course's settings, checked.

    Attributes:
        url: The database URL from DATABASE_*, or None if nothing is set.
        postgres: The origin in TUTORIAL_POSTGRES, or None.
        image: The container image in TUTORIAL_POSTGRES_IMAGE, or None.
        kernel: The kind of kernel in TUTORIAL_KERNEL, `forked` or `default`, or None.
        workspace: The folder of a learner's notebooks, projects and progress.
        data: The kit's own data folder, outside the clone.
        server_home: The folder of the embedded server, inside `data`.

    """

    url: URL | None
    postgres: str | None
    image: str | None
    kernel: str | None
    workspace: Path
    data: Path
    server_home: Path

    @property
    def alone(self) -> bool:
        """Whether the workspace is the clone's own, so no other one shares the embedded server."""
        return self.workspace == ROOT / "workspace"


def short_hash(text: str) -> str:
    """Return the first eight hexadecimal digits of a string's SHA-256 hash."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def read_settings(environ: Mapping[str, str] | None = None, dotenv: Path | None = None) -> Settings:
    """Read and check the settings. The environment wins over `.env`.

    Args:
        environ: The environment variables; by default this process's.
        dotenv: The file; by default the clone's `.env`.

    Raises:
        SettingsError: A setting is incomplete, invalid or renamed. No message shows a password.

    """
    shell, file = _sources(environ, dotenv)
    both = {**file, **shell}
    data = _folder(both.get("TUTORIAL_DATA")) or user_data_path(APP, appauthor=False).resolve()
    postgres = _choice("TUTORIAL_POSTGRES", both)
    home = _folder(both.get("TUTORIAL_SERVER_HOME"))
    return Settings(
        # Read only if it's used: a shell may export DATABASE_URL for another program.
        url=None if postgres in ("embedded", "container") else database_url(shell, file),
        postgres=postgres,
        image=both.get("TUTORIAL_POSTGRES_IMAGE") or None,
        kernel=_choice("TUTORIAL_KERNEL", both),
        workspace=_folder(both.get("TUTORIAL_WORKSPACE")) or ROOT / "workspace",
        data=data,
        server_home=home or data / "servers" / short_hash(str(ROOT)),
    )


def default_kernels(environ: Mapping[str, str] | None = None, dotenv: Path | None = None) -> bool:
    """Return whether TUTORIAL_KERNEL=default asks for kernels that aren't forked.

    It reads no other setting, so JupyterLab starts even if DATABASE_* is incomplete.

    Args:
        environ: The environment variables; by default this process's.
        dotenv: The file; by default the clone's `.env`.

    Raises:
        SettingsError: TUTORIAL_KERNEL is invalid or renamed.

    """
    shell, file = _sources(environ, dotenv)
    return _choice("TUTORIAL_KERNEL", {**file, **shell}) == "default"


def _sources(
    environ: Mapping[str, str] | None, dotenv: Path | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the environment and the variables in `.env`."""
    shell = dict(os.environ if environ is None else environ)
    return shell, _read_dotenv(ROOT / ".env" if dotenv is None else dotenv)


def _choice(name: str, values: Mapping[str, str]) -> str | None:
    """Return a setting that has a fixed list of values, or None if it isn't set."""
    value, (meaning, choices) = values.get(name), CHOICES[name]
    if not value or value in choices:
        return value or None
    if (name, value) in RENAMED:
        new = RENAMED[name, value]
        raise SettingsError(
            f"{name} is {value!r}, which is called {new!r} now.",
            "The course's settings were renamed.",
            f"Set {name}={new}, in the environment or in `.env`.",
        )
    raise SettingsError(
        f"{name} is {value!r}.",
        f"It {meaning}: {', '.join(choices)}.",
        "Set it to one of these, or unset it.",
    )


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    return {key: value for key, value in dotenv_values(path).items() if value is not None}


def _folder(value: str | None) -> Path | None:
    """Return a folder as an absolute path; a relative one starts at the clone."""
    return (ROOT / Path(value).expanduser()).resolve() if value else None
