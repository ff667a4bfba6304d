"""The check of the exercise whose function writes a URL into Alembic's Config."""

from __future__ import annotations

import logging
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from sqlalchemy import URL

from coursekit.exercises import draws
from coursekit.exercises.empty_folder import empty_folder
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal
from coursekit.exercises.submission import Submission

DECOMPOSED = "e\N{COMBINING ACUTE ACCENT}"  # looks like é, and is another string
PARTS = ("drivername", "username", "password", "host", "port", "database", "query")
LAST = "a password with spaces and other special characters"
BARE = "no password, and two hosts"
BY_FUNCTION = "make_config"
# What an error of make_config says, and where to look: the first that fits.
ADVICE = (
    ("interpolation", "in an ini file, % starts a placeholder: write %% for a percent sign"),
    ("without sqlalchemy.url", "set_main_option, and the name that env.py reads"),
    ("names a missing file", "Config(): pass no file name, or init's env.py reads that file"),
    ("expected str", "set_main_option takes a string, not a URL object"),
    ("must be strings", "set_main_option takes a string, not a URL object"),
    ("No module named", "the import: from alembic.config import Config"),
    ("SystemExit", "make_config: sys.exit ends the program; return the Config"),
    ("Error:", "make_config: call it yourself in a new cell to see where it fails"),
    ("NoneType", "make_config: does it return the Config?"),
    ("generator", "make_config: return the Config, instead of yielding it"),
    ("coroutine", "make_config: a plain def, without async"),
    ("str", "what make_config returns: the Config, not the string in it"),
    ("", "what make_config returns: it must be the Config"),
)


def config(submission: Submission) -> Iterator[CheckItem]:
    """Check that a Config returns the URL that was set."""
    for which, password in _passwords(submission.random).items():
        # The options come last: the advice on passwords is about the password alone.
        options = {"application_name": "nightly 100%"} if which == LAST else {}
        wanted = {**_parts(submission.random, password), "query": options}
        wanted |= {"drivername": "postgresql"} if which == LAST else {}
        items = list(_reads(which, submission.call(_read, _address(wanted)), wanted))
        yield from items
        if not all(item.good for item in items):
            return
    wanted = _without_password(submission.random)
    items = list(_reads(BARE, submission.call(_read, _address(wanted)), wanted))
    yield from items
    if not all(item.good for item in items):
        return
    first, second = (_parts(submission.random, draws.word(submission.random)) for _ in range(2))
    both = submission.call(_first_of_two, _address(first), _address(second))
    yield expect_equal(
        "a second Config doesn't change the first",
        both,
        first["host"],
        "make_config: it must create a new Config in every call",
    )
    yield expect_equal(
        "it writes no file, prints no password and sets no environment variable",
        submission.call(_traces, _address(first)),
        [],
        "make_config: the Config keeps the URL in memory, and nothing else needs it",
    )


def _passwords(random: Random) -> dict[str, str]:
    return {
        "a plain password": draws.word(random, 4),
        "a password with % and @ in it": f"50%/{draws.token(random)}@:%(here)s %%",
        LAST: f"{draws.password(random)}{DECOMPOSED} ",
    }


def _parts(random: Random, password: str) -> dict[str, Any]:
    host, port = f"{draws.word(random)}.example.com", random.randrange(5433, 6000)
    user, shop = draws.word(random), draws.word(random)
    values: tuple[Any, ...] = ("postgresql+psycopg2", user, password, host, port, shop, {})
    return dict(zip(PARTS, values, strict=True))


def _without_password(random: Random) -> dict[str, Any]:
    """Return the parts of a URL with two hosts, and nothing that it doesn't need."""
    hosts = tuple(f"{draws.word(random)}.example.com:{port}" for port in (5433, 5434))
    empty = {"password": None, "host": None, "port": None}
    return {**_parts(random, ""), **empty, "query": {"host": hosts}}


def _address(parts: dict[str, Any]) -> str:
    return URL.create(**parts).render_as_string(hide_password=False)


def _reads(which: str, result: ProbeResult, wanted: dict[str, Any]) -> Iterator[CheckItem]:
    """Report what init's env.py reads from the learner's Config."""
    kind = result if result.error else result.value.pop("type")
    what = f"{which}: env.py gets a Config that has a URL"
    yield expect_equal(what, kind, "Config", _where(str(kind)))
    if result.error or kind != "Config":
        return
    password, wanted = wanted["password"], {k: v for k, v in wanted.items() if k != "password"}
    got = result.value.pop("password")
    what, where = f"{which}: the password is the same", _about_password(got, password)
    yield expect_equal(what, repr(got), repr(password), where)
    if got == password:
        where = "the string that is written into the Config"
        yield expect_equal(f"{which}: the rest of the URL is the same", result.value, wanted, where)


def _about_password(got: str | None, password: str | None) -> str:
    """Return where to look if the Config has another password."""
    if password is None:
        return "make_config: a URL can be without a password: it's None then"
    if got is None:
        return "the URL needs its password"
    if got == "***":
        return "what str(url) masks"
    if got == password.strip():
        return "make_config: it removes spaces. They're part of the password"
    if unicodedata.normalize("NFC", got) == unicodedata.normalize("NFC", password):
        return "make_config: it changes the Unicode form: a different password that looks the same"
    return "what % means in an ini file, and how a password is written in a URL string"


def _where(got: str) -> str:
    """Return where to look if the Config has no URL."""
    return next(advice for part, advice in ADVICE if part in got)


def _read(names: dict[str, Any], address: str) -> dict[str, Any]:
    """Return what init's env.py would connect to with the learner's Config."""
    from alembic.config import Config
    from sqlalchemy import engine_from_config, make_url

    with empty_folder():
        config = names[BY_FUNCTION](make_url(address))
        if not isinstance(config, Config):
            return {"type": type(config).__name__}
        file = config.config_file_name
        if file is not None and not Path(file).exists():
            return {"type": "Config that names a missing file"}
        section = config.get_section(config.config_ini_section, {})
    if not section.get("sqlalchemy.url"):
        return {"type": "Config without sqlalchemy.url"}
    engine = engine_from_config(section, prefix="sqlalchemy.")
    found = {part: getattr(engine.url, part) for part in PARTS}
    return {"type": "Config", **found, "query": dict(engine.url.query)}


def _first_of_two(names: dict[str, Any], address: str, other: str) -> str | None:
    """Return the host in a Config after a second one was made."""
    from sqlalchemy import make_url

    with empty_folder():
        config = names[BY_FUNCTION](make_url(address))
        again = names[BY_FUNCTION](make_url(address))
        names[BY_FUNCTION](make_url(other))
        section = config.get_section(config.config_ini_section, {})
    host, first = make_url(section["sqlalchemy.url"]).host, make_url(address).host
    return "the same Config again" if host == first and config is again else host


def _traces(names: dict[str, Any], address: str) -> list[str]:
    """Return the files that a call writes, the variables it changes, and where it prints."""
    from sqlalchemy import make_url

    before, url, printed = set(os.environ.items()), make_url(address), StringIO()
    with empty_folder() as folder, _written_to(printed):
        names[BY_FUNCTION](url)
        files = sorted(path.name for path in Path(folder).iterdir())
    output = ["the output"] if str(url.password) in printed.getvalue() else []
    return files + sorted({name for name, _ in set(os.environ.items()) ^ before}) + output


@contextmanager
def _written_to(printed: StringIO) -> Iterator[None]:
    """Write what is printed or logged into a string, by a Config too."""
    from alembic.config import Config

    def print_stdout(_: Config, text: str, *values: object) -> None:
        print(text % values, file=printed)

    handler, root = logging.StreamHandler(printed), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)  # as in a program that logs everything
    try:
        # A Config has kept the stdout of the time when Alembic was imported.
        with (
            patch.object(Config, "print_stdout", print_stdout),
            redirect_stdout(printed),
            redirect_stderr(printed),
        ):
            yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
