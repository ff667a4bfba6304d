"""What lessons 04 and 05 claim in prose without showing it in an output."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from time import perf_counter

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import (
    CheckConstraint,
    Column,
    Engine,
    Index,
    Integer,
    MetaData,
    Table,
    select,
    text,
)
from sqlalchemy.exc import CompileError, InvalidRequestError, ProgrammingError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from coursekit.course.alembic_command import run_alembic
from coursekit.course.opening import start
from coursekit.course.starting_state import starting_state
from coursekit.errors import AlembicError
from coursekit.servers.server import Server
from tutorial_lib import db, hashing


# -- 04 Passwords
def test_a_password_is_computed_without_pythons_global_lock() -> None:
    slow = hashing.make_context({**hashing.RFC_9106, "time_cost": 12})
    thread = threading.Thread(target=slow.hash, args=("x",))
    started = before = perf_counter()
    longest = 0.0
    thread.start()
    while thread.is_alive():
        now = perf_counter()
        longest, before = max(longest, now - before), now
    assert longest < (perf_counter() - started) / 2


# -- 05 The User model
def named_base() -> type[DeclarativeBase]:
    """Return a base with the project's naming convention."""

    class Base(DeclarativeBase):
        metadata = MetaData(naming_convention=db.Base.metadata.naming_convention)

    return Base


def test_a_check_without_a_name_is_an_error() -> None:
    metadata = named_base().metadata
    with pytest.raises(InvalidRequestError, match="requires that constraint is explicitly named"):
        Table("items", metadata, Column("id", Integer), CheckConstraint("id > 0"))


def test_the_convention_cannot_name_an_index_on_an_expression() -> None:
    class Item(named_base()):  # type: ignore[misc]
        __tablename__ = "items"
        __table_args__ = (Index(None, text("lower(name)"), unique=True),)
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    (index,) = Item.__table__.indexes
    assert index.name == "ix_"


def test_a_constraint_without_a_name_cannot_be_dropped(engine: Engine) -> None:
    with engine.connect() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with pytest.raises((CompileError, ProgrammingError)):
            operations.drop_constraint(None, "users", type_="unique")  # type: ignore[arg-type]


def test_a_query_fails_too_if_a_relationship_has_no_target() -> None:
    class Base(DeclarativeBase):
        pass

    class User(Base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
        order = relationship("Order", back_populates="user_info")

    with pytest.raises(InvalidRequestError, match="failed to locate a name"):
        str(select(User))


def test_the_embedded_server_has_no_icu(server: Server, engine: Engine) -> None:
    if server.origin != "embedded":
        pytest.skip("another server may have it")
    collation = "CREATE COLLATION c (provider = icu, locale = 'und', deterministic = false)"
    with pytest.raises(Exception, match="ICU is not supported"), engine.begin() as connection:
        connection.execute(text(collation))


def test_an_identity_column_is_what_alembic_check_accepts_too(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, n int)"))
        connection.execute(text("INSERT INTO t (n) VALUES (1), (2)"))
        assert connection.scalars(text("SELECT id FROM t ORDER BY n")).all() == [1, 2]


RENDERING = (
    "from sqlalchemy import TypeDecorator, create_engine, pool\n",
    "            render_item=render_item,\n",
)


def test_the_lesson_adds_nothing_but_render_item_to_env_py() -> None:
    before = re.sub(r"  # new.*", "", starting_state("the-user-model").files["alembic/env.py"])
    after = starting_state("the-first-revision").files["alembic/env.py"]
    function = after[after.index("def render_item") : after.index("def run_migrations_offline")]
    reverted = after.replace(function, "").replace(RENDERING[1], "")
    assert reverted.replace("import TypeDecorator, create_engine", "import create_engine") == before


def test_without_render_item_the_first_revision_fails(workspace: Path) -> None:
    project = start("06").project
    env = project / "alembic" / "env.py"
    assert all(each in env.read_text() for each in RENDERING)
    env.write_text("import models\n" + env.read_text().replace(RENDERING[1], ""))
    run_alembic("revision --autogenerate -m users --rev-id 0001", project)
    with pytest.raises(AlembicError, match="name 'models' is not defined"):
        run_alembic("upgrade head", project)
