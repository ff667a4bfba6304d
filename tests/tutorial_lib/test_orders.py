"""Order and Cart, and what importing them adds to User."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tutorial_lib import hashing
from tutorial_lib.db import Base
from tutorial_lib.models import User
from tutorial_lib.orders import Cart, Order, OrderStatus


@pytest.fixture
def session(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session on a database with all tables and one user, Ann."""
    monkeypatch.setattr(hashing, "pwd_context", hashing.make_context(hashing.CHEAP))
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(User(name="Ann", email="ann@x.io", password="secret"))
        session.commit()
        yield session


def ann(session: Session) -> User:
    """The only user."""
    return session.scalars(select(User)).one()


def test_the_user_model_works_without_orders() -> None:
    code = (
        "import sys; from tutorial_lib.models import User\n"
        "user = User(name='Ann', email='ann@x.io', password='secret')\n"
        "assert user.check_password('secret') and not hasattr(User, 'order')\n"
        "assert 'tutorial_lib.orders' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_orders_are_reached_from_the_user_and_back(session: Session) -> None:
    user = ann(session)
    user.order.append(Order(amount=Decimal("12.50")))
    session.commit()
    order = session.scalars(select(Order)).one()
    assert order.user_info is user
    assert user.order == [order]
    assert (order.amount, order.status) == (Decimal("12.50"), OrderStatus.new)
    assert order.created_at.utcoffset() is not None


def test_a_cart_is_reached_from_the_user_and_back(session: Session) -> None:
    session.add(Cart(user_cart=ann(session), product="tea", quantity=2))
    session.commit()
    assert [(line.product, line.quantity) for line in ann(session).cart] == [("tea", 2)]
    assert session.scalars(select(Cart)).one().user_cart is ann(session)


def test_a_cart_goes_with_its_user(session: Session) -> None:
    session.add(Cart(user_cart=ann(session), product="tea", quantity=2))
    session.commit()
    session.delete(ann(session))
    session.commit()
    assert session.scalars(select(Cart)).all() == []


def test_a_cart_has_at_least_one_piece(session: Session) -> None:
    session.add(Cart(user_cart=ann(session), product="tea", quantity=0))
    with pytest.raises(IntegrityError, match="ck_carts_quantity_positive"):
        session.commit()


def test_a_user_who_has_ordered_cannot_be_deleted_in_sql(session: Session) -> None:
    session.add(Order(user_info=ann(session), amount=1))
    session.commit()
    with pytest.raises(IntegrityError, match="fk_orders_user_id_users"):
        session.connection().exec_driver_sql("DELETE FROM users")


def test_orders_can_be_imported_after_users_are_in_use() -> None:
    code = """
from sqlalchemy import select
from tutorial_lib.models import User
User(name="Ann", email="ann@example.com", password="secret"), select(User)
from tutorial_lib.orders import Cart, Order
Order(), Cart()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
