"""Reads work over every kind of connection, and as a role with read access only."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from psycopg2.sql import SQL, Identifier, Literal
from sqlalchemy import URL, Engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from coursekit.servers import configuration
from coursekit.servers.embedded import EmbeddedServer
from coursekit.servers.server import admin
from support import drivers
from support.assert_frames import assert_same
from tutorial_lib import frames
from tutorial_lib.db import make_engine

STRANGE = "p@ss:w/o%20r#d?&ü\"'\\ "
QUERY = """
SELECT n, n / 8.0 AS part, 'word ' || n AS word, now() AS at, '{"a": 1}'::jsonb AS document,
    nullif(n, 2) AS m, ARRAY['x', NULL] AS list FROM generate_series(1, 2000) AS n"""


def assert_reads(url: URL) -> None:
    """Assert that it reads what pandas reads, at once, in chunks and in a transaction."""
    engine = make_engine(url)
    with engine.connect() as connection:
        expected = pd.read_sql(text(QUERY), connection)
        assert_same(frames.read(QUERY, connection), expected)
    chunks = list(frames.read(QUERY, engine, chunks=700))
    assert [len(chunk) for chunk in chunks] == [700, 700, 600]
    next(iter(frames.read(QUERY, engine, chunks=7)))
    assert len(frames.read(QUERY, engine, dtype_backend="pyarrow")) == 2000
    engine.dispose()


driver = drivers.each_driver


@pytest.fixture
def reader(shared: Engine) -> Iterator[URL]:
    """A role with a strange name and password, and read access to some tables only."""
    name = f"{STRANGE}{secrets.token_hex(4)}"
    role = Identifier(name)
    with admin(shared.url) as connection, connection.cursor() as cursor:
        for statement in (
            "CREATE ROLE {} LOGIN PASSWORD {}",
            "CREATE TABLE open AS SELECT n, n % 2 AS own FROM generate_series(1, 4) AS n",
            "CREATE TABLE closed AS SELECT 1 AS n",
            "GRANT SELECT ON open TO {}",
            "ALTER TABLE open ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY mine ON open TO {} USING (own = 1)",
        ):
            cursor.execute(SQL(statement).format(role, Literal(STRANGE)))
        yield shared.url.set(username=name, password=STRANGE)
        cursor.execute(SQL("DROP TABLE open, closed; DROP ROLE {}").format(role))


def test_a_role_that_may_only_read_reads_what_it_may(reader: URL) -> None:
    engine = make_engine(reader)
    assert frames.read("open", engine)["n"].tolist() == [1, 3]  # its rows, and no others
    with pytest.raises(ProgrammingError, match="permission denied for table closed"):
        frames.read("closed", engine)
    engine.dispose()
    assert_reads(reader)


@pytest.mark.parametrize(
    "query",
    [
        {"options": "-c search_path=pg_catalog -c timezone=Asia/Kolkata"},
        {"sslmode": "prefer"},
        {"sslmode": "disable", "application_name": "frames", "connect_timeout": "9"},
    ],
)
def test_the_query_part_of_a_url_is_used(shared: Engine, query: dict[str, str]) -> None:
    assert_reads(shared.url.update_query_dict(query))


# -- a server that listens on more addresses

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have other sockets")


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server that listens on a socket in its folder and on IPv6 as well."""
    home = tmp_path_factory.mktemp("frames") / "server"
    with pytest.MonkeyPatch.context() as patch:
        doors = {"listen_addresses": "127.0.0.1,::1", "unix_socket_directories": "."}
        for name, value in doors.items():
            patch.setitem(configuration.PARAMETERS, name, value)
        server = EmbeddedServer(home)
        server.ensure()
    yield server
    server.remove()


@on_linux
@pytest.mark.slow
def test_through_ipv6(open_server: EmbeddedServer) -> None:
    found = open_server.probe()
    assert found is not None
    assert_reads(found.url.set(host="::1"))


@on_linux
@pytest.mark.slow
def test_through_a_unix_socket(open_server: EmbeddedServer) -> None:
    found = open_server.probe()
    assert found is not None
    folder = str(Path(open_server.cluster.data).resolve())
    assert_reads(found.url.set(host=None).update_query_dict({"host": folder}))


@pytest.mark.servers
def test_reads_from_every_server_named() -> None:
    """TUTORIAL_TEST_URLS holds database URLs, separated by spaces; without any, the test fails."""
    urls = os.environ.get("TUTORIAL_TEST_URLS", "").split()
    assert urls, "TUTORIAL_TEST_URLS has no database URL"
    for url in urls:
        assert_reads(make_url(url))
