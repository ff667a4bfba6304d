"""The shop that this lesson's exercises start with, including the old branch's customers."""

from __future__ import annotations

from coursekit.course.starting_state import starting_state
from coursekit.exercises.revision_file import revision_source

OLD_BRANCH = revision_source(
    "0004",
    "the old branch",
    """    op.drop_index("uq_users_email_lower", table_name="users")
    op.create_unique_constraint("uq_users_email", "users", ["email"])
""",
    """    op.drop_constraint("uq_users_email", "users", type_="unique")
    op.create_index("uq_users_email_lower", "users", [sa.text("lower(email)")], unique=True)
""",
)
INDEX = """    __table_args__ = (
        Index("uq_users_email_lower", text("lower(email)"), unique=True),
    )
"""
EMAIL = "    email: Mapped[str] = mapped_column(String(255))\n"
ENV = "alembic/env.py"
BEGUN = starting_state("history").files
FILES = {
    "models.py": BEGUN["models.py"]
    .replace(INDEX, "")
    .replace(EMAIL, EMAIL.replace("(255)", "(255), unique=True")),
    "alembic/versions/0004_old_branch.py": OLD_BRANCH,
}
# Addresses have their own module, which env.py already imports.
ADDRESSES = '"""The model of an address."""\n\nfrom db import Base\n'
FILES_OF_ADDRESSES = {
    **FILES,
    "addresses.py": ADDRESSES,
    ENV: "import addresses\n" + BEGUN[ENV],
}
# 2,000 customers. Of the first 60, every second has a second account, every sixth a third.
SQL = """
DROP INDEX uq_users_email_lower;
ALTER TABLE users ADD CONSTRAINT uq_users_email UNIQUE (email);
UPDATE alembic_version SET version_num = '0004';
INSERT INTO users (name, email, password)
SELECT (ARRAY['Ann Lee', 'Cher', 'Ana María del Valle', '  Bo Ek', 'Eve  Ray ', 'Jo de Wit'])
       [1 + n % 6], 'person' || n || '@example.com', '-'
FROM generate_series(1, 2000) AS n;
INSERT INTO users (name, email, password)
SELECT 'Second', upper(email), '-' FROM users WHERE id <= 60 AND id % 2 = 0;
INSERT INTO users (name, email, password)
SELECT 'Third', initcap(email), '-' FROM users WHERE id <= 60 AND id % 6 = 0;
INSERT INTO orders (user_id, amount)
SELECT id, id + 0.25 FROM users WHERE id <= 300 OR id > 2000;
INSERT INTO carts (user_id, product, quantity)
SELECT id, product, 1 + id % 3 FROM users, (VALUES ('tea'), ('bread')) AS goods (product)
WHERE (id <= 200 OR id > 2000) AND (product = 'tea' OR id % 4 > 0);
ANALYZE
"""
