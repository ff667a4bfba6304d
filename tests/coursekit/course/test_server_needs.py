"""What lessons need of an external server, and what the doctor says if it's missing."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest
from psycopg2.sql import SQL, Identifier

from coursekit.course import doctor, server_needs
from coursekit.servers.server import Server, admin
from support.pooler import pooler


@pytest.fixture
def role(server: Server) -> Iterator[Server]:
    """The server as seen by a role that may create databases, and log in."""
    name = f"role {secrets.token_hex(4)}"
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD 'x'").format(Identifier(name)))
        yield replace(server, url=server.url.set(username=name, password="x"))
        cursor.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def altered(server: Server, role: Server, change: str) -> list[server_needs.Shortcoming]:
    """What the role lacks after a change."""
    name = Identifier(str(role.url.username))
    with admin(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(SQL("ALTER ROLE {} {}").format(name, SQL(change)))
    return list(server_needs.shortcomings(role))


def test_an_ordinary_role_that_may_create_databases_lacks_nothing(role: Server) -> None:
    assert list(server_needs.shortcomings(role)) == []


def test_without_createdb_it_says_what_an_administrator_has_to_run(
    server: Server, role: Server
) -> None:
    (lacking,) = altered(server, role, "NOCREATEDB")
    assert lacking.fix == f'Let an administrator run: ALTER ROLE "{role.url.username}" CREATEDB;'


@pytest.mark.parametrize(("limit", "lacks"), [(5, True), (server_needs.CONNECTIONS + 5, False)])
def test_few_connections_are_reported(
    server: Server, role: Server, limit: int, lacks: bool
) -> None:
    found = [one.topic for one in altered(server, role, f"CONNECTION LIMIT {limit}")]
    assert found == (["connections"] if lacks else [])


@pytest.mark.parametrize("shares", [True, False])
def test_a_pooler_is_reported_if_it_shares_sessions(server: Server, shares: bool) -> None:
    with pooler(server.url, shares=shares) as url:
        found = [one.topic for one in server_needs.shortcomings(replace(server, url=url))]
    assert found == (["sessions"] if shares else [])


def test_the_doctor_shows_it_for_an_external_server(
    server: Server, role: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered(server, role, "NOCREATEDB")
    monkeypatch.setenv("TUTORIAL_POSTGRES", "external")
    monkeypatch.setenv("DATABASE_URL", role.url.render_as_string(hide_password=False))
    bad = [line.topic for line in doctor.examine() if not line.good]
    assert bad == ["right to create databases"]
