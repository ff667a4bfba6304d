"""Right and wrong answers to `not-empty-and-true` and `batches-and-restarts`."""

from __future__ import annotations

from support.samples import revision, right, wrong

REVISION = f"{revision('0004', '{}', name='step')}# %%\n%alembic upgrade head\n"
NOT_RUN = REVISION.partition("# %%")[0]
ADD = 'op.add_column("users", sa.Column("domain", sa.String(100)))'
SET = """op.execute("UPDATE users SET domain = split_part(email, '@', 2)")"""
MUST = 'op.alter_column("users", "domain", nullable=False)'

WITH_THE_MODEL = f"""    from sqlalchemy.orm import Session
    from models import User
    {ADD}
    session = Session(op.get_bind())
    for user in session.scalars(sa.select(User)):
        change = sa.text("UPDATE users SET domain = :domain WHERE id = :id")
        session.execute(change, {{"domain": user.email.split("@")[1], "id": user.id}})
    {MUST}
"""

# The users that an earlier edition put there.
PASTE = """# %%
from sqlalchemy import text
with exercise.engine.begin() as connection:
    connection.execute(text("DELETE FROM users"))
    connection.execute(text("INSERT INTO users (name, email, password, domain) VALUES "
        "('Ann', 'ann@example.com', 'not a real hash', 'example.com'), "
        "('Ben', 'ben@mail.example', 'not a real hash', 'mail.example'), "
        "('Cleo', 'cleo@example.org', 'not a real hash', 'example.org')"))
"""
NEW_USER = """# %%
from sqlalchemy import text
with exercise.engine.begin() as connection:
    connection.execute(text("INSERT INTO users (name, email, password, domain) "
                            "VALUES ('Eve', 'eve@x.y', '-', 'x.y')"))
"""
DOMAIN_RIGHT = (
    *right(
        REVISION,
        f"""
--- SQL only
    op.execute("ALTER TABLE users ADD domain varchar(100)")
    op.execute("UPDATE users SET domain = substring(email FROM position('@' IN email) + 1)")
    op.execute("ALTER TABLE users ALTER domain SET NOT NULL")
--- a default that goes again
    op.add_column("users", sa.Column("domain", sa.String(100), nullable=False, server_default="-"))
    {SET}
    op.alter_column("users", "domain", server_default=None)
--- a frozen table, row by row
    {ADD}
    users = sa.table("users", sa.column("id"), sa.column("email"), sa.column("domain"))
    connection = op.get_bind()
    for number, email in connection.execute(sa.select(users.c.id, users.c.email)).all():
        change = sa.update(users).where(users.c.id == number)
        connection.execute(change.values(domain=email.rpartition("@")[2]))
    {MUST}
""",
    ),
    REVISION.replace("{}", f"    {ADD}; {SET}; {MUST}") + NEW_USER,
    REVISION.replace("{}", f"    {ADD}; {SET}; {MUST}") + "# %%\n%alembic downgrade 0003\n"
    "%alembic upgrade head\n",
)
DOMAIN_WRONG = (
    *wrong(
        REVISION,
        f"""
--- the draft as autogenerate writes it -> which value does the new column get
    op.add_column("users", sa.Column("domain", sa.String(100), nullable=False))
--- NOT NULL before the values -> which value does the new column get
    {ADD}; {MUST}; {SET}
--- never NOT NULL -> NOT NULL as the last step
    {ADD}; {SET}
--- an empty default for everybody -> with a default, a row without a domain
    op.add_column("users", sa.Column("domain", sa.String(100), nullable=False, server_default=""))
--- an empty text in each row -> users that you have not seen
    {ADD}; op.execute("UPDATE users SET domain = ''"); {MUST}
--- the part before the sign -> users that you have not seen
    {ADD}; op.execute("UPDATE users SET domain = split_part(email, '@', 1)"); {MUST}
--- the three that are known -> which value does the new column get
    {ADD}
    for name, domain in ("ann", "example.com"), ("ben", "mail.example"), ("cleo", "example.org"):
        op.execute(f"UPDATE users SET domain = '{{domain}}' WHERE email LIKE '{{name}}@%'")
    {MUST}
--- the rows deleted -> users that you have not seen
    op.execute("DELETE FROM users"); {ADD}; {MUST}
--- nothing -> users has the column domain
    pass
--- a mistake in the SQL -> find the line that fails
    {ADD}; op.execute("UPDATE users SET domain = part(email)"); {MUST}
""",
    ),
    *wrong(
        "{}",
        f"""
--- by hand, and no revision -> revision 0004 follows 0003
from sqlalchemy import text
with exercise.engine.begin() as connection:
    connection.execute(text("ALTER TABLE users ADD domain varchar(100)"))
--- other users in their place -> your three users are still there
{REVISION.replace("{}", f"    {ADD}; {SET}; {MUST}")}{PASTE}
--- a revision that has not run -> your database also has the column
{NOT_RUN.replace("{}", f"    {ADD}; {SET}; {MUST}")}
--- run too early, then fixed -> no user in your database has a wrong domain
{REVISION.replace("{}", f"    {ADD}; {SET.replace('split_part', 'concat')}; {MUST}")}
# %%
{NOT_RUN.replace("{}", f"    {ADD}; {SET}; {MUST}")}
--- with the model of today -> which may gain columns later
{REVISION.replace("{}", WITH_THE_MODEL)}
""",
    ),
)

DEF = """
from sqlalchemy import text
from tutorial_lib import backfill

FILL = "UPDATE orders SET tax = round(amount / 6, 2) WHERE tax IS NULL"

def fill(engine):
"""
PIECES_RIGHT = right(
    DEF,
    """
--- a loop with a limit
count = 1
while count:
    with engine.begin() as connection:
        some = "id IN (SELECT id FROM orders WHERE tax IS NULL LIMIT 500)"
        count = connection.execute(text(f"{FILL} AND {some}")).rowcount
--- ranges of keys up to the last one
with engine.connect() as connection:
    top = connection.scalar(text("SELECT max(id) FROM orders"))
for low in range(0, top + 1, 1000):
    with engine.begin() as connection:
        some = f"id BETWEEN {low} AND {low + 999}"
        connection.execute(text(f"{FILL} AND {some}"))
--- ids first, then in pieces
with engine.connect() as connection:
    ids = connection.scalars(text("SELECT id FROM orders WHERE tax IS NULL ORDER BY id")).all()
for place in range(0, len(ids), 1000):
    with engine.begin() as connection:
        some = {"ids": list(ids[place : place + 1000])}
        connection.execute(text(f"{FILL} AND id = ANY(:ids)"), some)
--- K13: computed in Python, one UPDATE for each row
from decimal import ROUND_HALF_UP, Decimal
some = text("SELECT id, amount FROM orders WHERE tax IS NULL LIMIT 1000")
update = text("UPDATE orders SET tax = :tax WHERE id = :id AND tax IS NULL")
cent, rows = Decimal("0.01"), True
while rows:
    with engine.begin() as connection:
        if rows := connection.execute(some).all():
            taxes = [{"id": i, "tax": (a / 6).quantize(cent, ROUND_HALF_UP)} for i, a in rows]
            connection.execute(update, taxes)
--- a procedure that commits
loop = f'''DO $$ DECLARE low int := 0; BEGIN
    WHILE low <= (SELECT max(id) FROM orders) LOOP
        {FILL} AND id >= low AND id < low + 1000;
        COMMIT;
        low := low + 1000;
    END LOOP;
END $$'''
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
    connection.exec_driver_sql(loop)
""",
)
PIECES_WRONG = wrong(
    DEF,
    """
--- a second call meets what the first left -> didn't run to its end
with engine.begin() as connection:
    connection.execute(text("CREATE TABLE todo AS SELECT id FROM orders WHERE tax IS NULL"))
    ids = connection.scalars(text("SELECT id FROM todo ORDER BY id")).all()
for place in range(0, len(ids), 500):
    with engine.begin() as connection:
        some = {"ids": list(ids[place : place + 500])}
        connection.execute(text(f"{FILL} AND id = ANY(:ids)"), some)
--- one statement -> earlier batches are kept
with engine.begin() as connection:
    connection.execute(text(FILL))
--- nobody hears of the error -> no one learns that orders are left
try:
    for low in range(0, 35_001, 1000):
        with engine.begin() as connection:
            connection.execute(text(f"{FILL} AND id BETWEEN {low} AND {low + 999}"))
except Exception:
    pass
--- to the even cent -> no tax is wrong
from decimal import Decimal
query = text("SELECT id, amount FROM orders WHERE tax IS NULL ORDER BY id")
with engine.connect() as connection:
    todo = connection.execute(query).all()
for place in range(0, len(todo), 1000):
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE orders SET tax = :tax WHERE id = :id AND tax IS NULL"),
            [{"id": i, "tax": round(a / 6, 2)} for i, a in todo[place : place + 1000]],
        )
--- batches that are too large -> each batch needs a commit of its own
backfill.run(
    engine, "orders", size=2_000,
    set={"tax": text("round(amount / 6, 2)")}, where=text("tax IS NULL"),
)
--- batches in one transaction -> earlier batches are kept
with engine.begin() as connection:
    count = 1
    while count:
        some = "id IN (SELECT id FROM orders WHERE tax IS NULL LIMIT 500)"
        count = connection.execute(text(f"{FILL} AND {some}")).rowcount
--- pages by offset -> no order is without a tax
for page in range(5):
    with engine.begin() as connection:
        some = "SELECT id FROM orders WHERE tax IS NULL ORDER BY id"
        some = f"id IN ({some} LIMIT 1000 OFFSET {1000 * page})"
        connection.execute(text(f"{FILL} AND {some}"))
--- as many ids as there are rows -> no order is without a tax
for low in range(0, 5000, 1000):
    with engine.begin() as connection:
        connection.execute(text(f"{FILL} AND id BETWEEN {low} AND {low + 999}"))
--- all orders recreated -> People entered these taxes
for low in range(0, 35_001, 1000):
    with engine.begin() as connection:
        some = f"id BETWEEN {low} AND {low + 999}"
        connection.execute(text("UPDATE orders SET tax = round(amount / 6, 2) WHERE " + some))
--- done ones twice -> Finished orders need no second change
for low in range(0, 35_001, 1000):
    with engine.begin() as connection:
        some = f"id BETWEEN {low} AND {low + 999} AND id % 350 <> 0"
        connection.execute(text("UPDATE orders SET tax = round(amount / 6, 2) WHERE " + some))
--- a fifth -> a sixth of the amount
backfill.run(
    engine, "orders", size=1_000,
    set={"tax": text("round(amount / 5, 2)")}, where=text("tax IS NULL"),
)
--- another database -> does it use the engine that is passed to it
backfill.run(
    exercise.engine, "orders", size=1_000,
    set={"tax": text("round(amount / 6, 2)")}, where=text("tax IS NULL"),
)
--- no commit -> does it commit
with engine.connect() as connection:
    for low in range(0, 35_001, 1000):
        connection.execute(text(f"{FILL} AND id BETWEEN {low} AND {low + 999}"))
--- the first batch only -> no order is without a tax
with engine.begin() as connection:
    some = "id IN (SELECT id FROM orders WHERE tax IS NULL LIMIT 500)"
    connection.execute(text(f"{FILL} AND {some}"))
""",
)

RIGHT = {
    "not-empty-and-true": DOMAIN_RIGHT,
    "batches-and-restarts": PIECES_RIGHT,
}
WRONG = {
    "not-empty-and-true": DOMAIN_WRONG,
    "batches-and-restarts": PIECES_WRONG,
}
