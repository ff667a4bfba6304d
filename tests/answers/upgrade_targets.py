"""Right and wrong answers to `upgrade-to-revision`."""

from __future__ import annotations

from answers.upgrade import by_hand, edited
from support.samples import Wrong

RIGHT = {
    "upgrade-to-revision": (
        "%alembic upgrade +2",
        "%alembic upgrade head\n%alembic downgrade -1",
        "%alembic upgrade 0002\n%alembic upgrade +1",
        "%alembic upgrade head\n%alembic downgrade base\n%alembic upgrade 0003",
        "%alembic upgrade 0003\n" + by_hand("CREATE TABLE baskets (id int)"),
        "%alembic upgrade 0001+2",
        "%alembic upgrade 0002\n%alembic upgrade 0003",
        "%alembic upgrade head-1",
        "import time\ntime.sleep(1)\n%alembic upgrade 0004-1",
        """
from alembic import command
from alembic.config import Config
command.upgrade(Config("alembic.ini"), "0003")
""",
        """
from sqlalchemy import text
%alembic upgrade 0003
with exercise.engine.begin() as connection:
    connection.execute(text("INSERT INTO products (name, price) VALUES ('Cup', 7)"))
    connection.execute(text("INSERT INTO users (name, email, password) VALUES ('A', 'a', '-')"))
""",
    ),
}
WRONG = {
    "upgrade-to-revision": (
        Wrong("all the way", "%alembic upgrade head", "0004 has not run"),
        Wrong("one step only", "%alembic upgrade +1", "0003 has run"),
        Wrong("only the bookmark", "%alembic stamp 0003", "0002 has run"),
        Wrong(
            "K15 only the ID is changed back",
            "%alembic upgrade head\n%alembic stamp 0003",
            "0004 has not run",
        ),
        Wrong(
            "K10 0004 is emptied",
            edited("alembic/versions/0004_create_carts.py", "op.create_table", "print")
            + "%alembic upgrade 0003",
            "the files are unchanged",
        ),
        Wrong(
            "env.py is changed as well",
            edited("alembic/env.py", "compare_type=True", "compare_type=False")
            + "%alembic upgrade 0003",
            "alembic/env.py was changed",
        ),
        Wrong(
            "the model is changed as well",
            edited("models.py", "String(50)", "String(60)") + "%alembic upgrade 0003",
            "models.py was changed",
        ),
        Wrong(
            "K1 the ID written by hand",
            by_hand("UPDATE alembic_version SET version_num = '0003'"),
            "only its ID stored",
        ),
        Wrong(
            "K10 0004 moved away",
            'from pathlib import Path\nfile = Path("alembic/versions/0004_create_carts.py")\n'
            "_ = file.rename(file.name)\n%alembic upgrade head",
            "0004_create_carts.py is gone",
        ),
        Wrong(
            "K10 K15 0003 skips 0002",
            edited("alembic/versions/0003_create_products.py", "'0002'", "'0001'")
            + "%alembic upgrade 0003",
            "0003_create_products.py was changed",
        ),
        Wrong(
            "K15 undone by hand",
            "%alembic upgrade 0003\n" + by_hand("ALTER TABLE users DROP nickname"),
            "undone by hand",
        ),
        Wrong(
            "K15 another type by hand",
            "%alembic upgrade 0003\n" + by_hand("ALTER TABLE users ALTER nickname TYPE text"),
            "column users.nickname",
        ),
        Wrong(
            "K15 0004 by hand",
            "%alembic upgrade 0003\n" + by_hand("CREATE TABLE carts (id serial PRIMARY KEY)"),
            "carts created by hand",
        ),
        Wrong(
            "K11 0004 ran, and its table is moved away",
            "%alembic upgrade head\n"
            + by_hand(
                "CREATE SCHEMA attic; ALTER TABLE carts SET SCHEMA attic;"
                "UPDATE alembic_version SET version_num = '0003'"
            ),
            "0004 has not run",
        ),
        Wrong(
            "K10 a table that a crash empties",
            "%alembic upgrade 0003\n" + by_hand("ALTER TABLE products SET UNLOGGED"),
            "did you create something by hand",
        ),
        Wrong(
            "K15 two rows in the version table",
            "%alembic upgrade 0003\n" + by_hand("INSERT INTO alembic_version VALUES ('0001')"),
            "the rows of alembic_version",
        ),
        Wrong(
            "K11 a table in another schema",
            "%alembic upgrade 0003\n"
            + by_hand("CREATE SCHEMA attic; ALTER TABLE products SET SCHEMA attic"),
            "created in another schema",
        ),
        Wrong(
            "K3 a session holds a lock",
            """
from sqlalchemy import text
%alembic upgrade 0003
leaked = exercise.engine.connect()
_ = leaked.execute(text("LOCK TABLE users"))
""",
            "One of your sessions is open and holds a lock",
        ),
        Wrong(
            "too far back", "%alembic upgrade head\n%alembic downgrade 0002", "has not been reached"
        ),
        Wrong("the wrong way", "%alembic downgrade base", "the database is at revision 0003"),
        Wrong(
            "by hand, with other types, and stamped",
            by_hand(
                "ALTER TABLE users ADD nickname integer; CREATE TABLE products (id int PRIMARY KEY)"
            )
            + "%alembic stamp 0003",
            "the tables are what 0001 to 0003 create",
        ),
        Wrong(
            "0004 thrown away",
            "from pathlib import Path\n"
            'Path("alembic/versions/0004_create_carts.py").unlink()\n%alembic upgrade head',
            "the files are unchanged",
        ),
        Wrong(
            "by hand",
            by_hand(
                "ALTER TABLE users ADD nickname varchar(50);"
                "CREATE TABLE products (id int, name text, price int)"
            ),
            "the database is at revision 0003",
        ),
    ),
}
