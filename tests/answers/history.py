"""Right and wrong answers for the checks of a lesson."""

from __future__ import annotations

from support.samples import right, wrong

BEGIN = """
from pathlib import Path
from sqlalchemy import text

def run(statement):
    with exercise.engine.begin() as connection:
        connection.execute(text(statement))

def edit(name, old, new):
    file = Path("alembic/versions") / name
    file.write_text(file.read_text().replace(old, new))

def write(name, revision, after, up="pass", down="pass"):
    head = f"from alembic import op\\nimport sqlalchemy as sa\\nrevision = {revision!r}\\n"
    head += f"down_revision = {after!r}\\n"
    body = f"def upgrade():\\n    {up}\\ndef downgrade():\\n    {down}\\n"
    (Path("alembic/versions") / name).write_text(head + body)

{}"""
# What an earlier edition put there, and what a learner may have seen.
PASTE = """
run("INSERT INTO users (name, email, password) VALUES "
    "('Ann', 'ann@example.com', 'no hash'), ('Ben', 'ben@example.com', 'no hash')")
run("INSERT INTO orders (user_id, amount, status) VALUES "
    "(1, 24.00, 'paid'), (1, 39.50, 'shipped'), (2, 7.25, 'new')")
"""
SAVED = """
from sqlalchemy import MetaData
saved = MetaData()
saved.reflect(exercise.engine, only=["users", "orders"])
with exercise.engine.connect() as connection:
    rows = [
        connection.execute(saved.tables[name].select()).mappings().all()
        for name in ("users", "orders")
    ]
"""
BROUGHT_BACK = """
with exercise.engine.begin() as connection:
    for table, mine in zip(("users", "orders"), rows):
        connection.execute(saved.tables[table].insert(), [dict(row) for row in mine])
"""
RECREATED = 'run("DROP SCHEMA public CASCADE"); run("CREATE SCHEMA public")'

BOOKMARK_RIGHT = right(
    BEGIN,
    f"""
--- everything recreated, with the rows saved before
{SAVED}{RECREATED}
%alembic upgrade head
{BROUGHT_BACK}
--- a bookmark by hand
run("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
run("INSERT INTO alembic_version VALUES ('0003')")
%alembic upgrade 0004
--- too far, and back
%alembic stamp head
%alembic stamp 0003
%alembic upgrade +1
""",
)
BOOKMARK_WRONG = wrong(
    BEGIN,
    f"""
--- stamped as if all had run -> Only these may be stamped
%alembic stamp head
--- stamped, and not upgraded -> users has the column phone
%alembic stamp 0003
--- stamped too early -> the bookmark stands at 0004
%alembic stamp 0002
%alembic upgrade head
--- everything recreated -> the two users and the three orders are as they were
{RECREATED}
%alembic upgrade head
--- everything recreated, and rows pasted -> the two users and the three orders are as they were
{RECREATED}
%alembic upgrade head
{PASTE}
--- the column by hand -> the bookmark stands at 0004
run("ALTER TABLE users ADD phone varchar(20)")
--- the column by hand, of another type -> users has the column phone
run("ALTER TABLE users ADD phone text")
%alembic stamp head
--- the tables out of the way -> nothing else in the schema has changed
run("DROP TABLE orders, carts, users; DROP TYPE order_status")
%alembic upgrade head
run("ALTER TABLE orders ADD note text")
--- steps taken out of the files -> the files are as they were
for file in sorted(Path("alembic/versions").glob("000[123]*.py")):
    head = "def upgrade() -> None:"
    file.write_text(file.read_text().replace(head, head + "\\n    return"))
%alembic upgrade head
--- stamped at the base -> the bookmark stands at 0004
%alembic stamp base
%alembic stamp 0001
""",
)

MERGED_RIGHT = right(
    BEGIN,
    """
--- in the other order, and after an upgrade of both
%alembic upgrade heads
%alembic merge 0004b 0004a
%alembic upgrade head
--- a merge by hand
write("both.py", "both", ("0004b", "0004a"))
%alembic upgrade head
--- a line, and a revision that makes up what is missing
edit("0004b_gift_note.py", "'0003'", "'0004a'")
up = 'op.execute("ALTER TABLE users ADD COLUMN IF NOT EXISTS phone varchar(20)")'
write("0005.py", "0005", "0004b", up)
%alembic upgrade head
""",
)
MERGED_WRONG = wrong(
    BEGIN,
    f"""
--- both heads, and no merge -> the history has one head
%alembic upgrade heads
--- Ann's after Ben's -> upgrade head brings Ann's database
edit("0004a_phone.py", "'0003'", "'0004b'")
%alembic upgrade head
--- Ben's after Ann's -> upgrade head brings Ben's database
edit("0004b_gift_note.py", "'0003'", "'0004a'")
%alembic upgrade head
--- one file thrown away -> 0004a is gone, and a database needs it
Path("alembic/versions/0004a_phone.py").unlink()
%alembic upgrade head
--- never run -> your database stands at the head
%alembic merge heads -m "merge"
--- only stamped -> your database has both columns
%alembic merge heads -m "merge"
%alembic stamp head
--- a merge that makes the columns again -> upgrade head brings Ann's database
up = 'op.add_column("users", sa.Column("phone", sa.String(20)))'
write("both.py", "both", ("0004a", "0004b"), up)
%alembic stamp 0004b
%alembic upgrade head
--- both in one new file -> upgrade head brings Ann's database
for name in ("0004a_phone", "0004b_gift_note"):
    Path(f"alembic/versions/{{name}}.py").unlink()
up = 'op.execute("ALTER TABLE users ADD phone varchar(20); ALTER TABLE orders ADD gift_note text")'
write("0004.py", "0004", "0003", up)
%alembic upgrade head
--- a revision after one of them -> the history has one head
write("0005.py", "0005", "0004a")
%alembic upgrade heads
--- a merge that touches rows -> the two users and the three orders are as they were
write("both.py", "both", ("0004a", "0004b"), 'op.execute("UPDATE orders SET amount = 0")')
%alembic upgrade head
--- from the beginning, and rows pasted -> the two users and the three orders are as they were
%alembic merge heads -m "merge"
%alembic downgrade base
%alembic upgrade head
{PASTE}
--- back to the beginning first -> the two users and the three orders are as they were
%alembic merge heads -m "merge"
%alembic downgrade base
%alembic upgrade head
""",
)

PURGE = "%alembic stamp --purge 0003"
DROP = 'run("ALTER TABLE orders DROP COLUMN gift_note")'
LOST_RIGHT = right(
    BEGIN,
    f"""
--- a stand-in for the lost file
write("0004.py", "0004", "0003", "pass", 'op.drop_column("orders", "gift_note")')
%alembic downgrade -1
Path("alembic/versions/0004.py").unlink()
--- the bookmark first
{PURGE}
{DROP}
--- everything recreated, with the rows saved before
{DROP}
{SAVED}{RECREATED}
%alembic upgrade head
{BROUGHT_BACK}--- all in SQL
{DROP}
run("UPDATE alembic_version SET version_num = '0003'")
--- a bookmark thrown away
{DROP}
run("DROP TABLE alembic_version")
%alembic stamp head
""",
)
LOST_WRONG = wrong(
    BEGIN,
    f"""
--- only the bookmark -> orders has no column gift_note
{PURGE}
--- only the column -> the bookmark stands at 0003
{DROP}
--- stamp without its option -> it asks nobody where the database was before
{DROP}
%alembic stamp 0003
--- everything recreated -> the two users and the three orders are as they were
{RECREATED}
%alembic upgrade head
--- everything recreated, and rows pasted -> the two users and the three orders are as they were
{RECREATED}
%alembic upgrade head
{PASTE}
--- all the way back -> the two users and the three orders are as they were
%alembic stamp --purge head
run("ALTER TABLE orders DROP gift_note")
%alembic downgrade base
%alembic upgrade head
--- a step too far back -> the two users and the three orders are as they were
%alembic stamp --purge head
{DROP}
%alembic downgrade -1
%alembic upgrade head
--- a stand-in that stays -> the revisions are 0001, 0002 and 0003
write("0004.py", "0004", "0003", "pass", 'op.drop_column("orders", "gift_note")')
%alembic downgrade -1
--- a stand-in that does nothing -> orders has no column gift_note
write("0004.py", "0004", "0003")
%alembic downgrade -1
Path("alembic/versions/0004.py").unlink()
--- no bookmark at all -> the bookmark stands at 0003
{DROP}
run("DROP TABLE alembic_version")
--- a password changed on the way -> the two users and the three orders are as they were
{DROP}
run("UPDATE users SET password = 'x'")
{PURGE}
--- a column too many -> nothing else in the schema has changed
{DROP}
run("ALTER TABLE carts DROP quantity")
{PURGE}
""",
)

RIGHT = {
    "restored-backup": BOOKMARK_RIGHT,
    "merge-two-heads": MERGED_RIGHT,
    "lost-revision": LOST_RIGHT,
}
WRONG = {
    "restored-backup": BOOKMARK_WRONG,
    "merge-two-heads": MERGED_WRONG,
    "lost-revision": LOST_WRONG,
}
