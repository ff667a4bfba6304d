"""The User model, on a real database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, insert, select, text, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from tutorial_lib import hashing
from tutorial_lib.db import Base
from tutorial_lib.hashing import HashedPassword
from tutorial_lib.models import User


@pytest.fixture
def session(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session on a database with the kit's tables; hashing is cheap."""
    monkeypatch.setattr(hashing, "pwd_context", hashing.make_context(hashing.CHEAP))
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


def stored(session: Session) -> list[str]:
    """Return the passwords as stored, in row order."""
    session.flush()
    return list(session.scalars(text("SELECT password FROM users ORDER BY id")))


def test_a_new_user_checks_the_password_before_and_after_it_is_stored(session: Session) -> None:
    user = User(name="Ann", email="ann@x.io", password="secret")
    assert user.check_password("secret")
    session.add(user)
    session.commit()
    assert session.scalars(select(User)).one().check_password("secret")
    assert not user.check_password("Secret")


def test_assigning_a_password_hashes_it(session: Session) -> None:
    user = User(name="Ann", email="ann@x.io", password="old")
    session.add(user)
    session.commit()
    user.password = "new"
    assert stored(session)[0].startswith("$argon2id$")
    assert user.check_password("new")


def test_statements_in_bulk_hash_it_too(session: Session) -> None:
    values = {"name": "Ann", "email": "ann@x.io", "password": "plain"}
    session.execute(insert(User), [values, {**values, "email": "bob@x.io"}])
    session.execute(update(User).values(password="newer").where(User.email == "bob@x.io"))
    assert all(password.startswith("$argon2id$") for password in stored(session))
    bob = session.scalars(select(User).filter_by(email="bob@x.io")).one()
    assert bob.check_password("newer")


def test_a_password_that_looks_like_a_hash_is_hashed(session: Session) -> None:
    looks = str(hashing.get_password_hash("x"))
    user = User(name="Ann", email="ann@x.io", password=looks)
    assert user.password != looks
    assert user.check_password(looks)


def test_a_stored_hash_is_not_hashed_again(session: Session) -> None:
    session.add(User(name="Ann", email="ann@x.io", password="secret"))
    session.commit()
    user = session.scalars(select(User)).one()
    before = stored(session)
    user.password = user.password
    assert isinstance(user.password, HashedPassword)
    assert stored(session) == before


@pytest.mark.parametrize(
    ("one", "other"), [("a@x.io", "a@x.io"), ("A@x.io", "a@X.IO"), ("É@x.io", "é@x.io")]
)
def test_an_email_is_unique_regardless_of_case(session: Session, one: str, other: str) -> None:
    session.add_all(
        [User(name="Ann", email=one, password="x"), User(name="Bob", email=other, password="x")]
    )
    with pytest.raises(IntegrityError, match="uq_users_email_lower"):
        session.flush()


@pytest.mark.parametrize("column", ["name", "email", "password"])
def test_no_column_may_be_missing(session: Session, column: str) -> None:
    user = User(name="Ann", email="ann@x.io", password="x")
    session.add(user)
    session.commit()
    with pytest.raises(IntegrityError, match="violates not-null constraint"):
        session.execute(text(f"UPDATE users SET {column} = NULL"))


def test_a_name_has_at_most_fifty_characters(session: Session) -> None:
    session.add(User(name="n" * 50, email="ann@x.io", password="x"))
    session.flush()
    session.add(User(name="n" * 51, email="bob@x.io", password="x"))
    with pytest.raises(DataError, match=r"value too long for type character varying\(50\)"):
        session.flush()


def test_a_misspelt_argument_is_an_error() -> None:
    with pytest.raises(TypeError, match="'emial' is an invalid keyword argument for User"):
        User(name="Ann", emial="ann@x.io", password="x")


def test_neither_repr_nor_a_failed_insert_shows_the_hash(session: Session) -> None:
    user = User(name="Ann", email="ann@x.io", password="canary")
    assert repr(user) == "User(id=None, name='Ann', email='ann@x.io')"
    session.add_all([user, User(name="Bob", email="ann@x.io", password="canary")])
    with pytest.raises(IntegrityError) as caught:
        session.flush()
    assert "argon2" not in str(caught.value)
