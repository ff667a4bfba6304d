"""The doctor reports what a statement has left on a role or a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import URL

from coursekit.course import doctor
from coursekit.course.session_defaults import remove_defaults
from coursekit.servers.server import Server, admin

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(own_server: Server) -> Server:
    """A server whose roles no other test uses."""
    return own_server


@pytest.fixture
def run_sql(server: Server) -> Iterator[Callable[[URL, str], None]]:
    """Run a statement in a database; at the end, take back what it has left on the role."""

    def run(url: URL, statement: str) -> None:
        with admin(url) as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    yield run
    with admin(server.url) as connection:
        remove_defaults(connection)


def left_over() -> list[doctor.Diagnosis]:
    """Return the lines about defaults that a statement has left."""
    return [found for found in doctor.doctor().lines if found.topic == "session defaults"]


@pytest.mark.samples(1)
@pytest.mark.parametrize("whose", ["ROLE CURRENT_USER", "ROLE ALL", "DATABASE {}"])
def test_defaults_that_a_submission_has_left_are_reported(
    server: Server, run_sql: Callable[[URL, str], None], whose: str
) -> None:
    assert left_over() == []
    run_sql(server.url, f"ALTER {whose.format(server.url.database)} SET search_path = evil")
    fix = "Start a lesson or begin an exercise; either removes these defaults."
    assert left_over() == [doctor.Diagnosis("session defaults", "search_path=evil", fix)]


@pytest.mark.samples(1)
@pytest.mark.parametrize("whose", ["ROLE CURRENT_USER IN DATABASE {}", "ROLE ALL", "DATABASE {}"])
def test_on_an_external_server_the_statement_is_reported_that_removes_them(
    external: URL, run_sql: Callable[[URL, str], None], whose: str
) -> None:
    owner = whose.format(f'"{external.database}"')
    run_sql(external, f"ALTER {owner} SET search_path = evil")
    (wrong,) = left_over()
    assert wrong.found == "search_path=evil"
    statement = f"ALTER {owner} RESET ALL;"
    assert wrong.fix == f"Unless an administrator set these defaults on purpose, run: {statement}"
    run_sql(external, wrong.fix.partition("run: ")[2])
    assert left_over() == []
