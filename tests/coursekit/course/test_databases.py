"""Databases: created with a mark, cloned from templates, and dropped only if they're ours."""

from __future__ import annotations

import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg2
import pytest
from sqlalchemy import URL

from coursekit.course import databases
from coursekit.errors import LessonError
from coursekit.servers.server import Server, admin
from coursekit.settings import APP, ROOT

# A builder that is killed while it works.
KILLED = """
import os, signal, sys
from coursekit import servers
from coursekit.course import databases
server, name, label = servers.find(), *sys.argv[1:]
with databases.building(server) as connection:
    def build(url):
        print(url.database, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
    databases.ensure_template(connection, server, name, label, build)
"""

OWNED = "SELECT datname FROM pg_database WHERE datdba = '{}'::regrole"


@pytest.fixture
def label(server: Server) -> Iterator[str]:
    """This test's own label; databases marked with it are dropped at the end."""
    label = f"test {secrets.token_hex(4)}"
    yield label
    with databases.building(server) as connection:
        for name in databases.made_by_the_kit(connection):
            if (databases.mark_of(connection, name) or "").startswith(f"{APP}: {label}"):
                databases.drop(connection, name)


@pytest.fixture
def template(server: Server, label: str) -> str:
    """A template that contains the `users` table with one row."""
    name = fresh_name()
    with databases.building(server) as connection:
        databases.ensure_template(connection, server, name, f"{label}, template", with_users)
    return name


def fresh_name() -> str:
    return f"tutorial_test_{secrets.token_hex(4)}"


def with_users(url: URL) -> None:
    call(url, "CREATE TABLE users AS SELECT 'ada' AS name")


def without_anything(url: URL) -> None:
    """Build an empty template."""


def call(url: URL, query: str) -> list[Any]:
    with admin(url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall() if cursor.description else []


def names(server: Server) -> set[str]:
    return {name for (name,) in call(server.url, "SELECT datname FROM pg_database")}


def ensure(server: Server, name: str, label: str, build: Callable[[URL], None]) -> None:
    with databases.building(server) as connection:
        databases.ensure_template(connection, server, name, label, build)


def clone(server: Server, template: str, name: str, label: str) -> URL:
    with databases.building(server) as connection:
        databases.clone(connection, template, name, label)
    return server.url.set(database=name)


# Clones


def test_a_clone_is_a_copy_of_its_template(server: Server, template: str, label: str) -> None:
    url = clone(server, template, fresh_name(), label)
    assert call(url, "SELECT name FROM users") == [("ada",)]


def test_a_clone_carries_the_kits_mark_and_its_label(
    server: Server, template: str, label: str
) -> None:
    name = str(clone(server, template, fresh_name(), label).database)
    with admin(server.url) as connection:
        assert databases.mark_of(connection, name) == f"database-setup-tutorial: {label}"
        assert name in databases.made_by_the_kit(connection)


def test_a_clone_replaces_an_earlier_one_even_while_it_is_used(
    server: Server, template: str, label: str
) -> None:
    url = clone(server, template, fresh_name(), label)
    with admin(url) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO users VALUES ('grace')")
        clone(server, template, str(url.database), label)
        with pytest.raises(psycopg2.OperationalError):
            cursor.execute("SELECT 1")
    assert call(url, "SELECT name FROM users") == [("ada",)]


def test_a_clone_does_not_replace_someone_elses_database(
    server: Server, template: str, label: str, url: URL
) -> None:
    with pytest.raises(LessonError):
        clone(server, template, str(url.database), label)
    assert call(url, "SELECT to_regclass('users')") == [(None,)]


# Templates


def test_a_template_is_built_once(server: Server, label: str) -> None:
    name, built = fresh_name(), []
    ensure(server, name, label, built.append)
    ensure(server, name, label, built.append)
    assert len(built) == 1


def test_a_template_is_built_once_by_many_at_the_same_time(server: Server, label: str) -> None:
    name, built = fresh_name(), []
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ensure(server, name, label, built.append), range(4)))
    assert len(built) == 1


def test_a_template_is_built_in_a_database_that_sorts_alike_everywhere(
    server: Server, label: str
) -> None:
    rows: list[Any] = []
    query = "SELECT datlocprovider, datcollate FROM pg_database WHERE datname = current_database()"
    ensure(server, fresh_name(), label, lambda url: rows.extend(call(url, query)))
    # By code point. PostgreSQL 17 has a built-in provider for that, which also knows what is
    # a letter; older versions use the C library.
    assert rows == [("b" if server.version >= 170000 else "c", "C")]


def test_a_template_accepts_no_connections(server: Server, template: str) -> None:
    with pytest.raises(psycopg2.OperationalError) as caught:
        call(server.url.set(database=template), "SELECT 1")
    said = f'database "{template}" is not currently accepting connections'
    assert said in str(caught.value)


def test_a_stale_template_of_the_same_label_is_dropped(server: Server, label: str) -> None:
    stale, recent = fresh_name(), fresh_name()
    ensure(server, stale, label, without_anything)
    ensure(server, recent, label, without_anything)
    assert {stale, recent} & names(server) == {recent}


@pytest.mark.parametrize("other", ["{label}0", "another {label}"])
def test_templates_of_other_labels_stay(server: Server, label: str, other: str) -> None:
    first, second = fresh_name(), fresh_name()
    ensure(server, first, other.format(label=label), without_anything)
    ensure(server, second, label, without_anything)
    left = {first, second} & names(server)
    with databases.building(server) as connection:
        databases.drop(connection, first)
    assert left == {first, second}


@pytest.mark.parametrize(
    ("other", "stays"), [("another thing of {}", False), ("{} of another workspace", True)]
)
def test_what_a_killed_builder_of_the_same_workspace_left_is_dropped_by_the_next(
    server: Server, label: str, other: str, stays: bool
) -> None:
    command = [sys.executable, "-c", KILLED, fresh_name(), other.format(label)]
    killed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    left = killed.stdout.strip()
    assert killed.returncode != 0
    assert left.startswith("tutorial_new_")
    ensure(server, fresh_name(), label, without_anything)
    assert (left in names(server)) == stays


# Dropping


def test_drop_says_whether_there_was_anything(server: Server, template: str) -> None:
    with databases.building(server) as connection:
        assert databases.drop(connection, template) is True
        assert databases.drop(connection, template) is False


def test_drop_refuses_a_database_that_the_kit_did_not_make(server: Server, url: URL) -> None:
    with databases.building(server) as connection, pytest.raises(LessonError) as caught:
        databases.drop(connection, str(url.database))
    assert str(caught.value) == (
        f"There is a database {url.database} that the kit did not make. It does not carry the "
        "kit's mark in its comment, so it is left alone. Rename or drop it yourself if it isn't "
        "needed, then start the lesson again."
    )
    assert call(url, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("comment", ["of the database-setup-tutorial", "database-setup-tutorial"])
def test_a_comment_that_is_like_the_mark_is_none(server: Server, url: URL, comment: str) -> None:
    call(url, f"COMMENT ON DATABASE {url.database} IS '{comment}'")
    with databases.building(server) as connection, pytest.raises(LessonError):
        databases.drop(connection, str(url.database))


def test_the_mark_of_a_database_is_its_comment(server: Server, url: URL) -> None:
    with admin(server.url) as connection:
        assert databases.mark_of(connection, str(url.database)) == ""
        assert databases.mark_of(connection, "no_such_database") is None


# Users with restricted privileges


@pytest.fixture
def user(server: Server) -> Iterator[Callable[[str], Server]]:
    """Create a user with some privileges; return the server as that user sees it."""
    made = []

    def make(rights: str) -> Server:
        name = f"user_{secrets.token_hex(4)}"
        call(server.url, f"CREATE ROLE {name} LOGIN PASSWORD 'of a test' {rights}")
        made.append(name)
        url = server.url.set(username=name, password="of a test")
        return Server(url, server.origin, server.version, server.why)

    yield make
    for name in made:
        for (owned,) in call(server.url, OWNED.format(name)):
            call(server.url, f"DROP DATABASE {owned}")
        call(server.url, f"DROP ROLE {name}")


def test_says_what_a_user_lacks_who_may_not_create_databases(
    user: Callable[[str], Server], label: str
) -> None:
    visitor = user("")
    name = visitor.url.username
    with pytest.raises(LessonError) as caught:
        ensure(visitor, fresh_name(), label, without_anything)
    assert str(caught.value) == (
        f"The user {name} may not create databases on this server. Each lesson has a database "
        f"of its own. Let an administrator run: ALTER ROLE {name} CREATEDB; or take DATABASE_* "
        "out, and the kit starts a server of its own."
    )


def test_what_another_user_left_is_no_hindrance(user: Callable[[str], Server], label: str) -> None:
    ada, grace, left = user("CREATEDB"), user("CREATEDB"), f"tutorial_new_{label[5:]}"
    call(ada.url, f"CREATE DATABASE {left}")
    call(ada.url, f"COMMENT ON DATABASE {left} IS '{APP}: {label}'")
    name = fresh_name()
    ensure(grace, name, label, without_anything)
    assert name in names(grace)


@pytest.fixture
def adas(user: Callable[[str], Server], label: str) -> tuple[Server, str]:
    """Ada's server, and a database she created and is working in."""
    ada, name = user("CREATEDB"), fresh_name()
    ensure(ada, name, label, without_anything)
    call(ada.url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    return ada, name


def test_drop_waits_for_autovacuum_and_the_like(server: Server, adas: tuple[Server, str]) -> None:
    """A superuser's session imitates it: this user can't end it, but it ends by itself."""
    ada, name = adas
    with admin(server.url.set(database=name)) as above, admin(ada.url.set(database=name)):
        ending = threading.Timer(0.5, above.close)
        ending.start()
        with databases.building(ada) as connection:
            assert databases.drop(connection, name) is True
        ending.join()
    assert name not in names(ada)


def test_drop_says_so_when_another_user_stays(server: Server, adas: tuple[Server, str]) -> None:
    ada, name = adas
    refused = pytest.raises(LessonError, match="Another user created the lesson")
    with admin(server.url.set(database=name)), databases.building(ada) as connection, refused:
        databases.drop(connection, name)
    assert name in names(ada)


def test_a_full_disk_of_the_server_is_reported(
    server: Server, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise psycopg2.errors.DiskFull("could not extend file: No space left on device\nHINT: ...")

    monkeypatch.setattr(databases, "_ask", full)
    with pytest.raises(LessonError) as caught, admin(server.url) as connection:
        databases.clone(connection, "template0", fresh_name(), label)
    assert str(caught.value) == (
        "The server's disk is full: could not extend file: No space left on device. Each lesson "
        "has its own database. Free some disk space on the server's machine, then try again."
    )


def test_no_other_user_may_connect_to_a_lesson_database(
    server: Server, label: str, template: str
) -> None:
    name, stranger = fresh_name(), f"stranger_{secrets.token_hex(4)}"
    with databases.building(server) as connection:
        databases.clone(connection, template, name, label)
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {stranger} LOGIN")
            cursor.execute("SELECT has_database_privilege(%s, %s, 'CONNECT')", [stranger, name])
            assert cursor.fetchone() == (False,)
            cursor.execute(f"DROP ROLE {stranger}")
    with admin(server.url.set(database=name)):
        pass  # its owner may


def test_a_lock_that_another_session_keeps_ends_in_a_message(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "LOCK_TIMEOUT", 1)
    monkeypatch.setattr(databases, "LOCK", secrets.randbelow(2**31))  # not that of other tests
    with databases.building(server) as holder:
        pid = holder.info.backend_pid
        with pytest.raises(LessonError) as caught, databases.building(server):
            pass
    assert f"(server process {pid})" in caught.value.what
    with databases.building(server):  # now it's free
        pass
