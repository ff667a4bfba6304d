"""An external server: used as DATABASE_* names it, and never replaced by another one."""

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
from coursekit.servers.server import Server, admin, require_supported
from tutorial_lib.config import PARTS
from tutorial_lib.errors import Problem, SettingsError

CANARY = "canary-in-the-mine"
REFUSED = (
    "Can't connect to {netloc}, the server of DATABASE_*. {why} "
    "Correct DATABASE_*, or unset it: then the kit starts its own server."
)
DRIVER = "The driver reports: "
STRANGE = "p@ss:w/o%20r#d?&ü\"'\\ "


@pytest.fixture
def external(server: Server, monkeypatch: pytest.MonkeyPatch) -> URL:
    """This run's server, set as the external one; nothing is written into its databases."""
    monkeypatch.setenv("DATABASE_URL", server.url.render_as_string(hide_password=False))
    monkeypatch.setenv("TUTORIAL_POSTGRES", "external")
    return server.url


@pytest.fixture
def name_it(external: URL, monkeypatch: pytest.MonkeyPatch) -> Callable[[URL], None]:
    """Set DATABASE_URL."""
    return lambda url: monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))


@pytest.fixture
def role(server: Server) -> Iterator[tuple[str, str]]:
    """A role whose name and password are full of a URL's special characters."""
    name = f"{STRANGE}{secrets.token_hex(4)}"
    with admin(server.url) as connection, connection.cursor() as cursor:
        make = SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        cursor.execute(make.format(Identifier(name), Literal(STRANGE)))
        yield name, STRANGE
        cursor.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def failure() -> str:
    """Return the message for a server that can't be used; it never shows the password."""
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


def test_uses_the_named_server(external: URL, server: Server) -> None:
    assert servers.find() == Server(external, "external", server.version, "DATABASE_* names it.")


def test_a_url_alone_is_enough(external: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUTORIAL_POSTGRES")
    assert servers.find().origin == "external"


def test_a_role_full_of_special_characters_logs_in_by_parts(
    external: URL, role: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL")
    for name, value in zip(
        PARTS, (external.host, external.port, *role, external.database), strict=True
    ):
        monkeypatch.setenv(name, str(value))
    assert user_of(servers.find()) == role[0]


@pytest.mark.parametrize("scheme", ["postgresql+psycopg2", "postgresql", "postgres"])
def test_a_role_full_of_special_characters_logs_in_by_a_url(
    external: URL, role: tuple[str, str], monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    name, password = (quote(text, safe="") for text in role)
    url = f"{scheme}://{name}:{password}@{external.host}:{external.port}/{external.database}"
    monkeypatch.setenv("DATABASE_URL", url)
    assert user_of(servers.find()) == role[0]


def user_of(server: Server) -> str:
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


def test_reports_that_no_url_is_set(external: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(SettingsError) as caught:
        servers.find()
    assert str(caught.value) == (
        "TUTORIAL_POSTGRES is 'external', but no DATABASE_* is set. It means the server that "
        "DATABASE_* names. Set DATABASE_URL, or unset TUTORIAL_POSTGRES to use the kit's own "
        "server."
    )


# Failures

WRONG = {
    "the password": (
        {"password": CANARY},
        "It doesn't accept this user name and password.",
        'FATAL: password authentication failed for user "{user}".',
    ),
    "the user": (
        {"username": "nobody", "password": CANARY},
        "It doesn't accept this user name and password.",
        'FATAL: password authentication failed for user "nobody".',
    ),
    "no password": (
        {"password": ""},
        "It requires a password, and none is set.",
        "fe_sendauth: no password supplied.",
    ),
    "the database": (
        {"database": "none_such"},
        "It has no such database or user.",
        'FATAL: database "none_such" does not exist.',
    ),
    "SSL": (
        {"query": {"sslmode": "require"}},
        "It doesn't support SSL, which the URL requires.",
        "server does not support SSL, but SSL was required.",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_reports_why_the_server_refuses(
    external: URL, name_it: Callable[[URL], None], what: str
) -> None:
    changes, meaning, refusal = WRONG[what]
    refusal = refusal.format(user=external.username)
    name_it(external.set(**changes))
    said = (
        f'{DRIVER}connection to server at "{external.host}", port {external.port} failed: {refusal}'
    )
    assert failure() == REFUSED.format(
        netloc=f"{external.host}:{external.port}", why=f"{meaning} {said}"
    )


def test_reports_an_unknown_host(external: URL, name_it: Callable[[URL], None]) -> None:
    name_it(external.set(host="nowhere.invalid", password=CANARY))
    before, _, after = failure().partition('could not translate host name "nowhere.invalid"')
    netloc = f"nowhere.invalid:{external.port}"
    what, do = REFUSED.format(netloc=netloc, why="|").split("|")
    assert before == f"{what}No such host exists. {DRIVER}"
    assert after.endswith(f".{do}")


def test_reports_a_port_without_a_server(external: URL, name_it: Callable[[URL], None]) -> None:
    name_it(external.set(port=free_port(), password=CANARY))
    message = failure()
    assert "the server of DATABASE_*. No server is listening on that port. The driver" in message
    assert message.endswith(
        "Is the server running on that host and accepting TCP/IP connections? "
        "Correct DATABASE_*, or unset it: then the kit starts its own server."
    )


def test_reports_a_server_that_does_not_respond(
    external: URL, name_it: Callable[[URL], None]
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        query = {"connect_timeout": "2"}  # the shortest that libpq takes
        name_it(external.set(host="127.0.0.1", port=port, password=CANARY, query=query))
        message = failure()
    meaning = "It doesn't respond; a firewall may be blocking the connection."
    said = f'{DRIVER}connection to server at "127.0.0.1", port {port} failed: timeout expired.'
    assert message == REFUSED.format(netloc=f"127.0.0.1:{port}", why=f"{meaning} {said}")


def test_the_urls_connect_timeout_wins(external: URL) -> None:
    with admin(external.update_query_dict({"connect_timeout": "7"})) as connection:
        assert connection.info.dsn_parameters["connect_timeout"] == "7"


def test_reports_an_option_that_the_driver_does_not_know(
    external: URL, name_it: Callable[[URL], None]
) -> None:
    name_it(external.set(query={"nonsense": "1"}, password=CANARY))
    said = f'{DRIVER}invalid dsn: invalid connection option "nonsense".'
    assert failure() == REFUSED.format(netloc=f"{external.host}:{external.port}", why=said)


def test_is_never_replaced_by_another_server(
    external: URL, name_it: Callable[[URL], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TUTORIAL_POSTGRES")
    monkeypatch.setenv("TUTORIAL_SERVER_HOME", str(tmp_path / "server"))
    name_it(external.set(port=free_port(), password=CANARY))
    assert failure().startswith("Can't connect to ")
    assert not (tmp_path / "server").exists()


def test_the_kit_does_not_stop_it(external: URL) -> None:
    with pytest.raises(ServerError) as caught:
        servers.stop()
    assert str(caught.value) == (
        "DATABASE_* names an external server. The kit stops only what it started. "
        "Stop it with its own tools."
    )
    assert servers.running() is not None


# Its version


@pytest.mark.parametrize("version", [150000, 150014, 180006])
def test_a_supported_version_is_returned(version: int) -> None:
    assert require_supported(version, "db.example:5432") == version


@pytest.mark.parametrize(("version", "major"), [(140019, 14), (90624, 9)])
def test_an_older_version_is_refused(version: int, major: int) -> None:
    with pytest.raises(ServerError) as caught:
        require_supported(version, "db.example:5432")
    assert str(caught.value) == (
        f"The server at db.example:5432 is PostgreSQL {major}. The course needs 15 or later. "
        "Use a newer server, or unset DATABASE_*: then the kit starts its own."
    )
