"""Right and wrong answers for the checks of a lesson."""

from __future__ import annotations

from support.samples import right, wrong

# failing-round-trip: variants of revision file 0005
EDIT = """
from pathlib import Path
file = Path("alembic/versions/0005_deliveries.py")
text = file.read_text()
def back(*lines):
    head = text[:text.index("def downgrade")]
    file.write_text(head + "def downgrade():\\n" + "".join(f"    {line}\\n" for line in lines))
{}"""
TABLE = """'op.drop_table("deliveries")'"""
ROUND_RIGHT = right(
    EDIT,
    f"""
--- in SQL
back('op.execute("DROP INDEX ix_orders_created_at; DROP TABLE deliveries")')
--- only where it is there
back({TABLE}, 'op.drop_index("ix_orders_created_at", if_exists=True)')
--- each thing by itself
back('op.drop_index("ix_orders_created_at", "orders")',
     'op.drop_index("ix_deliveries_day", "deliveries")', {TABLE})
""",
)
ROUND_WRONG = wrong(
    EDIT,
    f"""
--- the way up closes its eyes -> as it was before 0004
file.write_text(text.replace('["created_at"])', '["created_at"], if_not_exists=True)'))
--- the way up does less -> makes what it made before
line = '    op.create_index("ix_orders_created_at", "orders", ["created_at"])'
file.write_text(text.replace(line, ""))
--- a wrong name -> they go down to 0003
back('op.drop_index("ix_created_at", "orders")', {TABLE})
--- the other index -> as it was before 0004
back('op.drop_index("ix_deliveries_day", "deliveries")', {TABLE})
--- the file is gone -> the three revisions go up
file.unlink()
--- no way back -> they go down to 0003
back('raise NotImplementedError("restore the backup")')
--- too much is taken back -> as it was before 0004
back('op.drop_index("ix_orders_created_at", "orders")', {TABLE},
     'op.drop_column("orders", "created_at")')
--- nothing at all -> as it was before 0004
back('pass')
""",
)

# test-that-notices: test files
TESTS = """%%writefile test_cents.py
from decimal import Decimal

from alembic import command
from alembic.config import Config
from sqlalchemy import text

ANN = {"id": 1, "name": "Ann", "email": "ann@example.com", "password": "-"}
PUT = "INSERT INTO users VALUES (1, 'Ann', 'ann@example.com', '-'); " \\
      "INSERT INTO orders (user_id, amount) VALUES (1, 0.07), (1, 12.34)"
CENTS, AMOUNT = "SELECT cents FROM orders ORDER BY id", "SELECT amount FROM orders ORDER BY id"


def ask(engine, query):
    with engine.connect() as connection:
        return connection.scalars(text(query)).all()


{}"""
BEGIN = """    alembic_runner.migrate_up_before("0004")
    alembic_runner.insert_into("users", ANN)
"""
PAID = '    alembic_runner.insert_into("orders", {{"user_id": 1, "amount": Decimal("{}")}})\n'
UP, DOWN = "    alembic_runner.migrate_up_one()\n", "    alembic_runner.migrate_down_one()\n"
TEST = "def test_cents(alembic_runner, alembic_engine):\n" + BEGIN
TESTED_RIGHT = right(
    TESTS,
    f"""
--- one test for each way
def test_up(alembic_runner, alembic_engine):
{BEGIN}{PAID.format("0.99")}{UP}    assert ask(alembic_engine, CENTS) == [99]

def test_back(alembic_runner, alembic_engine):
{BEGIN}{PAID.format("0.99")}{UP}{DOWN}    assert ask(alembic_engine, AMOUNT) == [Decimal("0.99")]
--- with Alembic's own commands
def test_cents(alembic_engine):
    config = Config("alembic.ini", attributes={{"connection": alembic_engine}})
    command.upgrade(config, "0003")
    with alembic_engine.begin() as connection:
        connection.execute(text(PUT))
    command.upgrade(config, "0004")
    assert ask(alembic_engine, CENTS) == [7, 1234]
    command.downgrade(config, "0003")
    assert sum(ask(alembic_engine, AMOUNT)) == Decimal("12.41")
""",
)
TESTED_WRONG = wrong(
    TESTS,
    f"""
--- a whole amount -> when the way up loses the cents
{TEST}{PAID.format("20.00")}{UP}    assert ask(alembic_engine, CENTS) == [2000]
{DOWN}    assert ask(alembic_engine, AMOUNT) == [20]
--- the way up only -> when the way back loses the cents
{TEST}{PAID.format("19.99")}{UP}    assert ask(alembic_engine, CENTS) == [1999]
--- the way back only, and roughly -> when the way up loses the cents
{TEST}{PAID.format("19.99")}{UP}{DOWN}    assert abs(ask(alembic_engine, AMOUNT)[0] - 20) < 1
--- no assert -> when the way up loses the cents
{TEST}{PAID.format("19.99")}{UP}{DOWN}
--- no row -> when the way up loses the cents
{TEST}{UP}    assert ask(alembic_engine, CENTS) == []
{DOWN}    assert ask(alembic_engine, AMOUNT) == []
--- only whether there is a number -> when the way up loses the cents
{TEST}{PAID.format("19.99")}{UP}    assert ask(alembic_engine, CENTS)[0] > 0
{DOWN}    assert ask(alembic_engine, AMOUNT)[0] > 0
--- it reads the revision, and runs nothing -> look at the rows that a revision leaves
def test_cents():
    source = open("alembic/versions/0004_cents.py").read()
    assert "round(amount * 100)" in source and "cents / 100.0" in source
--- it looks for today's mistakes in the text -> when the way up loses the cents
def test_cents():
    source = open("alembic/versions/0004_cents.py").read()
    assert "ceil(amount) * 100" not in source and "cents / 100 " not in source
--- it knows what one mistake makes of one amount -> when the way up loses the cents
{TEST}{PAID.format("19.99")}{UP}    assert ask(alembic_engine, CENTS)[0] not in (1900, 2000)
{DOWN}    assert ask(alembic_engine, AMOUNT)[0] not in (19, 20)
--- any amount at all -> when the way up loses the cents
{TEST}{PAID.format("0.01")}{UP}{DOWN}    assert ask(alembic_engine, AMOUNT)[0] > 0
--- it expects too much -> your tests pass with 0004
{TEST}{PAID.format("19.99")}{UP}    assert ask(alembic_engine, CENTS) == [19.99]
--- it has never run -> your tests pass with 0004
{TEST}    alembic_runner.up()
--- the way up to 0004 comes before the row -> your tests pass with 0004
def test_cents(alembic_runner, alembic_engine):
    alembic_runner.migrate_up_to("0004")
    alembic_runner.insert_into("users", ANN)
{PAID.format("19.99")}
""",
)

# two-deployments: variants of env.py
OPEN = "with connectable.connect() as connection:"
CONFIGURE = "        context.configure(\\n            connection=connection,"
BEGUN = "        with context.begin_transaction():\\n            context.run_migrations()"
ENV = f"""
from pathlib import Path
env = Path("alembic/env.py")
source = env.read_text()
OPEN = "{OPEN}"
CONFIGURE = "{CONFIGURE}"
BEGUN = "{BEGUN}"
HEAD = "create_engine, pool"
def change(*pairs):
    text = source
    for old, new in pairs:
        assert old in text
        text = text[:text.rindex(old)] + new + text[text.rindex(old) + len(old):]
    env.write_text(text)
LOCK = 'text("SELECT pg_advisory_lock(7)")'
SQL = (HEAD, HEAD + ", text\\nimport os, time")
{{}}"""
TURNS_RIGHT = right(
    ENV,
    """
--- an engine without a pool, and a loop of one's own
change(SQL, (OPEN, '''turn = connectable.connect().execution_options(isolation_level="AUTOCOMMIT")
    while not turn.scalar(text("SELECT pg_try_advisory_lock(7)")):
        time.sleep(0.1)
    ''' + OPEN))
--- a wait in PostgreSQL, without a limit
change(SQL, (OPEN, '''with connectable.connect() as turn, connectable.connect() as connection:
        turn.execute(text("SET lock_timeout = 0"))
        turn.execute(text("SELECT pg_advisory_lock(7)"))'''))
--- inside of the migration's own transaction
change(SQL, (BEGUN, '''        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(7)"))
            context.run_migrations()'''))
--- the bookmark itself as the lock
change(SQL, (BEGUN, '''        with context.begin_transaction():
            connection.execute(text("LOCK TABLE alembic_version"))
            context.run_migrations()'''))
--- on the same connection, and committed
change(SQL, (CONFIGURE, '''        connection.execute(text("SELECT pg_advisory_lock(7)"))
        connection.commit()
''' + CONFIGURE))
""",
)
TURNS_WRONG = wrong(
    ENV,
    """
--- on the same connection, not committed -> what it did is in the database
change(SQL, (CONFIGURE, '''        connection.execute(text("SELECT pg_advisory_lock(7)"))
''' + CONFIGURE))
--- a lock of the transaction, not committed -> what it did is in the database
change(SQL, (CONFIGURE, '''        connection.execute(text("SELECT pg_advisory_xact_lock(7)"))
''' + CONFIGURE))
--- given back before the migration -> two deployments at once both end well
change(SQL, (OPEN, '''with connectable.connect() as turn:
        turn.execute(text("SELECT pg_advisory_lock(7)"))
    ''' + OPEN))
--- a lock of a transaction that has ended -> two deployments at once both end well
change(SQL, (CONFIGURE, '''        connection.execute(text("SELECT pg_advisory_xact_lock(7)"))
        connection.commit()
''' + CONFIGURE))
--- tried for once, and not looked at -> two deployments at once both end well
change(SQL, (CONFIGURE, '''        connection.execute(text("SELECT pg_try_advisory_lock(7)"))
        connection.commit()
''' + CONFIGURE))
--- tried for once, then given up -> two deployments at once both end well
change(SQL, (CONFIGURE, '''        if not connection.scalar(text("SELECT pg_try_advisory_lock(7)")):
            raise SystemExit("somebody else is at it")
        connection.commit()
''' + CONFIGURE))
--- each its own lock -> two deployments at once both end well
change(SQL, (CONFIGURE, '''        mine = text(f"SELECT pg_advisory_lock({os.getpid()})")
        connection.execute(mine)
        connection.commit()
''' + CONFIGURE))
--- a lock that all may share -> two deployments at once both end well
change(SQL, (CONFIGURE, '''        connection.execute(text("SELECT pg_advisory_lock_shared(7)"))
        connection.commit()
''' + CONFIGURE))
--- tried for once, then left as if all were done -> while the other is at it
change(SQL, (CONFIGURE, '''        if not connection.scalar(text("SELECT pg_try_advisory_lock(7)")):
            raise SystemExit(0)
        connection.commit()
''' + CONFIGURE))
--- no error is seen -> a revision that fails still fails
change((HEAD, HEAD + "\\nfrom tutorial_lib.advisory_lock import advisory_lock"),
    (OPEN, "with advisory_lock(connectable), connectable.connect() as connection:"),
    (BEGUN, '''        with context.begin_transaction():
            try:
                context.run_migrations()
            except Exception:
                connection.rollback()'''))
--- imported, and not used -> two deployments at once both end well
change((HEAD, HEAD + "\\nfrom tutorial_lib.advisory_lock import advisory_lock"))
--- a name that was never imported -> one deployment alone runs
change((OPEN, "with advisory_lock(connectable), connectable.connect() as connection:"))
""",
)

RIGHT = {
    "failing-round-trip": ROUND_RIGHT,
    "test-that-notices": TESTED_RIGHT,
    "two-deployments": TURNS_RIGHT,
}
WRONG = {
    "failing-round-trip": ROUND_WRONG,
    "test-that-notices": TESTED_WRONG,
    "two-deployments": TURNS_WRONG,
}
