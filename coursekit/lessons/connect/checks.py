"""The checks of the exercises about URLs with any password, and about the server's own values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import index
from random import Random
from typing import Any
from urllib.parse import quote

from sqlalchemy import NullPool

from coursekit import limits
from coursekit.exercises import draws
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, expect_equal, expect_that
from coursekit.exercises.submission import Submission
from coursekit.lessons.connect.urls import (
    DELIMITER,
    DRIVERS,
    ESCAPED,
    PARTS_WHERE,
    PLACES,
    names_driver,
    no_url,
    parts_of,
    url_sent,
)
from tutorial_lib.db import make_engine

QUERY = "The URL may be wrong, and this one is. Query the server, through the engine you are given."
SCALAR = "This is a result, or a row of it. connection.scalar(...) returns the value itself."
SWAPPED = "the order of the values: the database comes first, then the user"


def _addresses(names: dict[str, Any], five: dict[str, Any], passwords: list[str]) -> Any:
    make = names["make_address"]
    return [url_sent(make(**five, password=password)) for password in passwords]


def any_password(submission: Submission) -> Iterator[CheckItem]:
    """Check that a URL keeps its parts, whatever the password contains."""
    random = submission.random
    five = {
        "user": f"{draws.word(random)}:{draws.word(random, 1)}",
        "host": f"{draws.word(random)}.example.com",
        "port": random.randrange(6000, 7000),
        "database": draws.word(random),
    }
    some = draws.token(random)
    kinds = {
        "letters and digits": draws.word(random, 4),
        "@, : and /": f"p@{some}:w/{draws.word(random)}@",
        "% and +": f"{random.randrange(10, 99)}%25+{some}",
        "#, ?, a space and é": f"é #{some}? x{draws.word(random, 1)}",
        "spaces around it": f" {some} ",
    }
    result = submission.call(_addresses, five, list(kinds.values()))
    read = [parts_of(sent) for sent in result.value or []]
    if result.error or not {"drivername", "unusable"} & set(read[0]) or _is_no_url(read):
        got, where = no_url(result, next(iter(read), {}))
        what = "make_address returns a database URL"
        yield expect_that(what, False, "a URL, or a string", got, where)
        return
    plain = read[0]
    if "unusable" not in plain:
        yield names_driver(plain)
    yield _in_places(plain, five)
    for place, (kind, password) in enumerate(kinds.items()):
        item = _unchanged(kind, password, read[place], plain)
        if read[place].get("password") in [*kinds.values()][:place]:
            item = replace(item, where="This is the password of an earlier call.")
        yield item


def _is_no_url(read: list[dict[str, Any]]) -> bool:
    """Return whether no password results in a URL: the string has another format."""
    return all("unusable" in parts for parts in read)


def _in_places(parts: dict[str, Any], five: dict[str, Any]) -> CheckItem:
    """Report whether the parts other than the password are what the function was given."""
    got = parts.get("unusable") or " ".join(f"{part}={parts.get(part)}" for part in PLACES)
    wanted = " ".join(f"{part}={value}" for part, value in zip(PLACES, five.values(), strict=True))
    where = PARTS_WHERE
    if parts.get("username") == five["user"].partition(":")[0]:
        where = "The : of the user name was taken for a delimiter."
    if parts.get("username") == quote(five["user"]):
        where = ESCAPED.format("user name")
    return expect_equal("the other four values arrive unchanged", got, wanted, where)


def _unchanged(kind: str, password: str, parts: dict[str, Any], plain: dict[str, Any]) -> CheckItem:
    """Report whether a password arrives; `plain` is the URL with a password of letters."""
    got = parts.get("unusable") or repr(parts.get("password"))
    moved = parts.get("host") != plain.get("host")
    if moved and "host" in parts:
        got += f", and the host {parts.get('host')!r}"
    where = "The function changes the password. Pass it on as it is."
    if moved or "unusable" in parts:
        where = DELIMITER
    if parts.get("password") in (quote(password), quote(password, safe="")):
        where = ESCAPED.format("password")
    if "unusable" not in parts and parts.get("password") is None:
        where = "The URL has no password: it belongs between the user name and the host."
    if parts.get("password") == "***":
        where = "str(url) replaces the password with ***. Return the URL object."
    if parts.get("password") == password.strip():
        where = "The function removes spaces. They're part of the password."
    return expect_equal(f"a password with {kind} arrives unchanged", got, repr(password), where)


def _who(
    names: dict[str, Any], engine: Any, user: str, versions: tuple[int, int]
) -> dict[str, Any]:
    """Call `who_answered` with an engine whose URL is wrong in each part but still connects."""
    import psycopg2
    from psycopg2.sql import SQL, Identifier
    from sqlalchemy import URL, create_engine, event

    from coursekit.lessons.connect.disguised import classes

    options = f"{limits.statement_options()} -c default_transaction_read_only=on"
    real = {**engine.dialect.create_connect_args(engine.url)[1], "options": options}
    lie = URL.create(DRIVERS[0], "nobody", "secret", "127.0.0.1", 1, "nowhere")
    misdirected = create_engine(lie, pool_size=1, max_overflow=0, pool_timeout=1)
    taken: list[Any] = []  # kept, so the garbage collector can't return them to the pool
    returned: list[Any] = []

    def redirect(_dialect: Any, _record: Any, _args: Any, _parameters: Any) -> Any:
        made = psycopg2.connect(**real, **classes(*versions))
        with made.cursor() as own:
            own.execute(SQL("SET SESSION AUTHORIZATION {}").format(Identifier(user)))
        made.commit()
        return made

    event.listen(misdirected, "do_connect", redirect)
    event.listen(misdirected, "checkout", lambda _connection, _record, fairy: taken.append(fairy))
    event.listen(misdirected, "checkin", lambda connection, _record: returned.append(connection))
    try:
        said = names["who_answered"](misdirected)
        kept = len(taken) - len(returned)
    finally:
        for fairy in taken:
            fairy.close()
        misdirected.dispose()
    three = isinstance(said, Sequence) and not isinstance(said, str) and len(said) == 3
    plain = [_plain(one) for one in said] if three else repr(said)
    return {"said": plain, "three": three, "kept": kept}


def _plain(value: Any) -> Any:
    """Return a value as plain data; an integer of NumPy is one, too."""
    if isinstance(value, str | bool | float):
        return value
    return index(value) if hasattr(value, "__index__") else repr(value)


def who_answered(submission: Submission) -> Iterator[CheckItem]:
    """Check that the values come from the server, not the URL, and the connection is returned."""
    # The learner can't know this database's name.
    database = submission.new_database(draws.token(submission.random))
    engine = make_engine(database.url, poolclass=NullPool)
    wanted = _drawn_answer(database, submission.random)
    real = _major(database)
    result = submission.call(_who, engine, wanted["user"], (real, wanted["version"]))
    if result.error or not result.value["three"]:
        got = result if result.error else result.value["said"]
        where = "The last line of the function: return database, user, version."
        if result.error:
            where = "Try it with exercise.engine. The last line of the error says what's wrong."
        if result.error.startswith("TimeoutError"):
            where = "A second connection was checked out, and the first one wasn't returned."
        if result.error.startswith("OperationalError"):
            where = "Its URL is wrong on purpose. Use the engine that is passed to the function."
        yield expect_that(
            "who_answered returns three values", False, "(database, user, 18)", got, where
        )
        return
    name, user, version = result.value["said"]
    swapped = (name, user) == (wanted["user"], wanted["database"])
    for what, got in (("database", name), ("user", user)):
        where = SCALAR if str(got).startswith(("<", "(", "[")) else QUERY
        where = SWAPPED if swapped else where
        yield expect_equal(f"the {what} is what the server reports", got, wanted[what], where)
    where = "An integer: the digits before the point of SHOW server_version, with int()."
    if str(version).isdecimal() and int(version) == real:
        where = (
            "Your own server has this version, and the one behind this engine has another. Query "
            "it through the engine, with SHOW server_version_num."
        )
    what = "the version is the server's major version, an integer"
    got = version if type(version) is int else f"{version!r}, a {type(version).__name__}"
    yield expect_equal(what, got, wanted["version"], where)
    where = "Use a `with` block: at its end, it returns the connection to the pool."
    kept = f"{result.value['kept']} checked out"
    yield expect_equal("the connection is returned to the pool", kept, "0 checked out", where)


def _one(database: Database, setting: str) -> str:
    ((value,),) = database.query("SELECT pg_catalog.current_setting(:name)", name=setting)
    return str(value)


def _major(database: Database) -> int:
    return int(_one(database, "server_version_num")) // 10000


def _drawn_answer(database: Database, random: Random) -> dict[str, Any]:
    """Return what the server is to report: any role, if we may choose, and another version."""
    ((name, user),) = database.query("SELECT pg_catalog.current_database(), SESSION_USER")
    if _one(database, "is_superuser") == "on":
        roles = database.query("SELECT rolname FROM pg_catalog.pg_roles")
        user = random.choice(sorted(role for (role,) in roles if role.startswith("pg_")))
    version = random.randrange(30, 100)  # no release that a learner could have
    return {"database": name, "user": user, "version": version}
