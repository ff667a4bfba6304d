"""Settings: which server, which workspace, which data folder; checked and frozen."""

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
# Values of earlier editions, and what they're called now.
RENAMED = {
    ("TUTORIAL_POSTGRES", "own"): "external",
    ("TUTORIAL_KERNEL", "usual"): "default",
}


@dataclass(frozen=True)
class Settings:
    """What the environment and `.env` say, checked.

    url          the server that DATABASE_* names, or None when nothing is set
    postgres     the origin asked for by TUTORIAL_POSTGRES, or None
    image        the container image that TUTORIAL_POSTGRES_IMAGE names, or None
    workspace    the folder of a learner's notebooks, projects and progress
    data         the kit's own data folder, outside the clone
    server_home  the folder of the embedded server, inside `data`
    """

    url: URL | None
    postgres: str | None
    image: str | None
    workspace: Path
    data: Path
    server_home: Path

    @property
    def alone(self) -> bool:
        """Whether no other workspace can share the embedded server: it is the clone's."""
        return self.workspace == ROOT / "workspace"


def short_hash(text: str) -> str:
    """Eight hexadecimal characters that stand for `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def read_settings(environ: Mapping[str, str] | None = None, dotenv: Path | None = None) -> Settings:
    """Read the settings; a variable of the environment wins over the same one in `.env`.

    Raises SettingsError for a half-named server, another database or driver, a port
    that is no port, or an unknown TUTORIAL_POSTGRES. No message shows a password.
    """
    shell = dict(os.environ if environ is None else environ)
    file = _read_dotenv(ROOT / ".env" if dotenv is None else dotenv)
    both = {**file, **shell}
    _refuse_renamed(both)
    data = _folder(both.get("TUTORIAL_DATA")) or user_data_path(APP, appauthor=False).resolve()
    postgres = _origin(both.get("TUTORIAL_POSTGRES"))
    home = _folder(both.get("TUTORIAL_SERVER_HOME"))
    return Settings(
        # What is not used is not read: a shell's DATABASE_URL may be for another program.
        url=None if postgres in ("embedded", "container") else database_url(shell, file),
        postgres=postgres,
        image=both.get("TUTORIAL_POSTGRES_IMAGE") or None,
        workspace=_folder(both.get("TUTORIAL_WORKSPACE")) or ROOT / "workspace",
        data=data,
        server_home=home or data / "servers" / short_hash(str(ROOT)),
    )


def _refuse_renamed(values: Mapping[str, str]) -> None:
    for (name, old), new in RENAMED.items():
        if values.get(name) == old:
            raise SettingsError(
                f"{name} is {old!r}, which is called {new!r} now.",
                "The course's settings were renamed.",
                f"Set {name}={new}, in the environment or in `.env`.",
            )


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    return {key: value for key, value in dotenv_values(path).items() if value is not None}


def _folder(value: str | None) -> Path | None:
    """A folder; a relative one is meant from the clone, wherever a lesson works now."""
    return (ROOT / Path(value).expanduser()).resolve() if value else None


def _origin(value: str | None) -> str | None:
    if not value or value in ORIGINS:
        return value or None
    raise SettingsError(
        f"TUTORIAL_POSTGRES is {value!r}.",
        f"It names where PostgreSQL comes from: {', '.join(ORIGINS)}.",
        "Set it to one of these, or leave it out.",
    )
