"""The checks of this lesson."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any
from urllib.parse import quote

from sqlalchemy import NullPool

from coursekit import limits
from coursekit.exercises import draws
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, expect_equal, expect_that
from coursekit.exercises.submission import Submission
from tutorial_lib.db import make_engine

DRIVER = "postgresql+psycopg2"
PLACES = ("username", "host", "port", "database")
PARTS_WHERE = "Is each value handed on, and to the part that it belongs to?"
ASK = "The URL may be wrong, and this one is. Ask the server through the engine you are given."
TAKE_OUT = "This is a result, or a row of it. connection.scalar(...) gives the value itself."


def _text_of(address: Any) -> dict[str, str]:
    """Return the text of a URL: what a notebook sends, so that the check reads its parts."""
    from sqlalchemy import URL

    if isinstance(address, URL):
        address = address.render_as_string(hide_password=False)
    known = isinstance(address, str)
    return {"text": str(address)} if known else {"returned": type(address).__name__}


def _parts_of(sent: dict[str, str]) -> dict[str, Any]:
    """Return the parts SQLAlchemy reads from a URL's text, or why it can't."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    if "text" not in sent:  # trust no other key: a notebook may send any
        return {"returned": str(sent.get("returned"))}
    try:
        url = make_url(sent["text"])
    except (ArgumentError, ValueError) as error:
        return {"unusable": f"an address that cannot be read: {error}"}
    return {part: getattr(url, part) for part in ("drivername", "password", *PLACES)}


def _addresses(names: dict[str, Any], five: dict[str, Any], passwords: list[str]) -> Any:
    make = names["make_address"]
    return [_text_of(make(**five, password=password)) for password in passwords]


def any_password(submission: Submission) -> Iterator[CheckItem]:
    """Check that a URL keeps its parts, whatever the password contains."""
    random = submission.random
    five = {
        "user": draws.word(random),
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
    read = [_parts_of(sent) for sent in result.value or []]
    if result.error or "returned" in read[0]:
        got = result if result.error else f"a value of type {read[0]['returned']}"
        where = "The function must return the URL, or its text, for each password."
        yield expect_that("make_address returns an address", False, "a URL, or a text", got, where)
        return
    plain = read[0]
    where = "URL.create in this lesson: its first value names the driver."
    yield expect_equal("the driver is psycopg2", plain.get("drivername"), DRIVER, where)
    got = " ".join(f"{part}={plain.get(part)}" for part in PLACES)
    wanted = " ".join(f"{part}={value}" for part, value in zip(PLACES, five.values(), strict=True))
    yield expect_equal("the other four parts are in their places", got, wanted, PARTS_WHERE)
    for (kind, password), parts in zip(kinds.items(), read, strict=True):
        got = parts.get("unusable") or repr(parts.get("password"))
        if parts.get("host") != plain.get("host"):
            got += f", and the host {parts.get('host')!r}"
        where = "Which function takes each part by itself, so that no character is special?"
        if parts.get("password") in (quote(password), quote(password, safe="")):
            where = "The password is still escaped: URL.create needs no escaping."
        if parts.get("password") == "***":
            where = "The stars are for people: str(url) has lost the password. Return the URL."
        what = f"a password with {kind} stays as it is"
        yield expect_equal(what, got, repr(password), where)


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
    lie = URL.create(DRIVER, "nobody", "secret", "127.0.0.1", 1, "nowhere")
    misdirected = create_engine(lie, pool_size=1, max_overflow=0, pool_timeout=1)
    taken: list[Any] = []  # kept, so the garbage collector can't return them to the pool
    given_back: list[Any] = []

    def redirect(_dialect: Any, _record: Any, _args: Any, _parameters: Any) -> Any:
        made = psycopg2.connect(**real, **classes(*versions))
        with made.cursor() as own:
            own.execute(SQL("SET SESSION AUTHORIZATION {}").format(Identifier(user)))
        made.commit()
        return made

    event.listen(misdirected, "do_connect", redirect)
    event.listen(misdirected, "checkout", lambda _connection, _record, fairy: taken.append(fairy))
    event.listen(misdirected, "checkin", lambda connection, _record: given_back.append(connection))
    try:
        said = names["who_answered"](misdirected)
        kept = len(taken) - len(given_back)
    finally:
        for fairy in taken:
            fairy.close()
        misdirected.dispose()
    three = isinstance(said, Sequence) and len(said) == 3
    plain = (
        [one if isinstance(one, str | int | float) else repr(one) for one in said] if three else []
    )
    return {"said": plain if three else repr(said), "three": three, "kept": kept}


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
            where = "Try it with exercise.engine, and read its error from the end."
        if result.error.startswith("TimeoutError"):
            where = "A second connection was asked for, and the first was not given back."
        if result.error.startswith("OperationalError"):
            where = "Its URL is wrong on purpose. Use the engine that the function gets."
        yield expect_that(
            "who_answered returns three values", False, "(database, user, 18)", got, where
        )
        return
    name, user, version = result.value["said"]
    for what, got in (("database", name), ("user", user)):
        where = TAKE_OUT if str(got).startswith(("<", "(", "[")) else ASK
        yield expect_equal(f"the {what} is the server's own answer", got, wanted[what], where)
    where = "A whole number: the digits before the point of SHOW server_version, with int()."
    yield expect_equal(
        "the version is the major version, an int", version, wanted["version"], where
    )
    where = "Take the connection in a `with` block: it gives the connection back at its end."
    kept = f"{result.value['kept']} in use"
    yield expect_equal("the connection is back in the pool", kept, "0 in use", where)


def _one(database: Database, setting: str) -> str:
    ((value,),) = database.query("SELECT pg_catalog.current_setting(:name)", name=setting)
    return str(value)


def _major(database: Database) -> int:
    return int(_one(database, "server_version_num")) // 10000


def _drawn_answer(database: Database, random: Random) -> dict[str, Any]:
    """Return what the server is to answer: any role, if we may choose, and another version."""
    ((name, user),) = database.query("SELECT pg_catalog.current_database(), SESSION_USER")
    if _one(database, "is_superuser") == "on":
        roles = database.query("SELECT rolname FROM pg_catalog.pg_roles")
        user = random.choice(sorted(role for (role,) in roles if role.startswith("pg_")))
    real = _major(database)
    version = random.choice([each for each in range(15, 25) if each != real])
    return {"database": name, "user": user, "version": version}


SETTINGS = {
    "DATABASE_USERNAME": "username",
    "DATABASE_PASSWORD": "password",
    "DATABASE_HOST": "host",
    "DATABASE_PORT": "port",
    "DATABASE_NAME": "database",
}


def _from_complete(names: dict[str, Any], settings: dict[str, str]) -> Any:
    return _text_of(names["address_from"](dict(settings)))


def _from_broken(names: dict[str, Any], settings: dict[str, str]) -> Any:
    """Return the errors when each setting in turn is missing or empty; '' for no error."""
    said: dict[str, list[str]] = {"missing": [], "empty": []}
    for name in SETTINGS:
        without = {key: value for key, value in settings.items() if key != name}
        for kind, broken in (("missing", without), ("empty", {**settings, name: ""})):
            try:
                names["address_from"](broken)
            except Exception as error:  # any kind of error is fine
                said[kind].append(f"{type(error).__name__}: {error}")
            else:
                said[kind].append("")
    return said


def from_settings(submission: Submission) -> Iterator[CheckItem]:
    """Check that the error names a missing setting, but never shows the password."""
    random = submission.random
    user, host, shop = (draws.word(random) for _ in range(3))
    secret = f" p@s%20s{draws.token(random)} "
    values = (user, secret, f"{host}.example.com", str(random.randrange(6000, 7000)), shop)
    settings = {**dict(zip(SETTINGS, values, strict=True)), "LANG": "C"}
    result = submission.call(_from_complete, settings)
    wanted: dict[str, Any] = {
        "drivername": DRIVER,
        **dict(zip(SETTINGS.values(), values, strict=True)),
    }
    wanted["port"] = int(values[3])
    what = "from five settings comes the address that they name"
    read = _parts_of(result.value or {})
    if result.error or "drivername" not in read:
        got = result if result.error else next(iter(read.values()))
        where = "Read from the argument `settings` only, and return the URL."
        yield expect_that(what, False, "a URL", got, where)
        return
    wrong = [part for part, value in wanted.items() if read[part] != value]
    where = (
        "URL.create keeps each value as it is. In its text, or an f-string, a password can change."
    )
    got = ", ".join(f"{part} {read[part]!r}" for part in wrong)
    should = ", ".join(f"{part} {wanted[part]!r}" for part in wrong)
    yield expect_that(what, not wrong, should, got, where)
    result = submission.call(_from_broken, settings)
    if result.error:
        yield expect_that("a missing setting is refused", False, "an error", result, "address_from")
        return
    for kind, said in result.value.items():
        yield _refused(kind, said)
    shown = [text for said in result.value.values() for text in said if values[1] in text]
    what = "no error shows the password"
    where = "Name the setting in the message. Do not print the settings, nor the URL's text."
    yield expect_that(what, not shown, "no password", next(iter(shown), ""), where)


def _refused(kind: str, said: list[str]) -> CheckItem:
    """Report whether each setting's error names that setting and no other."""
    unnamed = [
        (name, text)
        for name, text in zip(SETTINGS, said, strict=True)
        if name not in text or said.count(text) > 1
    ]
    name, text = unnamed[0] if unnamed else ("", "")
    if said.count(text) > 1 and name in text:
        text += f" (the same for {said.count(text)} settings)"
    where = f"What does the function do when {name} is {kind}? Raise an error with its name."
    if kind == "empty" and not text:
        where = f"An empty {name} is no value either: '' is there, and still tells nothing."
    what = f"when a setting is {kind}, an error says which"
    return expect_that(what, not unnamed, f"an error that names {name}", text or "no error", where)
