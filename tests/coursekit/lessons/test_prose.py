"""Tests for what the lessons claim in prose without showing it in an output."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from coursekit.course.alembic_command import run_alembic
from coursekit.course.opening import start
from coursekit.errors import AlembicError
from tutorial_lib import hashing
from tutorial_lib.db import make_engine
from tutorial_lib.models import User


class Base(DeclarativeBase):
    """A base for this file's models."""


class Person(Base):
    """A table with a NOT NULL column."""

    __tablename__ = "persons"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


# -- 02 Sessions
def test_a_pool_has_five_connections_and_ten_more_and_waits_thirty_seconds(engine: Engine) -> None:
    pool = engine.pool
    assert (pool.size(), pool._max_overflow, pool.timeout()) == (5, 10, 30.0)  # type: ignore[attr-defined]


def test_autocommit_false_is_accepted_and_changes_nothing(engine: Engine) -> None:
    with sessionmaker(autocommit=False, bind=engine)() as session:
        session.execute(text("SELECT 1"))
        assert session.in_transaction()


def test_without_autoflush_an_error_waits_for_the_commit(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    with Session(engine, autoflush=False) as session:
        session.add(Person())
        session.execute(text("SELECT 1"))
        with pytest.raises(IntegrityError):
            session.commit()


def test_code_after_yield_without_finally_is_skipped() -> None:
    closed: list[bool] = []

    def leaking() -> object:
        yield 1
        closed.append(True)

    generator = leaking()
    next(generator)  # type: ignore[call-overload]
    generator.close()  # type: ignore[attr-defined]
    assert closed == []


# -- 04 Passwords
def test_passlib_is_at_its_last_release() -> None:
    assert version("passlib") == "1.7.4"


@pytest.mark.parametrize(
    "change", [{"memory_cost": 1024}, {"memory_cost": 16}, {"time_cost": 2}, {"parallelism": 2}]
)
def test_any_other_cost_needs_an_update(change: dict[str, int]) -> None:
    costs = {"memory_cost": 64, "time_cost": 1, "parallelism": 1}
    hashed = hashing.make_context(costs).hash("x")
    assert hashing.make_context({**costs, **change}).needs_update(hashed)


# -- 05 The User model
def test_a_column_of_the_old_style_allows_null() -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("n", String(50)))
    assert table.c.n.nullable


# -- 07 Upgrade, 08 Query into DataFrames
def test_an_open_reader_lets_others_read_and_write_but_not_alter(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (n int)"))
    other = make_engine(engine.url, lock_timeout=0.2)
    with engine.connect() as reader:
        reader.execute(text("SELECT * FROM t"))
        with other.begin() as writer:
            writer.execute(text("INSERT INTO t VALUES (1)"))
        with pytest.raises(Exception, match="lock timeout"), other.begin() as writer:
            writer.execute(text("ALTER TABLE t ADD m int"))
    other.dispose()


def test_an_unknown_revision_in_the_database_stops_alembic(workspace: Path) -> None:
    lesson = start("08")
    shutil.rmtree(lesson.project / "alembic" / "versions")
    with pytest.raises(AlembicError, match="Can't locate revision"):
        run_alembic("upgrade head", lesson.project)


def test_integers_with_null_can_stay_integers() -> None:
    assert str(pd.Series([1, None]).astype("Int64").dtype) == "Int64"


def test_a_misspelt_attribute_fails_in_python() -> None:
    with pytest.raises(AttributeError, match="nmae"):
        User.nmae  # type: ignore[attr-defined]  # noqa: B018
