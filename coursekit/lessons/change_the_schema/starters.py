"""The rows and the models with which the exercises begin."""

from __future__ import annotations

from coursekit.course.starting_state import starting_state

ROWS = """
INSERT INTO users (name, email, password) VALUES
    ('Ann', 'ann@example.com', 'no hash'), ('Ben', 'ben@example.com', 'no hash');
INSERT INTO orders (user_id, amount, status) VALUES
    (1, 24.00, 'paid'), (1, 39.50, 'shipped'), (2, 7.25, 'new');
INSERT INTO carts (user_id, product, quantity) VALUES (1, 'Teapot', 2), (2, 'Cup', 6);
"""


def _models(*changed: tuple[str, str]) -> str:
    """Return the shop's models with pieces replaced, each (old, new)."""
    source = starting_state("history").files["models.py"]
    for old, new in changed:
        assert old in source, old
        source = source.replace(old, new, 1)
    return source


MISSED = _models(
    ('    shipped = "shipped"\n', '    shipped = "shipped"\n    returned = "returned"\n'),
    (
        '    __tablename__ = "orders"\n',
        '    __tablename__ = "orders"\n'
        '    __table_args__ = (CheckConstraint("amount >= 0", name="amount_not_negative"),)\n',
    ),
    (
        "    quantity: Mapped[int]\n",
        '    quantity: Mapped[int] = mapped_column(server_default="1")\n',
    ),
)
PAYMENT = _models(
    (
        "class Order(Base):",
        'class Payment(enum.Enum):\n    card = "card"\n    invoice = "invoice"\n\n\n'
        "class Order(Base):",
    ),
    (
        "    created_at:",
        '    payment: Mapped[Payment] = mapped_column(Enum(Payment, name="payment_kind"))\n'
        "    created_at:",
    ),
)
