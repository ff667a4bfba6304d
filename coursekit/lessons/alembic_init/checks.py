"""The checks of this lesson."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import URL

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, NotStarted, ProbeResult, expect_equal, expect_that
from coursekit.exercises.literal_rows import insert_rows
from coursekit.exercises.submission import Submission

MEMBERS = "CREATE TABLE members (name varchar(50));"
INI = (
    "script_location in alembic.ini. init does not write over an alembic.ini that is "
    "there: delete it and the folders that init has made, and run init again."
)


def a_member(random: Random) -> str:
    """Return a statement that adds a member."""
    return insert_rows("members", [{"name": draws.name(random)}])


def folder(submission: Submission) -> Iterator[CheckItem]:
    """Check that Alembic's script directory is `migrations`."""
    inside = [path.name for path in submission.project.iterdir() if path.name != "__pycache__"]
    if not {name for name in inside if name != "db.py" and not name.startswith(".")}:
        raise NotStarted
    where = "%alembic init, and the word after it"
    there = sorted(name for name in submission.files if "/" not in name)
    good = "alembic.ini" in there
    yield expect_that(
        "alembic.ini is in the project", good, "alembic.ini beside db.py", there, where
    )
    wanted = [f"migrations/{name}" for name in ("env.py", "script.py.mako")]
    found = [name for name in wanted if submission.files.get(name, "").strip()]
    yield expect_equal("the folder migrations has what init writes", found, wanted, where)
    if found == wanted and good:
        message = draws.word(submission.random)
        result = submission.alembic(f"revision -m {message}")
        new = [
            name
            for name, text in submission.copied_files.items()
            if name.startswith("migrations/versions/") and message in text
        ]
        yield expect_that(
            "Alembic puts a new migration into migrations/versions",
            bool(new),
            "Generating migrations/versions/...",
            result,
            INI,
        )
    rows = submission.database.rows("members", "name")
    was = submission.initial_database.rows("members", "name")
    yield expect_equal("the members table is unchanged", rows, was, "the database; begin again")


MODELS = '''"""What the shop sells."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from db import Base


class Book(Base):
    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
'''
BOOKS = "CREATE TABLE books (id serial PRIMARY KEY, title varchar(200) NOT NULL)"
# What `init` of the installed Alembic writes.
TEMPLATE = Path(str(distribution("alembic").locate_file("alembic/templates/generic/env.py")))
LATER = """

import sqlalchemy
from db import Base as LaterBase

sqlalchemy.Table({name!r}, LaterBase.metadata, sqlalchemy.Column("id", sqlalchemy.Integer))
"""


def wired(submission: Submission) -> Iterator[CheckItem]:
    """Check that env.py connects to the project's database and compares its models."""
    env = submission.files.get("alembic/env.py", "")
    if not _is_started(env):
        raise NotStarted
    yield (secret := _no_password(submission, env))
    if not secret.good:
        return
    name = f"a_later_{draws.word(submission.random)}"
    submission.files["models.py"] = submission.files.get("models.py", "") + LATER.format(name=name)
    result = submission.alembic("check")
    ended = not result.error or "New upgrade operations" in result.error
    where = _where(result.error)
    yield expect_that("alembic check can compare", ended, "an answer, no error", result, where)
    if not ended:
        return
    yield from _compares(submission, result, name)
    there = submission.database.snapshot().objects
    tables = [name for kind, name in there if kind == "table" and name != "alembic_version"]
    yield expect_equal(
        "the tables are as they were", tables, ["books"], "the database; begin again"
    )


def _no_password(submission: Submission, env: str) -> CheckItem:
    """Report whether env.py is free of the database's password."""
    secret = f":{submission.lesson.url.password}@"
    address = submission.lesson.url.render_as_string(hide_password=False)
    return expect_that(
        "no password stands in env.py",
        secret not in env and address.partition("@")[0] not in env,
        "an address that is asked for",
        "the address, with its password",
        "get_url: in this lesson it calls project_url, as db.py does",
    )


def _compares(submission: Submission, result: ProbeResult, name: str) -> Iterator[CheckItem]:
    """Report whether `alembic check` compared the right database with the right models.

    Args:
        submission: Its scratch database is the one to compare.
        result: What `alembic check` printed, as an error.
        name: The table that the check added to the models.

    """
    has_version_table = submission.copied_database.has("alembic_version")
    where = "get_url: which database does it name?"
    yield expect_that(
        "it asks the database of its project",
        has_version_table,
        "a table alembic_version in it, which check makes",
        "there is none",
        where,
    )
    yield expect_that(
        "it knows the table books",
        "remove_table" not in result.error,
        "no difference for books",
        result,
        "target_metadata: which file must be imported so that its tables are in the list?",
    )
    yield expect_that(
        "it finds a table that the check has added to a copy of models.py",
        f"'add_table', Table('{name}'" in result.error,
        f"('add_table', Table('{name}', ...",
        result,
        "target_metadata: the list of the Base on which the models are built",
    )


def _is_started(env: str) -> bool:
    """Return whether env.py was changed: it isn't init's, and has no TODO left."""
    if not env.strip() or env == TEMPLATE.read_text(encoding="utf-8"):
        return False
    try:
        body = ast.parse(env).body
    except SyntaxError:
        return True
    todo = [node for node in body if ast.unparse(node) == "..."]
    names = ("get_url", "target_metadata")
    given = [node for node in body if ast.unparse(node).startswith((*names, f"def {names[0]}"))]
    return bool(given) or not todo


def _where(error: str) -> str:
    """Return where to look after an error of `alembic check`."""
    if "MetaData" in error or "has no attribute" in error:
        return "target_metadata: it must be the metadata of Base"
    if "dialects:driver" in error:
        return "get_url: this is the address in alembic.ini, a placeholder"
    if "Expected string or URL" in error:
        return "get_url: what does it return?"
    if "password authentication failed" in error:
        return "get_url: the text of a URL hides its password; hand the object on"
    return "env.py: run %alembic check in a new cell, and read what it says from the end"


PARTS = ("drivername", "username", "password", "host", "port", "database")


def _read(names: dict[str, Any], address: str) -> dict[str, Any]:
    """Return what init's env.py would connect to with the learner's Config."""
    from alembic.config import Config
    from sqlalchemy import engine_from_config, make_url

    config = names["make_config"](make_url(address))
    if not isinstance(config, Config):
        return {"type": type(config).__name__}
    section = config.get_section(config.config_ini_section, {})
    if not section.get("sqlalchemy.url"):
        return {"type": "Config without sqlalchemy.url"}
    engine = engine_from_config(section, prefix="sqlalchemy.")
    return {"type": "Config", **{part: getattr(engine.url, part) for part in PARTS}}


def config(submission: Submission) -> Iterator[CheckItem]:
    """Check that a Config returns the URL that was set."""
    random = submission.random
    token = draws.token(random)
    for which, password in (
        ("a plain password", draws.word(random, 4)),
        ("a password with % and @ in it", f"50%/{token}@:%(here)s %%"),
    ):
        host, port = f"{draws.word(random)}.example.com", random.randrange(5433, 6000)
        user, shop = draws.word(random), draws.word(random)
        values = ("postgresql+psycopg2", user, password, host, port, shop)
        wanted = dict(zip(PARTS, values, strict=True))
        address = URL.create(**wanted).render_as_string(hide_password=False)  # type: ignore[arg-type]
        result = submission.call(_read, address)
        kind = result if result.error else result.value.get("type")
        yield expect_equal(
            f"{which}: env.py gets a Config that has an address", kind, "Config", _spot(kind)
        )
        if result.error or kind != "Config":
            return
        got = result.value.pop("password")
        where = "what an ini file does with %, and how the text of a URL writes a password"
        where = "what str(url) hides" if got == "***" else where
        yield expect_equal(f"{which}: it arrives as it is", got, wanted.pop("password"), where)
        if got != password:
            return
        result.value.pop("type")
        where = "the text that is written into the Config"
        yield expect_equal(f"{which}: the rest of the address, too", result.value, wanted, where)


def _spot(kind: Any) -> str:
    """Return where to look if the Config has no URL."""
    if "interpolation" in str(kind):
        return "in an ini file, % begins a placeholder: write %% for a percent sign"
    if "without" in str(kind):
        return "config.set_main_option, and the name that env.py reads"
    return "what make_config returns, and what set_main_option takes: text"
