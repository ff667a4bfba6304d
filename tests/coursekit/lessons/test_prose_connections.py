"""Tests for what lessons 01 and 02 claim without showing it in an output."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values, load_dotenv
from sqlalchemy import URL, Engine, create_engine, select, text
from sqlalchemy.exc import IntegrityError, MovedIn20Warning, OperationalError
from sqlalchemy.ext import declarative
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from coursekit.servers.embedded import EmbeddedServer
from coursekit.servers.server import Server
from coursekit.settings import read_settings
from support.waiting import until
from tutorial_lib.db import make_engine

TRUST = "local all all trust\nhost all all 127.0.0.1/32 trust\n"


class Base(DeclarativeBase):
    """A base for this file's models."""


class Guest(Base):
    """A table with a NOT NULL column."""

    __tablename__ = "guests"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


@pytest.fixture
def guests(engine: Engine) -> Engine:
    """A database with an empty table."""
    Base.metadata.create_all(engine)
    return engine


def failure(url: URL) -> str:
    """Return the message of a connection that fails."""
    engine = create_engine(url)
    with pytest.raises(OperationalError) as caught:
        engine.connect()
    engine.dispose()
    return str(caught.value)


# -- 01 Connect
def test_an_at_sign_in_a_password_shows_half_of_it() -> None:
    url = create_engine("postgresql+psycopg2://ann:p@ss@127.0.0.1:5432/shop").url
    assert 'could not translate host name "ss@127.0.0.1"' in failure(url)


def test_a_plain_url_needs_psycopg_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ModuleNotFoundError, match="psycopg"):
        create_engine("postgresql://ann@127.0.0.1/shop")


def test_the_message_begins_with_the_drivers_name(server: Server) -> None:
    for driver in ("psycopg2", "psycopg"):
        url = server.url.set(drivername=f"postgresql+{driver}", password="guess")
        assert failure(url).startswith(f"({driver}.OperationalError) ")


def test_with_trust_a_missing_database_proves_no_password(own_server: Server) -> None:
    data = EmbeddedServer(read_settings().server_home).cluster.data
    wrong = own_server.url.set(database="nowhere", password="guess")
    assert "password authentication failed" in failure(wrong)
    (data / "pg_hba.conf").write_text(TRUST)
    with make_engine(own_server.url).connect() as connection:
        connection.execute(text("SELECT pg_reload_conf()"))
    until(lambda: 'database "nowhere" does not exist' in failure(wrong))


def test_a_ping_opens_no_transaction(engine: Engine) -> None:
    state = text("SELECT state FROM pg_stat_activity WHERE pid = :pid")
    with engine.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        connection.rollback()
        raw = connection.connection.dbapi_connection
        assert raw is not None
        assert engine.dialect.do_ping(raw)
        with engine.connect() as other:
            assert other.scalar(state, {"pid": pid}) == "idle"


def test_dotenv_takes_what_follows_a_space_and_a_hash_for_a_comment(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PLAIN=p@s%20s #1\nQUOTED='p@s%20s #1'\n")
    assert dotenv_values(file) == {"PLAIN": "p@s%20s", "QUOTED": "p@s%20s #1"}


def test_load_dotenv_overrides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("LESSON_ONE_SET=file\nLESSON_ONE_NEW=file\n")
    monkeypatch.setenv("LESSON_ONE_SET", "shell")
    monkeypatch.setenv("LESSON_ONE_NEW", "")
    monkeypatch.delenv("LESSON_ONE_NEW")
    load_dotenv(file)
    assert (os.environ["LESSON_ONE_SET"], os.environ["LESSON_ONE_NEW"]) == ("shell", "file")


# -- 02 Sessions
def test_the_old_place_of_declarative_base_is_deprecated() -> None:
    with pytest.warns(MovedIn20Warning, match="deprecated since: 2.0"):
        declarative.declarative_base()


def test_a_session_can_be_used_again_after_a_rollback(guests: Engine) -> None:
    with Session(guests) as session:
        session.add(Guest())
        with pytest.raises(IntegrityError):
            session.flush()
        session.rollback()
        with session.begin():
            session.add(Guest(name="Ann"))
    with Session(guests) as session:
        assert session.scalars(select(Guest.name)).all() == ["Ann"]


def test_a_block_without_autoflush_flushes_nothing(guests: Engine) -> None:
    with Session(guests) as session:
        session.add(Guest())
        with session.no_autoflush:
            assert session.scalars(select(Guest.name)).all() == []


def test_without_expire_on_commit_values_stay(guests: Engine) -> None:
    with sessionmaker(guests, expire_on_commit=False)() as session:
        ann = Guest(name="Ann")
        session.add(ann)
        session.commit()
    assert ann.name == "Ann"


def test_what_is_refreshed_can_be_read_after_the_session(guests: Engine) -> None:
    with Session(guests) as session:
        ann = Guest(name="Ann")
        session.add(ann)
        session.commit()
        session.refresh(ann)
    assert ann.name == "Ann"


def test_postgresql_waits_for_a_lock_without_a_limit_unless_told(engine: Engine) -> None:
    with engine.connect() as connection:
        sent = text("SELECT boot_val FROM pg_settings WHERE name = 'lock_timeout'")
        assert connection.scalar(sent) == "0"


def test_dispose_closes_what_waits_in_the_pool(engine: Engine) -> None:
    with engine.connect():
        pass
    engine.dispose()
    assert engine.pool.checkedin() == 0  # type: ignore[attr-defined]
