"""Right and wrong answers to `non-empty-draft` and `rename-keeps-values`."""

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
import sqlalchemy as sa
from alembic import op
revision = "b00c"
down_revision = None
def upgrade():
    {}
def downgrade():
    op.drop_table("books")
''')
"""
BOOKS = "CREATE TABLE books (year int, title varchar(120) NOT NULL, id serial PRIMARY KEY)"
CREATES = BY_HAND.format(f'op.execute("{BOOKS}")')
EVERY_TABLE = """
    for table in sa.inspect(op.get_bind()).get_table_names():
        if table != "alembic_version":
            op.drop_table(table)"""
# K3, K5, K7, K9: an answer writes a file, and opens no connection of its own.
NO_DRAFTS = f"""
--- the model is not registered -> nothing in it imports models
{AUTO}0001
--- the empty draft has run -> there is one revision
{AUTO}0001
%alembic upgrade head{IMPORT}{AUTO}0002
--- the empty draft has run, and is deleted -> its current revision has no file
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
--- a class that isn't in it -> what does that module define
from pathlib import Path
env = Path("alembic/env.py")
env.write_text("from models import User\\n" + env.read_text())
{AUTO}0001
--- no metadata -> target_metadata has to be Base.metadata
{IMPORT}env.write_text(env.read_text().replace("= Base.metadata", "= None"))
{AUTO}0001
--- only a comment -> nothing in it imports models
from pathlib import Path
env = Path("alembic/env.py")
env.write_text("# import models\\n" + env.read_text())
{AUTO}0001
--- the folder is renamed -> it has to be where alembic.ini says
{IMPORT}{AUTO}0001
Path("alembic").rename("migrations")
--- K1 env.py creates the table -> it creates tables, so every Alembic command does
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
--- K6 a rule that the model doesn't have -> it creates the table of the model, and nothing else
{IMPORT}{CREATES.replace("year int", "year int CHECK (year > 1900)")}
--- K14 row security -> it creates the table of the model, and nothing else
{IMPORT}{CREATES.replace(BOOKS, f"{BOOKS}; ALTER TABLE books ENABLE ROW LEVEL SECURITY")}
--- K15 whatever models.py describes by then -> it must spell out the columns
{IMPORT}{BY_HAND.format("import models; models.Base.metadata.create_all(op.get_bind())")}
--- an index that the model doesn't have -> it creates the table of the model, and nothing else
{IMPORT}{CREATES.replace(BOOKS, f"{BOOKS}; CREATE INDEX titles ON books (title)")}
--- no downgrade -> its downgrade drops the table again
{IMPORT}{CREATES.replace('op.drop_table("books")', "pass")}
--- a downgrade that leaves something -> its downgrade drops the table again
{IMPORT}{CREATES.replace('op.drop_table("books")', 'op.rename_table("books", "old_books")')}
--- one database only -> project_url returns the URL of the project's database
{IMPORT}name = exercise.engine.url.database
one = f"project_url().set(database={{name!r}})"
env.write_text(env.read_text().replace("return project_url()", f"return {{one}}"))
{AUTO}0001
--- the URL as a string -> project_url returns the URL of the project's database
{IMPORT}url = exercise.engine.url.render_as_string(hide_password=False)
env.write_text(env.read_text().replace("return project_url()", f"return {{url!r}}"))
{AUTO}0001
--- errors are printed -> if a revision fails, the command must fail as well
{IMPORT}online = env.read_text().rpartition("else:")[0]
safe = "else:\\n    try:\\n        run_migrations_online()\\n    except Exception as error:\\n"
env.write_text(online + safe + "        print(error)\\n")
{AUTO}0001
--- nothing is committed -> Does it use context.begin_transaction()
{IMPORT}{AUTO}0001
env.write_text(env.read_text().replace("with context.begin_transaction():", "if True:"))
--- created on the connection -> it creates tables, so every Alembic command does
{IMPORT}{AUTO}0001
create = "        Base.metadata.create_all(connection)\\n        context.configure("
env.write_text(env.read_text().replace("        context.configure(", create))
--- other tables are hidden -> which tables does it pass on?
{IMPORT}hide = "include_object=lambda _, name, kind, *more: kind != 'table' or name == 'books'"
hide += ", compare_type"
online = env.read_text().rpartition("compare_type")
env.write_text(online[0] + hide + online[2])
{AUTO}0001
--- one table's metadata -> which tables does it pass on?
from pathlib import Path
env = Path("alembic/env.py")
one = "from sqlalchemy import MetaData\\nfrom models import Book\\ntarget_metadata = MetaData()\\n"
one += "Book.__table__.to_metadata(target_metadata)\\n"
env.write_text(env.read_text().replace("target_metadata = Base.metadata\\n", one))
{AUTO}0001
--- types are not compared -> compare_type=False hides a type
{IMPORT}env.write_text(env.read_text().replace("compare_type=True", "compare_type=False"))
{AUTO}0001
--- an error in the models is hidden -> it hides an error in models.py
from pathlib import Path
env = Path("alembic/env.py")
load = "try:\\n    import models\\nexcept Exception:\\n    pass\\n"
env.write_text(load + env.read_text())
{AUTO}0001
--- indexes are hidden -> it hides indexes
{IMPORT}keys = "('index', 'unique_constraint')"
hide = f"include_object=lambda _, name, kind, *more: kind not in {{keys}}, compare_type"
online = env.read_text().rpartition("compare_type")
env.write_text(online[0] + hide + online[2])
{AUTO}0001
--- columns of the database are hidden -> it hides columns that no model has
{IMPORT}hide = "include_object=lambda _, name, kind, there, model: kind != 'column' or not there"
hide += ", compare_type"
online = env.read_text().rpartition("compare_type")
env.write_text(online[0] + hide + online[2])
{AUTO}0001
--- whatever was there is dropped first -> it drops a table that's already there
{IMPORT}{CREATES.replace(BOOKS, f"DROP TABLE IF EXISTS books CASCADE; {BOOKS}")}
--- the downgrade drops every table -> it must drop books, and nothing else
{IMPORT}{CREATES.replace('op.drop_table("books")', EVERY_TABLE)}
--- stamped -> %alembic stamp records a revision without running it
{IMPORT}{AUTO}0001
%alembic stamp head
--- the table is made afterwards -> books was created without the revision
{IMPORT}{AUTO}0001
import models
models.Base.metadata.create_all(exercise.engine)
--- the model is changed afterwards -> models.py: it has changed
{IMPORT}{AUTO}0001
book = Path("models.py")
book.write_text(book.read_text().replace("String(120)", "String(20)"))
--- K15 a copy of the model -> Alembic must compare with the models in models.py itself
from pathlib import Path
model = Path("models.py").read_text()
env = Path("alembic/env.py")
env.write_text(env.read_text().replace("def get_url", model + "\\n\\ndef get_url"))
{AUTO}0001
"""
ADD = 'op.add_column("users", sa.Column("full_name", sa.String(50){}))'
DEFAULT = """, nullable=False, server_default='Ben'"""
DROP = 'op.drop_column("users", "name")'
THERE = 'op.alter_column("users", "name", new_column_name="full_name")'
BACK = 'op.alter_column("users", "full_name", new_column_name="name")'
COPY = 'op.execute("UPDATE users SET full_name = name")'
HIDDEN = (
    'op.execute("DO $$ BEGIN ALTER TABLE users RENAME {}; EXCEPTION WHEN OTHERS THEN NULL; END $$")'
)
NO_NAMES = f"""
--- the draft as it is -> What renames that one?
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
--- K6 other ids -> the users' ids must not change
    {THERE}; op.execute("UPDATE users SET id = id + 1000")
--- K14 a view of the old names -> the upgrade changes nothing else
    {THERE}; op.execute("CREATE VIEW names AS SELECT full_name AS name FROM users")
--- outer spaces are removed -> Are there spaces around them?
    {ADD.format("")}; op.execute("UPDATE users SET full_name = trim(name)")
    op.alter_column("users", "full_name", nullable=False); {DROP}
--- an empty name is replaced -> the upgrade keeps all names
    {THERE}; op.execute("UPDATE users SET full_name = '?' WHERE full_name = ''")
--- one of the users with the same name -> the upgrade keeps all names
    {ADD.format("")}
    op.execute("UPDATE users u SET full_name = name WHERE NOT EXISTS (SELECT FROM users o "
               "WHERE o.name = u.name AND o.id < u.id)")
    op.execute("UPDATE users SET full_name = 'again' WHERE full_name IS NULL")
    op.alter_column("users", "full_name", nullable=False); {DROP}
--- the names in the SQL -> Use a bound parameter instead
    {ADD.format("")}
    for number, name in op.get_bind().execute(sa.text("SELECT id, name FROM users")).all():
        copy = f"UPDATE users SET full_name = '{{name}}' WHERE id = {{number}}"
        op.get_bind().exec_driver_sql(copy)
    {DROP}
--- a default that the model doesn't have -> the upgrade changes nothing else
    op.alter_column("users", "name", new_column_name="full_name", server_default="")
--- the old names are saved -> and leave nothing behind
    op.execute("CREATE TABLE old_names AS SELECT id, name FROM users"); {THERE}
--- K6 no case -> the upgrade keeps all names
    {THERE}; op.execute("UPDATE users SET full_name = lower(full_name)")
--- K15 the index is gone as well -> which line is missing in upgrade()
    {THERE}; op.drop_index("uq_users_email_lower", "users")
--- K4 the error is hidden by SQL -> Alembic then records that the upgrade
    {HIDDEN.format("name TO full_name")}
--- K4 the error is hidden by a savepoint -> Alembic then records that the upgrade
    try:
        with op.get_bind().begin_nested():
            {THERE}
    except Exception:
        pass
--- users without a name are deleted -> it deletes users
    op.execute("DELETE FROM users WHERE name = ''"); {THERE}
--- the e-mails are changed -> the upgrade changes nothing else
    {THERE}; op.execute("UPDATE users SET email = lower(email)")
--- K15 wider than the model -> the columns' types
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
--- K4 the error of the downgrade is hidden -> Alembic then records that the downgrade
    {HIDDEN.format("full_name TO name")}
--- K8 the e-mails are changed -> the downgrade changes nothing else
    {BACK}; op.execute("UPDATE users SET email = lower(email)")
--- K8 next to it -> full_name is still there
    op.add_column("users", sa.Column("name", sa.String(50)))
    op.execute("UPDATE users SET name = full_name")
    op.alter_column("users", "name", nullable=False)
--- K8 without the index -> the downgrade changes nothing else
    {BACK}; op.drop_index("uq_users_email_lower", "users")
--- no way back -> the column is called name
    pass
"""


def revision_file(up: str, down: str) -> str:
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
    IMPORT + CREATES.replace("CREATE TABLE books", "CREATE TABLE IF NOT EXISTS books"),
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
    IMPORT
    + AUTO
    + """0001
_ = Path("alembic/versions/__init__.py").write_text("")
%alembic upgrade head
%alembic downgrade base
""",
    IMPORT
    + """
each = "transaction_per_migration=True, compare_type"
env.write_text(env.read_text().replace("compare_type", each))
%alembic revision --autogenerate
""",
    IMPORT
    + """
online = env.read_text().rpartition("else:")[0]
own = "else:\\n    try:\\n        run_migrations_online()\\n    except Exception as error:\\n"
env.write_text(online + own + "        raise SystemExit('The migration failed.') from error\\n")
%alembic revision --autogenerate
""",
)

RENAME_RIGHT = (
    revision_file(
        '    op.execute("ALTER TABLE users RENAME name TO full_name")',
        '    op.execute("ALTER TABLE users RENAME full_name TO name")',
    ),
    revision_file(
        f"""    {ADD.format("")}; {COPY}
    op.alter_column("users", "full_name", nullable=False); {DROP}""",
        f"    {BACK}",
    ),
    revision_file(
        """
    with op.batch_alter_table("users") as batch:
        batch.alter_column("name", new_column_name="full_name")""",
        """
    op.get_bind().exec_driver_sql("ALTER TABLE users RENAME full_name TO name")""",
    ),
    revision_file(f"    import time; time.sleep(2)\n    {THERE}", f"    {BACK}"),
    revision_file(
        f"""
    columns = sa.inspect(op.get_bind()).get_columns("users")
    if "full_name" not in [column["name"] for column in columns]:
        {THERE}""",
        f"""
    columns = sa.inspect(op.get_bind()).get_columns("users")
    if "name" not in [column["name"] for column in columns]:
        {BACK}""",
    ),
    revision_file(f"    {THERE}", f"    {BACK}")
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
RENAMED = revision_file(f"    {THERE}", f"    {BACK}")
RENAME_WRONG = (
    *wrong(revision_file("{}", f"    {BACK}"), NO_NAMES),
    *wrong(revision_file(f"    {THERE}", "{}"), NO_WAY_BACK),
    Wrong("K10 the revision before is changed", RENAMED + EARLIER, "have run are as they were"),
    Wrong("K15 the model is changed back", RENAMED + OLD_MODEL, "models.py and the database agree"),
    Wrong(
        "beside the revision before",
        RENAMED.replace("down_revision: str = '0001'", "down_revision = None"),
        "two revisions follow the same one",
    ),
)

RIGHT = {
    "non-empty-draft": DRAFT_RIGHT,
    "rename-keeps-values": RENAME_RIGHT,
}
WRONG = {
    "non-empty-draft": DRAFT_WRONG,
    "rename-keeps-values": RENAME_WRONG,
}
