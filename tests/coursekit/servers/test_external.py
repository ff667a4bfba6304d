"""A server of one's own: used as it was named, and never replaced by another one."""

from __future__ import annotations

import os
import secrets
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg2.sql import SQL, Identifier, Literal
from sqlalchemy import URL, make_url

from coursekit import servers
from coursekit.errors import ServerError
from coursekit.servers.ports import free_port
from coursekit.servers.server import Server, admin, supported
from tutorial_lib.config import PARTS
from tutorial_lib.errors import Problem, SettingsError

CANARY = "canary-in-the-mine"
REFUSED = (
    "The server of DATABASE_*, {place}, does not let the kit in. {why} "
    "Correct DATABASE_*; or take it out, and the kit starts a server of its own."
)
DRIVER = "PostgreSQL's driver says: "
STRANGE = "p@ss:w/o%20r#d?&ü\"'\\ "


@pytest.fixture
def own(server: Server, monkeypatch: pytest.MonkeyPatch) -> URL:
    """The server of this run, named as one's own; nothing is written into its databases."""
    monkeypatch.setenv("DATABASE_URL", server.url.render_as_string(hide_password=False))
    monkeypatch.setenv("TUTORIAL_POSTGRES", "external")
    return server.url


@pytest.fixture
def name_it(own: URL, monkeypatch: pytest.MonkeyPatch) -> Callable[[URL], None]:
    """Name a server in DATABASE_URL."""
    return lambda url: monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))


@pytest.fixture
def role(server: Server) -> Iterator[tuple[str, str]]:
    """A role whose name and password are full of what means something in an address."""
    name = f"{STRANGE}{secrets.token_hex(4)}"
    with admin(server.url) as connection, connection.cursor() as cursor:
        make = SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        cursor.execute(make.format(Identifier(name), Literal(STRANGE)))
        yield name, STRANGE
        cursor.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def failure() -> str:
    """What is said when the server that was named cannot be used; never the password."""
    with pytest.raises(Problem) as caught:
        servers.find()
    error: BaseException | None = caught.value
    assert error.__cause__ is None
    shown = "".join(traceback.format_exception(caught.value))
    while error:
        shown += f"{error!r} {error}"
        error = error.__context__
    assert (make_url(os.environ["DATABASE_URL"]).password or CANARY) not in shown
    return str(caught.value)


def test_uses_the_server_that_is_named(own: URL, server: Server) -> None:
    assert servers.find() == Server(own, "external", server.version, "DATABASE_* names it.")


def test_a_name_alone_is_enough(own: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUTORIAL_POSTGRES")
    assert servers.find().origin == "external"


def test_a_role_full_of_special_characters_logs_in_by_parts(
    own: URL, role: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL")
    for name, value in zip(PARTS, (own.host, own.port, *role, own.database), strict=True):
        monkeypatch.setenv(name, str(value))
    assert user_of(servers.find()) == role[0]


@pytest.mark.parametrize("scheme", ["postgresql+psycopg2", "postgresql", "postgres"])
def test_a_role_full_of_special_characters_logs_in_by_a_url(
    own: URL, role: tuple[str, str], monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    name, password = (quote(text, safe="") for text in role)
    url = f"{scheme}://{name}:{password}@{own.host}:{own.port}/{own.database}"
    monkeypatch.setenv("DATABASE_URL", url)
    assert user_of(servers.find()) == role[0]


def user_of(server: Server) -> str:
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


def test_says_that_nothing_is_named(own: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(SettingsError) as caught:
        servers.find()
    assert str(caught.value) == (
        "TUTORIAL_POSTGRES is 'external', but no DATABASE_* is set. So there is no server to use. "
        "Set DATABASE_URL, or leave TUTORIAL_POSTGRES out to use the kit's own server."
    )


# What is named and fails

WRONG = {
    "the password": (
        {"password": CANARY},
        "It does not accept this user and password.",
        'FATAL: password authentication failed for user "{user}".',
    ),
    "the user": (
        {"username": "nobody", "password": CANARY},
        "It does not accept this user and password.",
        'FATAL: password authentication failed for user "nobody".',
    ),
    "no password": (
        {"password": ""},
        "It wants a password, and none is set.",
        "fe_sendauth: no password supplied.",
    ),
    "the database": (
        {"database": "none_such"},
        "It has no such database or user.",
        'FATAL: database "none_such" does not exist.',
    ),
    "SSL": (
        {"query": {"sslmode": "require"}},
        "It does not speak SSL, which the address demands.",
        "server does not support SSL, but SSL was required.",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_says_what_the_server_refuses(own: URL, name_it: Callable[[URL], None], what: str) -> None:
    changes, meaning, refusal = WRONG[what]
    refusal = refusal.format(user=own.username)
    name_it(own.set(**changes))
    said = f'{DRIVER}connection to server at "{own.host}", port {own.port} failed: {refusal}'
    assert failure() == REFUSED.format(place=f"{own.host}:{own.port}", why=f"{meaning} {said}")


def test_says_that_there_is_no_such_host(own: URL, name_it: Callable[[URL], None]) -> None:
    name_it(own.set(host="nowhere.invalid", password=CANARY))
    before, _, after = failure().partition('could not translate host name "nowhere.invalid"')
    place = f"nowhere.invalid:{own.port}"
    what, do = REFUSED.format(place=place, why="|").split("|")
    assert before == f"{what}There is no such host. {DRIVER}"
    assert after.endswith(f".{do}")


def test_says_that_nobody_listens(own: URL, name_it: Callable[[URL], None]) -> None:
    name_it(own.set(port=free_port(), password=CANARY))
    message = failure()
    assert "does not let the kit in. Nobody listens on that port. PostgreSQL's" in message
    assert message.endswith(
        "Is the server running on that host and accepting TCP/IP connections? "
        "Correct DATABASE_*; or take it out, and the kit starts a server of its own."
    )


def test_says_that_it_does_not_answer(own: URL, name_it: Callable[[URL], None]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        query = {"connect_timeout": "2"}  # the shortest that libpq takes
        name_it(own.set(host="127.0.0.1", port=port, password=CANARY, query=query))
        message = failure()
    meaning = "It does not answer; a firewall may stand between."
    said = f'{DRIVER}connection to server at "127.0.0.1", port {port} failed: timeout expired.'
    assert message == REFUSED.format(place=f"127.0.0.1:{port}", why=f"{meaning} {said}")


def test_waits_as_long_as_the_address_asks_for(own: URL) -> None:
    with admin(own.update_query_dict({"connect_timeout": "7"})) as connection:
        assert connection.info.dsn_parameters["connect_timeout"] == "7"


def test_says_what_the_driver_does_not_know(own: URL, name_it: Callable[[URL], None]) -> None:
    name_it(own.set(query={"nonsense": "1"}, password=CANARY))
    said = f'{DRIVER}invalid dsn: invalid connection option "nonsense".'
    assert failure() == REFUSED.format(place=f"{own.host}:{own.port}", why=said)


def test_is_never_replaced_by_another_server(
    own: URL, name_it: Callable[[URL], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TUTORIAL_POSTGRES")
    monkeypatch.setenv("TUTORIAL_SERVER_HOME", str(tmp_path / "server"))
    name_it(own.set(port=free_port(), password=CANARY))
    assert failure().startswith("The server of DATABASE_*, ")
    assert not (tmp_path / "server").exists()


def test_the_kit_does_not_stop_it(own: URL) -> None:
    with pytest.raises(ServerError) as caught:
        servers.stop()
    assert str(caught.value) == (
        "The server of DATABASE_* is not the kit's. The kit stops only what it started. "
        "Stop it with its own tools."
    )
    assert servers.running() is not None


# Its version


@pytest.mark.parametrize("version", [150000, 150014, 180006])
def test_a_version_of_the_course_is_given_back(version: int) -> None:
    assert supported(version, "db.example:5432") == version


@pytest.mark.parametrize(("version", "major"), [(140019, 14), (90624, 9)])
def test_an_older_version_is_refused(version: int, major: int) -> None:
    with pytest.raises(ServerError) as caught:
        supported(version, "db.example:5432")
    assert str(caught.value) == (
        f"The server at db.example:5432 is PostgreSQL {major}. The course needs 15 or later. "
        "Use a newer server, or none: without DATABASE_* the kit starts its own."
    )
