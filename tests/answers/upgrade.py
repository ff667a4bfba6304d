"""Right and wrong answers to `column-round-trip`."""

from __future__ import annotations

from coursekit.lessons.upgrade.starters import ADD, DROP, USER
from support.samples import Wrong


def filled(file: str, up: str, down: str = "return", run: str = "%alembic upgrade head") -> str:
    """Return the code of an answer: a new revision, filled in and run."""
    number, _, message = file.partition("_")
    return f"""
from pathlib import Path
%alembic revision -m "{message.replace("_", " ")}" --rev-id {number}
file = Path("alembic/versions/{file}.py")
file.write_text(file.read_text().replace("pass", {up!r}, 1).replace("pass", {down!r}, 1))
{run}
"""


def by_hand(statement: str) -> str:
    """Return the code of an answer: an SQL statement."""
    return f"""
from sqlalchemy import text
with exercise.engine.begin() as connection:
    connection.execute(text({statement!r}))
"""


def _model(line: str = "nickname: Mapped[str | None] = mapped_column(String(50))") -> str:
    """Return the code that writes the model with one more line."""
    return f"""
from pathlib import Path
_ = Path("models.py").write_text({USER + f"    {line}" + chr(10)!r})
"""


def edited(file: str, old: str, new: str) -> str:
    """Return the code that replaces something in a file."""
    return f"""
from pathlib import Path
file = Path({file!r})
file.write_text(file.read_text().replace({old!r}, {new!r}))
"""


NICK = "0002_add_a_nickname"
AUTO = '%alembic revision --autogenerate -m "add a nickname" --rev-id 0002\n'
EARLIER = edited("alembic/versions/0001_create_users.py", "length=255", "length=254")
OPTIONAL = """
from pathlib import Path
_ = Path("models.py").write_text('''
from typing import Optional
import sqlalchemy as sa
from sqlalchemy.orm import Mapped
from db import Base

class User(Base):
    __tablename__ = "users"
    __table_args__ = (
        sa.Index("uq_users_email_lower", sa.func.lower(sa.column("email")), unique=True),
    )
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50), nullable=False)
    email = sa.Column(sa.String(255), nullable=False)
    password = sa.Column(sa.String(255), nullable=False)
    nickname = sa.Column(sa.String(50))
''')
"""

DEFAULTS = """DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET work_mem = 9999', current_database());
END $$"""
HIDDEN = (
    "op.execute('DO $$ BEGIN ALTER TABLE users ADD nickname varchar(50); "
    "EXCEPTION WHEN OTHERS THEN NULL; END $$')"
)
OTHERS = """DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
        AND tablename NOT IN ('users', 'alembic_version')
    LOOP EXECUTE format('DROP TABLE %I CASCADE', name); END LOOP;
END $$"""
TRIGGER = """
CREATE FUNCTION nick() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER nick BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION nick();
"""

RIGHT = {
    "column-round-trip": (
        _model()
        + """
Path("alembic/versions/nick.py").write_text('''
from alembic import op
revision = "0002"
down_revision = "0001"
def upgrade():
    op.execute("ALTER TABLE users ADD COLUMN nickname varchar(50)")
def downgrade():
    op.execute("ALTER TABLE users DROP COLUMN nickname")
''')
%alembic upgrade +1
""",
        """
from pathlib import Path
with open("models.py", "a") as file:
    file.write("\\n    nickname: Mapped[str | None] = mapped_column(String(50))\\n")
%alembic revision --autogenerate -m "Nicknames" --rev-id 0002
%alembic upgrade head
""",
        filled(NICK, ADD, DROP) + _model(),
        OPTIONAL + AUTO + "%alembic upgrade head",
        _model("nickname = mapped_column(String(50))") + AUTO + "%alembic upgrade 0002",
        _model() + AUTO + "%alembic upgrade head\n%alembic downgrade -1\n%alembic upgrade +1",
        _model() + filled(NICK, f"import time; time.sleep(2); {ADD}", DROP),
        _model()
        + filled(NICK, ADD, DROP, "")
        + by_hand("ALTER TABLE users ADD nickname varchar(50)")
        + "%alembic stamp head",
        edited(
            "models.py",
            "class User(Base)",
            "class Nick:\n"
            "    nickname: Mapped[str | None] = mapped_column(String(50))\n\n\n"
            "class User(Nick, Base)",
        )
        + AUTO
        + "%alembic upgrade head",
        _model()
        + AUTO
        + """
%alembic upgrade 0001:0002 --sql > up.sql
with exercise.engine.begin() as connection:
    connection.exec_driver_sql(
        Path("up.sql").read_text().replace("BEGIN;", "").replace("COMMIT;", "")
    )
Path("up.sql").unlink()
""",
    ),
}
WRONG = {
    "column-round-trip": (
        Wrong(
            "never run",
            _model() + filled(NICK, ADD, DROP, ""),
            "your database is at revision 0002",
        ),
        Wrong(
            "run while it was empty",
            '%alembic revision -m "nick" --rev-id 0002\n%alembic upgrade head\n'
            "from pathlib import Path\n"
            'file = Path("alembic/versions/0002_nick.py")\n'
            f'source = file.read_text().replace("pass", "{ADD}", 1)\n'
            f'file.write_text(source.replace("pass", "{DROP}", 1))\n'
            "%alembic upgrade head" + _model(),
            "what was filled in later has not run",
        ),
        Wrong("no downgrade", _model() + filled(NICK, ADD), "its downgrade removes"),
        Wrong("only a downgrade", _model() + filled(NICK, "return", DROP), "it does nothing"),
        Wrong("the steps swapped", _model() + filled(NICK, DROP, ADD), "its upgrade adds"),
        Wrong(
            "not NULL",
            _model() + filled(NICK, ADD[:-2] + ", nullable=False))", DROP),
            "which value do existing rows get",
        ),
        Wrong(
            "another column changed in the model",
            _model().replace(
                "name: Mapped[str] = mapped_column(String(50))",
                "name: Mapped[str] = mapped_column(String(100))",
                1,
            )
            + AUTO
            + "%alembic upgrade head",
            "everything else stays as 0001 created it",
        ),
        Wrong(
            "not NULL in the model",
            _model("nickname: Mapped[str] = mapped_column(String(50))") + AUTO,
            "which value do existing rows get",
        ),
        Wrong(
            "a default",
            _model() + filled(NICK, ADD[:-2] + ", server_default='-'))", DROP),
            "its upgrade adds",
        ),
        Wrong(
            "too long", _model() + filled(NICK, ADD.replace("50", "255"), DROP), "its upgrade adds"
        ),
        Wrong(
            "text",
            _model() + filled(NICK, ADD.replace("String(50)", "Text()"), DROP),
            "its upgrade adds",
        ),
        Wrong(
            "another name", _model() + filled(NICK, ADD.replace("nick", ""), DROP), "its upgrade"
        ),
        Wrong(
            "K8 too far back",
            _model() + filled(NICK, ADD, "op.drop_table('users')"),
            "its downgrade removes",
        ),
        Wrong(
            "another id", _model() + filled("0003_nick", ADD, DROP), "revision 0002 follows 0001"
        ),
        Wrong("K15 no model", filled(NICK, ADD, DROP), "no model does: change models.py"),
        Wrong(
            "K15 only the model",
            _model(),
            "the revision: write it first",
        ),
        Wrong(
            "K15 another length in the model",
            _model("nickname: Mapped[str | None] = mapped_column(String(80))")
            + filled(NICK, ADD, DROP),
            "describe it differently",
        ),
        Wrong(
            "K15 the model doesn't allow NULL",
            _model("nickname: Mapped[str] = mapped_column(String(50))") + filled(NICK, ADD, DROP),
            "describe it differently",
        ),
        Wrong(
            "K15 another name in the model",
            _model("nick_name: Mapped[str | None] = mapped_column(String(50))")
            + filled(NICK, ADD, DROP),
            "models.py and the database agree",
        ),
        Wrong(
            "K15 a model that can't be read",
            _model("nickname: Mapped[str | None] = mapped_column(String(50)")
            + filled(NICK, ADD, DROP, by_hand("ALTER TABLE users ADD nickname varchar(50)")),
            "the line that Python can't read",
        ),
        Wrong(
            "K10 the revision before is changed",
            _model() + AUTO + "%alembic upgrade head" + EARLIER,
            "have run are as they were",
        ),
        Wrong(
            "K11 a copy in another schema",
            _model()
            + filled(
                NICK, ADD + "; op.execute('CREATE SCHEMA c; CREATE TABLE c.u AS TABLE users')", DROP
            ),
            "its upgrade adds",
        ),
        Wrong(
            "a random id",
            _model() + AUTO.replace(" --rev-id 0002", "") + "%alembic upgrade head",
            "add --rev-id 0002",
        ),
        Wrong(
            "K4 the upgrade's error hidden",
            _model() + filled(NICK, HIDDEN, DROP),
            "they hide the error",
        ),
        Wrong(
            "K8 other tables are dropped",
            _model() + filled(NICK, ADD, f"{DROP}; op.execute({OTHERS!r})"),
            "removed table letters",
        ),
        Wrong(
            "K10 a trigger left behind",
            _model() + filled(NICK, f"{ADD}; op.execute({TRIGGER!r})", DROP),
            "CREATE FUNCTION in it",
        ),
        Wrong(
            "K14 privileges for everyone",
            _model() + filled(NICK, f"{ADD}; op.execute('GRANT ALL ON users TO PUBLIC')", DROP),
            "GRANT, row security",
        ),
        Wrong(
            "K8 ids start again",
            _model()
            + filled(NICK, f"{ADD}; op.execute('ALTER SEQUENCE users_id_seq RESTART')", DROP),
            "the next user needs an unused id",
        ),
        Wrong(
            "K15 more by hand",
            _model()
            + AUTO
            + "%alembic upgrade head"
            + by_hand("ALTER TABLE users ALTER name TYPE text"),
            "what you changed by hand",
        ),
        Wrong(
            "K15 another name in Python",
            _model('nick: Mapped[str | None] = mapped_column("nickname", String(50))')
            + AUTO
            + "%alembic upgrade head",
            "the attribute's name in models.py",
        ),
        Wrong(
            "K8 users with a nickname are deleted",
            _model()
            + filled(
                NICK,
                ADD,
                "op.execute('DELETE FROM users WHERE nickname IS NOT NULL')\n    " + DROP,
            ),
            "rows users",
        ),
        Wrong(
            "K8 nicknames become names",
            _model()
            + filled(
                NICK,
                ADD,
                "op.execute('UPDATE users SET name = coalesce(nickname, name)')\n    " + DROP,
            ),
            "changed values users",
        ),
        Wrong(
            "K6 names are changed as well",
            _model()
            + filled(NICK, ADD + "; op.execute('UPDATE users SET name = lower(name)')", DROP),
            "changed values users",
        ),
        Wrong(
            "K6 nicknames are invented",
            _model() + filled(NICK, ADD + "; op.execute('UPDATE users SET nickname = name')", DROP),
            "changed values users.nickname",
        ),
        Wrong(
            "K14 a setting of the database",
            _model() + filled(NICK, f"{ADD}; op.execute({DEFAULTS!r})", DROP),
            "ALTER ROLE and ALTER DATABASE",
        ),
        Wrong(
            "K10 a view left behind",
            _model()
            + filled(NICK, f"{ADD}; op.execute('CREATE VIEW v AS SELECT id FROM users')", DROP),
            "a view that only your revision needs",
        ),
        Wrong(
            "an index",
            _model("nickname: Mapped[str | None] = mapped_column(String(50), index=True)")
            + AUTO
            + "%alembic upgrade head",
            "for the column alone",
        ),
        Wrong(
            "a default in the model",
            _model('nickname: Mapped[str | None] = mapped_column(String(50), server_default="-")')
            + AUTO
            + "%alembic upgrade head",
            "asks for no default",
        ),
        Wrong(
            "K15 the same wrong name in both",
            _model("nick_name: Mapped[str | None] = mapped_column(String(50))")
            + AUTO
            + "%alembic upgrade head",
            "the column's name",
        ),
        Wrong(
            "K8 users are lost in the downgrade",
            _model() + filled(NICK, ADD, DROP + "; op.execute('DELETE FROM users')"),
            "its downgrade removes",
        ),
        Wrong(
            "empty, and by hand",
            _model()
            + filled(NICK, "return")
            + by_hand("ALTER TABLE users ADD nickname varchar(50)"),
            "its upgrade adds",
        ),
        Wrong(
            "no revision",
            by_hand("ALTER TABLE users ADD nickname varchar(50)"),
            "revision 0002 follows 0001",
        ),
        Wrong(
            "autogenerate, with nothing to find",
            '%alembic revision --autogenerate -m "add a nickname" --rev-id 0002\n'
            "%alembic upgrade head",
            "its upgrade adds",
        ),
    ),
}
