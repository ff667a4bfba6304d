"""The lessons build the library's hashing and User model: the same settings, table and behavior."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, insert, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.schema import CreateIndex, CreateTable

from coursekit.course.starting_state import starting_state
from tutorial_lib import db, hashing, models

PROJECTS = ("the-first-revision", "history", "in-ci")  # their files come from the lessons before
# A hash that's too weak in one cost, and one that's of another variant.
WEAKER = {"memory_cost": 32, "time_cost": 1, "parallelism": 1, "type": "I"}
COSTS = {"memory_cost": 64, "time_cost": 2, "parallelism": 2, "type": "ID"}


def a_base() -> ModuleType:
    """Return a module `db` whose Base isn't used by other tests."""

    class Base(DeclarativeBase):
        metadata = MetaData(naming_convention=db.Base.metadata.naming_convention)

    module = ModuleType("db")
    module.Base = Base  # type: ignore[attr-defined]
    return module


@pytest.fixture(params=["tutorial_lib", *PROJECTS])
def application(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The modules `hashing` and `models`, of the library or of a project."""
    if request.param == "tutorial_lib":
        return {"hashing": hashing, "models": models}
    files = starting_state(request.param).files
    modules: dict[str, Any] = {"db": a_base()}
    monkeypatch.setitem(sys.modules, "db", modules["db"])
    for name in ("hashing", "models"):
        modules[name] = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, modules[name])
        exec(compile(files[f"{name}.py"], Path(f"{name}.py"), "exec"), modules[name].__dict__)
    return modules


def context(application: dict[str, Any], **costs: Any) -> Any:
    """Return a context with low costs, of the application's class."""
    settings = {f"argon2__{name}": value for name, value in {**COSTS, **costs}.items()}
    return application["hashing"].PasswordContext(schemes=["argon2"], **settings)


@pytest.fixture
def session(
    application: dict[str, Any], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Session]:
    """A session on a database with Ann, whose password is `sunshine`; hashing is cheap."""
    monkeypatch.setattr(application["hashing"], "pwd_context", context(application))
    application["models"].User.metadata.create_all(engine)
    with Session(engine) as session:
        ann = {"name": "Ann", "email": "ann@x.io", "password": "sunshine"}
        session.add(application["models"].User(**ann))
        session.commit()
        yield session


def ann(application: dict[str, Any], session: Session) -> Any:
    """Return Ann, read from the database."""
    session.commit()
    session.expire_all()
    user = application["models"].User
    return session.scalars(select(user).where(user.email == "ann@x.io")).one()


def stored(session: Session) -> str:
    """Return Ann's password as the database has it."""
    return str(session.scalar(text("SELECT password FROM users WHERE email = 'ann@x.io'")))


def test_all_hash_with_the_same_settings(application: dict[str, Any]) -> None:
    settings = application["hashing"].pwd_context.to_dict()
    assert settings == hashing.pwd_context.to_dict()
    assert {f"argon2__{cost}" for cost in COSTS} < set(settings)


def test_all_have_the_same_functions(application: dict[str, Any]) -> None:
    for name in ("get_password_hash", "verify_password", "verify_and_update"):
        ours, theirs = (getattr(module, name) for module in (hashing, application["hashing"]))
        assert list(inspect.signature(ours).parameters) == list(
            inspect.signature(theirs).parameters
        )


def test_all_describe_the_same_table(application: dict[str, Any]) -> None:
    tables = [module.User.__table__ for module in (models, application["models"])]
    described = [
        (str(CreateTable(table)), *(str(CreateIndex(index)) for index in table.indexes))
        for table in tables
    ]
    assert described[0] == described[1]


@pytest.mark.parametrize("cost", WEAKER)
def test_a_hash_that_is_too_weak_in_any_cost_is_replaced_at_login(
    application: dict[str, Any], session: Session, cost: str
) -> None:
    weak = context(application, **{cost: WEAKER[cost]}).hash("sunshine")
    session.execute(text("UPDATE users SET password = :weak"), {"weak": weak})
    assert not ann(application, session).check_password("moonlight")
    assert ann(application, session).password == weak
    user = ann(application, session)
    assert user.check_password("sunshine")
    assert user.check_password("sunshine")
    assert not application["hashing"].pwd_context.needs_update(user.password)
    assert ann(application, session).check_password("sunshine")
    assert stored(session) == user.password != weak


def test_a_new_hash_that_is_assigned_locks_no_one_out(
    application: dict[str, Any], session: Session
) -> None:
    old = context(application, time_cost=1).hash("sunshine")
    _, new = application["hashing"].pwd_context.verify_and_update("sunshine", old)
    user = ann(application, session)
    user.password = new
    assert user.check_password("sunshine")
    assert ann(application, session).check_password("sunshine")
    user.password = user.password
    session.execute(update(application["models"].User).values(password=new))
    assert stored(session) == new


@pytest.mark.parametrize("way", ["object", "insert", "bulk", "update", "Query.update"])
def test_a_plain_password_is_hashed_in_every_statement_made_from_the_model(
    application: dict[str, Any], session: Session, way: str
) -> None:
    user = application["models"].User
    new = {"name": "Ann", "email": "ann@x.io", "password": "moonlight"}
    if way in ("insert", "bulk", "object"):
        session.execute(text("DELETE FROM users"))
    if way == "object":
        session.add(user(**new))
    elif way == "insert":
        session.execute(insert(user).values(**new))
    elif way == "bulk":
        session.execute(insert(user), [new, {**new, "email": "ben@x.io"}])
    elif way == "update":
        session.execute(update(user).values(password="moonlight"))
    else:
        session.query(user).update({"password": "moonlight"})
    assert ann(application, session).check_password("moonlight")
    assert stored(session).startswith("$argon2id$")


def test_a_user_who_does_not_exist_has_no_password(application: dict[str, Any]) -> None:
    module = application["hashing"]
    verified = []
    module.pwd_context.dummy_verify = lambda: verified.append(True)
    try:
        assert module.verify_password("sunshine", None) is False
        assert module.verify_and_update("sunshine", None) == (False, None)
    finally:
        del module.pwd_context.dummy_verify
    assert verified == [True, True]


def test_sql_written_by_hand_goes_around_the_model(
    application: dict[str, Any], session: Session
) -> None:
    session.execute(text("UPDATE users SET password = 'moonlight'"))
    assert stored(session) == "moonlight"


def test_a_password_that_looks_like_a_hash_is_hashed(
    application: dict[str, Any], session: Session
) -> None:
    typed = str(application["hashing"].pwd_context.hash("x"))
    ann(application, session).password = typed
    assert ann(application, session).check_password(typed)


@pytest.mark.parametrize("nothing", ["", None])
def test_no_password_is_refused(
    application: dict[str, Any], session: Session, nothing: str | None
) -> None:
    with pytest.raises(ValueError, match="The password is empty"):
        ann(application, session).password = nothing
    with pytest.raises((StatementError, IntegrityError)):
        session.execute(update(application["models"].User).values(password=nothing))
    session.rollback()
