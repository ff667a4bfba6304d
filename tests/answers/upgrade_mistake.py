"""Right and wrong answers to `mistake-already-applied`."""

from __future__ import annotations

from answers.upgrade import DEFAULTS, EARLIER, by_hand, edited, filled
from coursekit.lessons.upgrade.starters import CREATE_PRODUCTS
from support.samples import Wrong

CENT = "0003_prices_with_cents"
ALTER = "op.alter_column('products', 'price', type_=sa.Numeric(8, 2))"

SAME_ROWS = "INSERT INTO products SELECT * FROM old_products"
CONTINUED = "SELECT setval('products_id_seq', (SELECT coalesce(max(id), 1) FROM products))"


def rebuilt(*copied: str) -> str:
    """Return the body of an upgrade that creates the table again, and copies its rows."""
    statements = [
        "ALTER TABLE products RENAME TO old_products",
        "ALTER TABLE old_products RENAME CONSTRAINT pk_products TO pk_old_products",
        "ALTER SEQUENCE products_id_seq RENAME TO old_products_id_seq",
        "CREATE TABLE products (id serial CONSTRAINT pk_products PRIMARY KEY, "
        "name varchar(50) NOT NULL, price numeric(8, 2) NOT NULL)",
        *copied,
        "DROP TABLE old_products",
    ]
    return "\n    ".join(f"op.execute({each!r})" for each in statements)


RIGHT = {
    "mistake-already-applied": (
        filled(CENT, ALTER),
        '%alembic revision --autogenerate -m "cents"\n%alembic upgrade +1',
        '%alembic revision -m "empty"\n%alembic upgrade head\n'
        '%alembic revision --autogenerate -m "cents"\n%alembic upgrade head',
        filled("77_cents", 'op.execute("ALTER TABLE products ALTER price TYPE decimal(8,2)")'),
        filled(CENT, ALTER)
        + by_hand("INSERT INTO products (name, price) VALUES ('Cup', 7.25), ('Cup', 7.25)"),
        """
from sqlalchemy import text
with exercise.engine.connect() as connection:
    rows = connection.execute(text("SELECT name, price FROM products ORDER BY id")).all()
%alembic downgrade 0001
%alembic upgrade head
with exercise.engine.begin() as connection:
    for name, price in rows:
        connection.execute(text("INSERT INTO products (name, price) VALUES (:n, :p)"),
                           {"n": name, "p": price})
"""
        + filled(CENT, ALTER),
        filled("0003_empty", "return") + filled("0004_cents", ALTER),
        """
%alembic revision -m "cents" --rev-id c --head 0002
from pathlib import Path
file = Path("alembic/versions/c_cents.py")
steps = ["ADD cents numeric(8, 2)", "ALTER cents SET NOT NULL", "DROP price"]
steps = ["ALTER TABLE products " + step for step in steps]
steps.insert(1, "UPDATE products SET cents = price")
steps.append("ALTER TABLE products RENAME cents TO price")
file.write_text(file.read_text().replace("pass", f"[op.execute(step) for step in {steps}]", 1))
%alembic upgrade c
""",
        filled(CENT, f"import time; time.sleep(2); {ALTER}"),
        filled(
            CENT,
            "op.execute('CREATE VIEW cents AS SELECT id, price FROM products')\n"
            f"    op.execute('DROP VIEW cents')\n    {ALTER}",
        ),
        filled(
            CENT,
            'op.execute("ALTER TABLE products ALTER price TYPE numeric(8, 2) "\n'
            '               "USING price::text::numeric")',
        ),
        filled(CENT, rebuilt(SAME_ROWS, CONTINUED)),
        filled(
            CENT,
            "op.execute('ALTER TABLE products ALTER price TYPE numeric(8, 2) USING price::real')",
        ),
        filled(
            CENT,
            "from decimal import Decimal\n"
            '    prices = op.get_bind().execute(sa.text("SELECT id, price FROM products")).all()\n'
            f"    {ALTER}\n"
            "    for row in prices:\n"
            '        change = sa.text("UPDATE products SET price = :price WHERE id = :id")\n'
            "        op.get_bind().execute(change, {'id': row.id, 'price': Decimal(row.price)})",
        ),
    ),
}
WRONG = {
    "mistake-already-applied": (
        Wrong(
            "downgraded, edited, upgraded",
            """
from pathlib import Path
%alembic downgrade -1
file = Path("alembic/versions/0002_create_products.py")
file.write_text(file.read_text().replace("'price', sa.Integer()", "'price', sa.Numeric(8, 2)"))
%alembic upgrade head
""",
            "your three products kept their prices",
        ),
        Wrong(
            "the old file edited",
            """
from pathlib import Path
file = Path("alembic/versions/0002_create_products.py")
file.write_text(file.read_text().replace("'price', sa.Integer()", "'price', sa.Numeric(8, 2)"))
%alembic upgrade head
""",
            "have run are as they were",
        ),
        Wrong(
            "by hand",
            by_hand("ALTER TABLE products ALTER price TYPE numeric(8, 2)"),
            "a new revision follows 0002",
        ),
        Wrong("K6 a new table, new ids start at 1", filled(CENT, rebuilt(SAME_ROWS)), "setval"),
        Wrong(
            "K6 a new table, other ids",
            filled(
                CENT,
                rebuilt(
                    "INSERT INTO products (name, price) "
                    "SELECT name, price FROM old_products ORDER BY id"
                ),
            ),
            "every row is kept, with the id that it has",
        ),
        Wrong(
            "K6 a new table, one row for each name",
            filled(
                CENT,
                rebuilt(
                    "INSERT INTO products SELECT DISTINCT ON (name) * FROM old_products", CONTINUED
                ),
            ),
            "rows and values stay as they are",
        ),
        Wrong(
            "K6 prices by name",
            filled(
                CENT,
                'rows = op.get_bind().execute(sa.text("SELECT name, price FROM products")).all()\n'
                f"    {ALTER}\n"
                "    for name, price in rows:\n"
                '        change = sa.text("UPDATE products SET price = :p WHERE name = :n")\n'
                "        op.get_bind().execute(change, {'n': name, 'p': price})",
            ),
            "24 becomes 24.00",
        ),
        Wrong(
            "every price is lower",
            filled(CENT, ALTER + "\n    op.execute('UPDATE products SET price = price - 0.01')"),
            "or an UPDATE: 24 becomes 24.00",
        ),
        Wrong("never run", filled(CENT, ALTER, run=""), "your database is at the new"),
        Wrong(
            "only the bookmark",
            filled(CENT, ALTER, run="%alembic stamp head"),
            "your database has a price with cents",
        ),
        Wrong("empty", filled(CENT, "return"), "another database gets the new type"),
        Wrong(
            "by hand, then autogenerate",
            by_hand("ALTER TABLE products ALTER price TYPE numeric(8, 2)")
            + '%alembic revision --autogenerate -m "cents"\n%alembic upgrade head',
            "had the new type already when Alembic compared",
        ),
        Wrong(
            "K3 a session holds a lock",
            filled(CENT, ALTER)
            + """
from sqlalchemy import text
leaked = exercise.engine.connect()
leaked.execute(text("LOCK TABLE products"))
""",
            "One of your sessions is open and holds a lock",
        ),
        Wrong(
            "another type",
            filled(CENT, "op.execute('ALTER TABLE products ALTER price TYPE money')"),
            "the type of the price",
        ),
        Wrong(
            "as if it were cents",
            filled(
                CENT,
                'op.execute("ALTER TABLE products ALTER price TYPE numeric(8, 2) "\n'
                '               "USING price / 100.0")',
            ),
            "24 becomes 24.00",
        ),
        Wrong(
            "K2 K6 a price of 0 is lost",
            filled(CENT, f"{ALTER}; op.execute('UPDATE products SET price = 1 WHERE price < 1')"),
            "a free product stays free",
        ),
        Wrong(
            "K6 small prices only",
            filled(CENT, ALTER.replace("8, 2", "4, 2")),
            "another database gets the new type",
        ),
        Wrong(
            "K10 the first revision is changed",
            filled(CENT, ALTER) + EARLIER,
            "have run are as they were",
        ),
        Wrong(
            "K15 another model",
            filled(CENT, ALTER) + edited("models.py", "Numeric(8, 2)", "Numeric(9, 3)"),
            "models.py and the database agree",
        ),
        Wrong(
            "K4 the upgrade's error hidden",
            filled(
                CENT,
                'op.execute("DO $$ BEGIN ALTER TABLE products ALTER price TYPE numeric(8, 2); "\n'
                '               "EXCEPTION WHEN OTHERS THEN NULL; END $$")',
            ),
            "fails if a price doesn't fit",
        ),
        Wrong(
            "K6 large prices cut off",
            filled(
                CENT,
                'op.execute("ALTER TABLE products ALTER price TYPE numeric(8, 2) "\n'
                '               "USING least(price, 999999.99)")',
            ),
            "fails if a price doesn't fit",
        ),
        Wrong(
            "K6 names trimmed",
            filled(CENT, f"{ALTER}; op.execute('UPDATE products SET name = trim(name)')"),
            "and names stay",
        ),
        Wrong(
            "K15 the primary key dropped by hand",
            filled(CENT, ALTER) + by_hand("ALTER TABLE products DROP CONSTRAINT pk_products"),
            "what you changed by hand",
        ),
        Wrong(
            "K6 free products are deleted",
            filled(CENT, f"{ALTER}; op.execute('DELETE FROM products WHERE price = 0')"),
            "UPDATE, DELETE and TRUNCATE",
        ),
        Wrong(
            "K6 a price of 0 becomes NULL",
            filled(
                CENT,
                'op.execute("ALTER TABLE products ALTER price TYPE numeric(8, 2) "\n'
                '               "USING NULLIF(price, 0)")',
            ),
            "NULLIF turns 0 into NULL",
        ),
        Wrong(
            "K10 a default for the price",
            filled(CENT, ALTER.replace("type_", "server_default='0', type_")),
            "the price had no default",
        ),
        Wrong(
            "K10 the default of the id is lost",
            filled(CENT, f"{ALTER}; op.alter_column('products', 'id', server_default=None)"),
            "its default numbers new products",
        ),
        Wrong(
            "K10 a view left behind",
            filled(CENT, f"{ALTER}; op.execute('CREATE VIEW v AS SELECT id FROM products')"),
            "a view that only your revision needs",
        ),
        Wrong(
            "K10 the file of 0002 is gone",
            "from pathlib import Path\n"
            'Path("alembic/versions/0002_create_products.py").unlink()\n'
            + by_hand("UPDATE alembic_version SET version_num = '0001'")
            + filled("0003_cents", ALTER),
            "the file of 0002, which is gone",
        ),
        Wrong(
            "K14 a setting of the database",
            filled(CENT, f"{ALTER}; op.execute({DEFAULTS!r})"),
            "ALTER ROLE and ALTER DATABASE",
        ),
        Wrong(
            "K11 a copy in another schema",
            filled(CENT, ALTER + "; op.execute('CREATE SCHEMA c')"),
            "another database gets the new type",
        ),
        Wrong(
            "empty, and by hand",
            filled(CENT, "return") + by_hand("ALTER TABLE products ALTER price TYPE numeric(8, 2)"),
            "another database gets the new type",
        ),
        Wrong(
            "back, forward, and the rows pasted",
            filled(CENT, ALTER, run="%alembic downgrade 0001\n%alembic upgrade head")
            + by_hand(
                "INSERT INTO products (name, price) VALUES ('Teapot', 24), ('Kettle', 39), "
                "('Cup', 7)"
            ),
            "your three products kept their prices",
        ),
        Wrong(
            "the column recreated",
            filled(
                CENT,
                "op.drop_column('products', 'price')\n    op.add_column('products', "
                "sa.Column('price', sa.Numeric(8, 2), nullable=False, server_default='0'))\n"
                "    op.alter_column('products', 'price', server_default=None)",
            ),
            "your three products kept their prices",
        ),
        Wrong(
            "the table created again",
            filled(
                CENT,
                "op.drop_table('products')\n    "
                + CREATE_PRODUCTS.replace("'price', sa.Integer()", "'price', sa.Numeric(8, 2)"),
            ),
            "your three products kept their prices",
        ),
        Wrong(
            "a branch beside 0002",
            filled(CENT, ALTER, run="%alembic upgrade heads").replace(
                "--rev-id", "--head 0001 --splice --rev-id"
            ),
            "a new revision follows 0002",
        ),
        Wrong(
            "the model edited instead",
            "from pathlib import Path\nmodels = Path('models.py')\n"
            "models.write_text(models.read_text().replace('Mapped[Decimal] = mapped_column"
            "(Numeric(8, 2))', 'Mapped[int]'))",
            "a new revision follows 0002",
        ),
    ),
}
