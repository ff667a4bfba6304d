"""Right and wrong answers for the checks of a lesson."""

from __future__ import annotations

from support.samples import Wrong, revision, wrong

IMPORT = """
from pathlib import Path
env = Path("alembic/env.py")
env.write_text("import models\\n" + env.read_text())
"""
AUTO = '%alembic revision --autogenerate -m "create books" --rev-id '
BY_HAND = """
from pathlib import Path
Path("alembic/versions/books.py").write_text('''
from alembic import op
revision = "b00c"
down_revision = None
def upgrade():
    {}
''')
"""
BOOKS = "CREATE TABLE books (year int, title varchar(120) NOT NULL, id serial PRIMARY KEY)"
CREATES = BY_HAND.format(f'op.execute("{BOOKS}")')
# K3, K5, K7, K9: an answer writes a file, and opens no connection of its own.
NO_DRAFTS = f"""
--- the model is not registered -> nothing in it imports models
{AUTO}0001
--- the empty draft has run -> there is one revision
{AUTO}0001
%alembic upgrade head{IMPORT}{AUTO}0002
--- the empty draft has run, and is deleted -> no file any more
{AUTO}0001
%alembic upgrade head{IMPORT}Path("alembic/versions/0001_create_books.py").unlink()
--- without autogenerate -> without --autogenerate
{IMPORT}%alembic revision -m "create books" --rev-id 0001
--- the table was made first -> existed when Alembic compared
{IMPORT}import models
models.Base.metadata.create_all(exercise.engine)
{AUTO}0001
--- an env.py and no revision -> %alembic revision: it writes the file
{IMPORT}
--- two drafts -> Delete the drafts that you don't want
{IMPORT}{AUTO}0001
%alembic revision -m "again" --rev-id 0002
--- the empty draft was kept -> A draft that was written before stays empty
{AUTO}0001{IMPORT}{AUTO}0002
--- the import at the end -> before it runs the migrations
from pathlib import Path
env = Path("alembic/env.py")
env.write_text(env.read_text() + "import models")
{AUTO}0001
--- a module that doesn't exist -> the import that fails
from pathlib import Path
env = Path("alembic/env.py")
env.write_text("import model\\n" + env.read_text())
%alembic revision -m "create books"
--- K1 env.py creates the table -> it creates tables by itself
{IMPORT}{AUTO}0001
create = "import models\\nmodels.Base.metadata.create_all(create_engine(get_url()))\\n"
env.write_text(env.read_text().replace("if context.is_off", create + "if context.is_off"))
--- K6 a column is missing -> line by line
{IMPORT}{CREATES.replace("year int, ", "")}
--- K10 another model -> models.py: it has changed
{IMPORT}book = Path("models.py")
book.write_text(book.read_text().replace("String(120)", "String(20)"))
{AUTO}0001
--- K11 in another schema -> as models.py describes it
{IMPORT}{CREATES.replace("CREATE TABLE ", "CREATE SCHEMA lib; CREATE TABLE lib.")}
--- K15 by hand, and Alembic still doesn't know the model -> models.py and the database agree
{CREATES}
--- K15 a table that no model has -> models.py and the database agree
{IMPORT}{CREATES.replace(BOOKS, f"{BOOKS}; CREATE TABLE pages (id int)")}
"""
ADD = 'op.add_column("users", sa.Column("full_name", sa.String(50){}))'
DEFAULT = """, nullable=False, server_default='Ben'"""
DROP = 'op.drop_column("users", "name")'
THERE = 'op.alter_column("users", "name", new_column_name="full_name")'
BACK = 'op.alter_column("users", "full_name", new_column_name="name")'
COPY = 'op.execute("UPDATE users SET full_name = name")'
NO_NAMES = f"""
--- the draft as it is -> the upgrade runs
    {ADD.format(", nullable=False")}; {DROP}
--- a default for a new column -> the upgrade keeps all names
    {ADD.format(DEFAULT)}; {DROP}
--- a new column that may be empty -> the column is called full_name
    {ADD.format("")}; {DROP}
--- copied too late -> the upgrade runs
    {ADD.format("")}; {DROP}; {COPY}
--- copied, and the old one kept -> the column is called full_name
    {ADD.format("")}; {COPY}
--- copied, and still allowed to be empty -> the column is called full_name
    {ADD.format("")}; {COPY}; {DROP}
--- the names the wrong way round -> the upgrade runs
    {BACK}
--- nothing -> the column is called full_name
    pass
--- a command that there is not -> find the line that fails
    op.rename_column("users", "name", "full_name")
--- K2 one name that is known -> the upgrade keeps all names
    {ADD.format(DEFAULT)}; {DROP}
    op.execute("UPDATE users SET full_name = 'Ann Lee' WHERE id = 1")
--- an option that there is not -> it has no option new_name
    op.alter_column("users", "name", new_name="full_name")
--- the line cannot be read -> the line that Python can't read
    op.alter_column("users" "name", new_column_name="full_name"
--- K4 the error is swallowed -> the upgrade runs
    try:
        op.execute("ALTER TABLE users RENAME nmae TO full_name")
    except Exception:
        op.execute("SELECT 1")
--- K6 outer spaces are lost -> the upgrade keeps all names
    {THERE}; op.execute("UPDATE users SET full_name = substr(full_name, 1, 20)")
--- K6 no case -> the upgrade keeps all names
    {THERE}; op.execute("UPDATE users SET full_name = lower(full_name)")
--- K15 the index is gone as well -> which line is missing in upgrade()
    {THERE}; op.drop_index("uq_users_email_lower", "users")
--- K15 wider than the model -> the type of full_name
    op.alter_column("users", "name", new_column_name="full_name", type_=sa.String(80))
"""
LOST = 'op.drop_column("users", "full_name"); op.add_column("users", sa.Column("name", {}))'
NO_WAY_BACK = f"""
--- the draft's downgrade -> the downgrade runs
    {LOST.format("sa.String(50), nullable=False")}
--- a default for the old name -> the downgrade keeps all names
    {LOST.format("sa.String(50)" + DEFAULT)}
--- K8 some names -> the downgrade keeps all names
    {BACK}; op.execute("UPDATE users SET name = '?' WHERE id > 3")
--- K8 next to it -> full_name is still there
    op.add_column("users", sa.Column("name", sa.String(50)))
    op.execute("UPDATE users SET name = full_name")
    op.alter_column("users", "name", nullable=False)
--- no way back -> the column is called name
    pass
"""
TICKETS = 'op.drop_table("tickets"); op.drop_column("users", "tickets_left")'
TYPE = 'op.execute("DROP TYPE ticket_state")'
LEFT_OVER = f"""
--- what autogenerate writes -> nothing is left over
    {TICKETS}
--- the type before its table -> what depends on what
    {TYPE}; {TICKETS}
--- the table and the type only -> nothing is left over
    op.drop_table("tickets"); {TYPE}
--- nothing -> nothing is left over
    pass
--- a column too many -> nothing is missing or changed
    {TICKETS}; {TYPE}; op.drop_column("users", "password")
--- the users as well -> nothing is missing or changed
    {TICKETS}; {TYPE}; op.drop_table("users")
--- the users' rows as well -> nothing is missing or changed
    {TICKETS}; {TYPE}; op.execute("DELETE FROM users")
--- a user is changed -> the users are the same
    {TICKETS}; {TYPE}; op.execute("UPDATE users SET name = 'Ann' WHERE id = 1")
--- no way back -> the downgrade runs
    raise NotImplementedError("there is no way back")
--- K4 the error is swallowed -> the downgrade runs
    try:
        {TYPE}
    except Exception:
        pass
    {TICKETS}
--- a type of another name, if it is there -> type ticket_state
    {TICKETS}; op.execute("DROP TYPE IF EXISTS ticket_states")
--- K8 all in one -> nothing is missing or changed
    op.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    op.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    op.execute("INSERT INTO alembic_version VALUES ('0002')")
--- K11 a copy in another schema -> schema saved
    op.execute("CREATE SCHEMA saved; CREATE TABLE saved.users AS TABLE users"); {TICKETS}; {TYPE}
"""


UPGRADE = """
    op.create_table(
        "tickets",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("state", sa.Enum("open", "closed", name="ticket_state"), nullable=False),
    )
    op.add_column("users", sa.Column("tickets_left", sa.Integer(), nullable=True))
"""
ENUM = 'sa.Enum("open", "closed", name="ticket_state")'


def _revision(up: str, down: str) -> str:
    """Return a cell that writes revision 0002."""
    return revision("0002", up, down, name="full_name")


DRAFT_RIGHT = (
    """
from pathlib import Path
env = Path("alembic/env.py")
source = env.read_text().replace("target_metadata = Base.metadata", "")
register = "from models import Book\\ntarget_metadata = Book.metadata\\n"
env.write_text(source.replace("def get_url", register + "def get_url"))
%alembic revision --autogenerate
""",
    IMPORT + CREATES,
    IMPORT + BY_HAND.format(f"import time; time.sleep(2); op.execute('{BOOKS}')"),
    """
from pathlib import Path
env = Path("alembic/env.py")
env.write_text(env.read_text().replace("from db import Base", "from models import *"))
%alembic revision --autogenerate -m "Books!" --rev-id first
%alembic upgrade head
""",
    f"""
{AUTO}0001
{IMPORT}
Path("alembic/versions/0001_create_books.py").unlink()
{AUTO}0001
""",
    IMPORT
    + """
from alembic import command
from alembic.config import Config
command.revision(Config("alembic.ini"), "books", autogenerate=True)
""",
    """
from pathlib import Path
env = Path("alembic/env.py")
load = "import importlib\\nimportlib.import_module('models')\\n"
env.write_text(env.read_text().replace("target_metadata =", load + "target_metadata ="))
%alembic revision --autogenerate
""",
)

RENAME_RIGHT = (
    _revision(
        '    op.execute("ALTER TABLE users RENAME name TO full_name")',
        '    op.execute("ALTER TABLE users RENAME full_name TO name")',
    ),
    _revision(
        f"""    {ADD.format("")}; {COPY}
    op.alter_column("users", "full_name", nullable=False); {DROP}""",
        f"    {BACK}",
    ),
    _revision(
        """
    with op.batch_alter_table("users") as batch:
        batch.alter_column("name", new_column_name="full_name")""",
        """
    op.get_bind().exec_driver_sql("ALTER TABLE users RENAME full_name TO name")""",
    ),
    _revision(f"    import time; time.sleep(2)\n    {THERE}", f"    {BACK}"),
    _revision(f"    {THERE}", f"    {BACK}")
    + """
# %%
from pathlib import Path
file = Path("alembic/versions/0002_full_name.py")
file.rename(file.with_name("renamed.py"))
""",
    """
from pathlib import Path
file = Path("alembic/versions/0002_full_name.py")
head, _, _ = file.read_text().partition("def upgrade")
file.write_text(head + '''def upgrade() -> None:
    op.alter_column("users", "name", new_column_name="full_name", existing_type=sa.String(50))


def downgrade() -> None:
    op.alter_column("users", "full_name", new_column_name="name", existing_type=sa.String(50))
''')
%alembic upgrade head
""",
)

BACK_RIGHT = (
    _revision(
        UPGRADE,
        """    op.drop_table("tickets")
    sa.Enum(name="ticket_state").drop(op.get_bind())
    op.drop_column("users", "tickets_left")""",
    ),
    _revision(
        UPGRADE,
        """    op.execute("DROP TYPE ticket_state CASCADE")
    op.execute("DROP TABLE tickets; ALTER TABLE users DROP tickets_left")""",
    ),
    _revision(
        UPGRADE,
        """    from sqlalchemy.dialects import postgresql
    op.execute("DROP TABLE IF EXISTS tickets CASCADE")
    postgresql.ENUM(name="ticket_state").drop(op.get_bind(), checkfirst=True)
    with op.batch_alter_table("users") as batch:
        batch.drop_column("tickets_left")""",
    ),
    _revision(
        UPGRADE,
        """    for step in ("TABLE tickets", "TYPE IF EXISTS ticket_state"):
        op.execute(sa.text(f"DROP {step}"))
    op.execute(sa.text("ALTER TABLE users DROP COLUMN IF EXISTS tickets_left"))""",
    ),
    _revision(
        UPGRADE,
        f"    import time; time.sleep(2)\n    {TICKETS}; {TYPE}",
    )
    + """
# %%
%alembic upgrade head
%alembic downgrade -1
""",
)

DRAFT_WRONG = wrong("{}", NO_DRAFTS)

EARLIER = """
# %%
from pathlib import Path
file = Path("alembic/versions/0001_create_users.py")
file.write_text(file.read_text().replace("length=255", "length=254"))
"""
OLD_MODEL = """
# %%
from pathlib import Path
file = Path("models.py")
file.write_text(file.read_text().replace("full_name:", "name:"))
"""
RENAMED = _revision(f"    {THERE}", f"    {BACK}")
RENAME_WRONG = (
    *wrong(_revision("{}", f"    {BACK}"), NO_NAMES),
    *wrong(_revision(f"    {THERE}", "{}"), NO_WAY_BACK),
    Wrong("K10 the revision before is changed", RENAMED + EARLIER, "have run are as they were"),
    Wrong("K15 the model is changed back", RENAMED + OLD_MODEL, "models.py and the database agree"),
    Wrong(
        "beside the revision before",
        RENAMED.replace("down_revision: str = '0001'", "down_revision = None"),
        "two revisions follow the same one",
    ),
)

# Upgrades at the second call only, so that the first downgrade has nothing to undo.
SECOND_CALL = f"""
    from pathlib import Path
    called = Path(__file__).with_suffix(".called")
    if not called.exists():
        return called.touch()
{UPGRADE.strip(chr(10))}
"""
BACK_WRONG = (
    *wrong(_revision(UPGRADE, "{}"), LEFT_OVER),
    Wrong("an upgrade that waits", _revision(SECOND_CALL, "pass"), "has changed something"),
    Wrong(
        "K10 the revision before is changed",
        _revision(UPGRADE, f"    {TICKETS}; {TYPE}") + EARLIER,
        "have run are as they were",
    ),
    Wrong(
        "no enum, so nothing is left",
        _revision(UPGRADE.replace(ENUM, "sa.String(9)"), f"    {TICKETS}"),
        "the upgrade is as it was given",
    ),
    Wrong(
        "K15 the model is thrown away",
        _revision(UPGRADE, f"    {TICKETS}; {TYPE}")
        + """
# %%
from pathlib import Path
file = Path("models.py")
file.write_text(file.read_text().partition("class Ticket")[0])
""",
        "models.py and the database agree",
    ),
)

RIGHT = {
    "non-empty-draft": DRAFT_RIGHT,
    "rename-keeps-values": RENAME_RIGHT,
    "enum-downgrade": BACK_RIGHT,
}
WRONG = {
    "non-empty-draft": DRAFT_WRONG,
    "rename-keeps-values": RENAME_WRONG,
    "enum-downgrade": BACK_WRONG,
}
