"""Answers to the exercises of a lesson: right ones, and the wrong ones people give."""

from __future__ import annotations

from support.samples import Wrong, right, wrong

SQL = """
from sqlalchemy import text
with exercise.engine.begin() as connection:
    connection.execute(text("{}"))
"""
FOLDER_RIGHT = (
    """
from alembic import command
from alembic.config import Config

command.init(Config("alembic.ini"), "migrations")
""",
    """
from pathlib import Path

%alembic init alembic
_ = Path("alembic").rename("migrations")
ini = Path("alembic.ini")
_ = ini.write_text(ini.read_text().replace("%(here)s/alembic", "%(here)s/migrations"))
""",
    "%alembic init --package ./migrations\n",
    "%alembic init migrations\n" + SQL.format("UPDATE members SET name = name"),
    "%alembic init --template pyproject migrations\n",
    "%alembic init -t async migrations/\n",
    """
import subprocess, sys
_ = subprocess.run([sys.executable, "-m", "alembic", "init", "migrations"], check=True)
""",
    "%alembic init migrations\nimport time\ntime.sleep(2)\n",
    """
from pathlib import Path
%alembic init migrations
ini = Path("alembic.ini")
url = "postgresql+psycopg2://%(DB_USER)s:%(DB_PASSWORD)s@localhost/shop"
_ = ini.write_text(ini.read_text().replace("driver://user:pass@localhost/dbname", url))
""",
    """
from pathlib import Path
%alembic init migrations
_ = Path(".env.example").write_text("DATABASE_PASSWORD='your password'\\nPGPASSWORD=\\n")
_ = Path("compose.yaml").write_text("POSTGRES_PASSWORD: ${DATABASE_PASSWORD:-}\\n")
_ = Path("config.py").write_text("import os\\nDSN = f'password={os.environ[chr(80)]} port=5432'\\n")
_ = Path("notes.md").write_text("The password: it isn't here.\\n")
""",
)
WITH_PASSWORD = """
import json
from pathlib import Path
from coursekit import project_url
%alembic init migrations
u = project_url()
name = NAME
_ = Path(name).write_text(CONTENT)
"""


def _file(name: str, content: str) -> str:
    """Return an answer that also writes a file with this expression as its content."""
    return WITH_PASSWORD.replace("NAME", repr(name)).replace("CONTENT", content)


FOLDER_WRONG = (
    Wrong("the name of the lesson", "%alembic init alembic\n", "your folder is called alembic"),
    Wrong("the singular", "%alembic init migration\n", "your folder is called migration"),
    Wrong("a capital", "%alembic init Migrations\n", "your folder is called Migrations"),
    Wrong(
        "init twice",
        "%alembic init alembic\n%alembic init migrations\n",
        "doesn't overwrite an existing alembic.ini",
    ),
    Wrong(
        "the folder alone",
        "from pathlib import Path\nPath('migrations').mkdir()\n",
        "alembic.ini is in the project",
    ),
    Wrong(
        "renamed, but not in the ini file",
        "%alembic init alembic\nimport os\nos.rename('alembic', 'migrations')\n",
        "script_location in alembic.ini",
    ),
    Wrong(
        "without the ini file",
        "%alembic init migrations\nimport os\nos.remove('alembic.ini')\n",
        "alembic.ini is in the project",
    ),
    Wrong(
        "a folder inside another", "%alembic init alembic/migrations\n", "called alembic/migrations"
    ),
    Wrong(
        "a template that prints what the command should",
        """
import shutil
from pathlib import Path
%alembic init alembic
shutil.copytree("alembic", "migrations")
template = Path("alembic/script.py.mako")
_ = template.write_text('<% print("Generating migrations/versions/probe.py") %>'
                        + template.read_text())
""",
        "script_location in alembic.ini",
    ),
    Wrong(
        "the member pasted",
        "%alembic init migrations\n"
        + SQL.format("DELETE FROM members; INSERT INTO members VALUES ('Ann')"),
        "~ changed rows members",
    ),
    Wrong(
        "a file deleted",
        "%alembic init migrations\nimport os\nos.remove('migrations/script.py.mako')\n",
        "creates the whole folder",
    ),
    Wrong(
        "a version table that no one asked for",
        "%alembic init migrations\n"
        + SQL.format("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"),
        "+ added table alembic_version",
    ),
    Wrong(
        "a column changed",
        "%alembic init migrations\n" + SQL.format("ALTER TABLE members ALTER name TYPE text"),
        "~ changed column members.name",
    ),
    Wrong(
        "a schema for the migrations",
        "%alembic init migrations\n" + SQL.format("CREATE SCHEMA migrations"),
        "+ added schema migrations",
    ),
    Wrong(
        "a view",
        "%alembic init migrations\n" + SQL.format("CREATE VIEW names AS SELECT name FROM members"),
        "+ added view names",
    ),
    Wrong(
        "the revisions in another folder",
        """
from pathlib import Path
%alembic init migrations
ini = Path("alembic.ini")
text = ini.read_text().replace("[alembic]", "[alembic]\\nversion_locations = %(here)s/versions", 1)
_ = ini.write_text(text)
""",
        "version_locations in alembic.ini",
    ),
    Wrong(
        "the URL in the ini file",
        """
from pathlib import Path
%alembic init migrations
ini = Path("alembic.ini")
url = exercise.engine.url.render_as_string(hide_password=False).replace("%", "%%")
_ = ini.write_text(ini.read_text().replace("driver://user:pass@localhost/dbname", url))
""",
        "a password doesn't",
    ),
    *(
        Wrong(f"a password in {name}", _file(name, content), says)
        for name, content, says in (
            (
                ".pgpass",
                "f'{u.host}:{u.port}:{u.database}:{u.username}:{u.password}'",
                ".pgpass: take the password out",
            ),
            (
                "compose.yaml",
                "f'environment:\\n  POSTGRES_PASSWORD: {u.password}'",
                "compose.yaml: take the password out",
            ),
            (
                "settings.json",
                "json.dumps(dict(user=u.username, password=u.password))",
                "settings.json: take the password out",
            ),
            (
                "config.py",
                "f'DSN = \"host={u.host} user={u.username} password={u.password}\"'",
                "config.py: take the password out",
            ),
            ("migrations/.env", "f'PGPASSWORD={u.password}'", ".env: take the password out"),
            ("compose.yml", "'POSTGRES_PASSWORD: sunshine'", "compose.yml: take the password out"),
            (
                "alembic.ini",
                "Path(name).read_text().replace('driver://user:pass@localhost/dbname', "
                "f'postgresql+psycopg2:///db?host={u.host}&user={u.username}"
                "&password={u.password}')",
                "alembic.ini: leave init's placeholder there",
            ),
        )
    ),
    Wrong(
        "a password in a comment",
        _file(
            "alembic.ini",
            "Path(name).read_text() + '# ' + u.render_as_string(hide_password=False)",
        ),
        "alembic.ini: leave init's placeholder there",
    ),
    Wrong(
        "a table's settings",
        "%alembic init migrations\n" + SQL.format("ALTER TABLE members SET (fillfactor = 50)"),
        "~ changed settings members",
    ),
    Wrong(
        "a table's privileges",
        "%alembic init migrations\n" + SQL.format("GRANT SELECT ON members TO PUBLIC"),
        "~ changed settings members",
    ),
    Wrong(
        "env.py overwritten",
        "%alembic init migrations\nfrom pathlib import Path\n"
        "_ = Path('migrations/env.py').write_text('import nothing_here')\n",
        "creates the whole folder",
    ),
    Wrong(
        "an absolute path",
        """
from pathlib import Path
%alembic init migrations
ini = Path("alembic.ini")
_ = ini.write_text(ini.read_text().replace("%(here)s", str(Path.cwd())))
""",
        "exists on your machine only",
    ),
    Wrong(
        "env.py runs for every revision",
        """
from pathlib import Path
%alembic init migrations
ini = Path("alembic.ini")
_ = ini.write_text(ini.read_text().replace("# revision_environment = false",
                                           "revision_environment = true"))
""",
        "it runs env.py, which has no URL yet",
    ),
    Wrong(
        "db.py overwritten",
        "%alembic init migrations\nfrom pathlib import Path\n_ = Path('db.py').write_text('')\n",
        "db.py is unchanged",
    ),
)

FRAME = """%%writefile alembic/env.py
from alembic import context
from sqlalchemy import create_engine, pool

{answer}

def run_migrations_online():
    connectable = create_engine(get_url(), poolclass=pool.NullPool)
    with connectable.connect() as connection:
        context.configure(connection=connection, target_metadata=target_metadata)
        with context.begin_transaction():
            context.run_migrations()

run_migrations_online()
"""
MODELS = "from models import Base\ntarget_metadata = Base.metadata\n"
ADDRESS = "from coursekit import project_url\ndef get_url():\n    return project_url()\n"


def _env(answer: str) -> str:
    """Return a cell that writes env.py, with this in place of the TODO."""
    return FRAME.format(answer=answer)


ENV_RIGHT = (
    _env(MODELS + ADDRESS),
    f"{_env(MODELS + ADDRESS)}# %%\n%alembic revision -m first\n%alembic upgrade head\n",
    _env(
        "# Not like this: postgresql://ann:secret@localhost/shop\n"
        f"import importlib\nimportlib.import_module('models')\nfrom db import Base\n{ADDRESS}"
        "target_metadata = [Base.metadata]\n"
    ),
    _env(
        MODELS
        + ADDRESS.replace("project_url()\n", "project_url().set(drivername='postgresql+psycopg')\n")
    ),
    _env(
        "import time\ntime.sleep(2)\n"
        + MODELS
        + ADDRESS.replace("url()\n", "url().render_as_string(hide_password=False)\n")
    ),
    _env(f"from db import Base\n{ADDRESS}target_metadata = Base.metadata\n")
    + """# %%
with open("db.py", "a") as file:
    _ = file.write("\\n\\nimport models\\n")
""",
    _env("""
import models
from db import SQLALCHEMY_DATABASE_URL

target_metadata = models.Book.metadata
get_url = lambda: SQLALCHEMY_DATABASE_URL
"""),
    """
from pathlib import Path

env = Path("alembic/env.py")
source = env.read_text().replace("target_metadata = None", "target_metadata = [db.Base.metadata]")
source = source.replace("import context", "import context; import db, models")
section = "config.get_section(config.config_ini_section, {})"
_ = env.write_text(source.replace(section, "{'sqlalchemy.url': db.engine.url}"))
""",
    _env(MODELS + ADDRESS).replace(
        "target_metadata=target_metadata",
        "target_metadata=target_metadata, transaction_per_migration=True",
    ),
    _env(MODELS + ADDRESS).removesuffix("\nrun_migrations_online()\n")
    + """
from alembic.util import CommandError

try:
    run_migrations_online()
except Exception as error:
    raise CommandError("the migration failed") from error
""",
)
ENV_WRONG = (
    Wrong(
        "the models are not imported",
        _env("from db import Base\ntarget_metadata = Base.metadata\n" + ADDRESS),
        "which file must be imported, so that it contains books",
    ),
    Wrong("no metadata", _env(f"target_metadata = None\n{ADDRESS}"), "the metadata of Base"),
    Wrong(
        "the class, not its metadata",
        _env(f"from models import Base\ntarget_metadata = Base\n{ADDRESS}"),
        "the metadata of Base",
    ),
    Wrong(
        "the placeholder",
        _env(
            f"{MODELS}def get_url():\n    return context.config.get_main_option('sqlalchemy.url')\n"
        ),
        "the placeholder URL of alembic.ini",
    ),
    Wrong(
        "an address without its password",
        _env(MODELS + ADDRESS.replace("return project_url()", "return str(project_url())")),
        "str(url) masks the password",
    ),
    Wrong(
        "the address pasted",
        _env(f"{MODELS}def get_url():\n    return 'ADDRESS'\n")
        + """# %%
address = exercise.url.render_as_string(hide_password=False)
with open("alembic/env.py") as file:
    source = file.read().replace("ADDRESS", address)
with open("alembic/env.py", "w") as file:
    file.write(source)
""",
        "a password in alembic/env.py",
    ),
    Wrong(
        "a copy of the table",
        _env(f"""
import sqlalchemy as sa

target_metadata = sa.MetaData()
key = sa.Column("id", sa.Integer, primary_key=True)
title = sa.Column("title", sa.String(200), nullable=False)
sa.Table("books", target_metadata, key, title)
{ADDRESS}"""),
        "that the check adds to a copy",
    ),
    Wrong(
        "get_url forgets to return",
        _env(MODELS + ADDRESS.replace("return ", "")),
        "get_url: what does it return?",
    ),
    Wrong(
        "half of it",
        _env(ADDRESS),
        "needs target_metadata; define it under this name",
    ),
    Wrong(
        "the variable misspelled",
        _env(ADDRESS + MODELS.replace("target_metadata", "target_metdata")),
        "needs target_metadata; define it under this name",
    ),
    Wrong(
        "the function under another name",
        _env(MODELS + ADDRESS.replace("get_url", "url_of_database")),
        "needs get_url; define it under this name",
    ),
    Wrong(
        "a URL in place of the function",
        _env(f"{MODELS}from coursekit import project_url\nget_url = project_url()\n"),
        "it must be a function",
    ),
    Wrong(
        "the metadata called",
        _env(MODELS.replace("metadata\n", "metadata()\n") + ADDRESS),
        "it must be the metadata of Base",
    ),
    Wrong(
        "a file of another name",
        _env(MODELS.replace("models", "model") + ADDRESS),
        "the models are in models.py",
    ),
    Wrong(
        "a class of another name",
        _env(MODELS.replace("import Base", "import base") + ADDRESS),
        "db.py defines Base",
    ),
    Wrong(
        "a wrong URL with a wrong password",
        _env(
            f"{MODELS}def get_url():\n    return 'postgresql+psycopg2://ann:secret@localhost/x'\n"
        ),
        "a password in alembic/env.py",
    ),
    Wrong(
        "a password among the parts",
        _env(
            f"{MODELS}from sqlalchemy import URL\n{ADDRESS}"
            "OTHER = URL.create('postgresql+psycopg2', username='ann', password='secret')\n"
        ),
        "a password in alembic/env.py",
    ),
    Wrong(
        "the URL in alembic.ini",
        _env(
            f"{MODELS}def get_url():\n    return context.config.get_main_option('sqlalchemy.url')\n"
        )
        + """# %%
url = exercise.url.render_as_string(hide_password=False).replace("%", "%%")
with open("alembic.ini") as file:
    source = file.read().replace("driver://user:pass@localhost/dbname", url)
with open("alembic.ini", "w") as file:
    _ = file.write(source)
""",
        "a password in alembic.ini",
    ),
    Wrong(
        "a database that doesn't exist",
        _env(MODELS + ADDRESS.replace("project_url()\n", "project_url().set(database='shop')\n")),
        "which database does its URL name",
    ),
    Wrong(
        "nothing is compared",
        _env(MODELS + ADDRESS).replace(
            "target_metadata=target_metadata",
            "target_metadata=target_metadata, include_object=lambda *_: False",
        ),
        "that the check adds to a copy",
    ),
    Wrong(
        "the database compared with itself",
        _env(f"""
import sqlalchemy as sa
{ADDRESS}
target_metadata = sa.MetaData()
target_metadata.reflect(create_engine(get_url()))
"""),
        "that the check adds to a copy",
    ),
    Wrong(
        "the message printed",
        _env(f"{MODELS}{ADDRESS}print('No new upgrade operations detected.')\nraise SystemExit\n"),
        "there is none",
    ),
    Wrong(
        "errors are swallowed",
        _env(MODELS + ADDRESS).removesuffix("\nrun_migrations_online()\n")
        + "\ntry:\n    run_migrations_online()\nexcept Exception:\n    pass\n",
        "let its exceptions through",
    ),
    Wrong(
        "the database's errors are printed",
        _env(f"from sqlalchemy.exc import ProgrammingError\n{MODELS}{ADDRESS}").removesuffix(
            "\nrun_migrations_online()\n"
        )
        + "\ntry:\n    run_migrations_online()\nexcept ProgrammingError as one:\n    print(one)\n",
        "let its exceptions through",
    ),
    *(
        Wrong(
            f"errors of another kind are printed: {kinds}",
            _env(f"from sqlalchemy.exc import IntegrityError, SQLAlchemyError\n{MODELS}{ADDRESS}")
            .replace("import context", "import context, util")
            .removesuffix("\nrun_migrations_online()\n")
            + f"""
try:
    run_migrations_online()
{before}except {kinds} as one:
    print(one)
""",
            "let its exceptions through",
        )
        for before, kinds in (
            ("", "IntegrityError"),
            ("", "(util.CommandError, ValueError, KeyError)"),
            ("except SQLAlchemyError:\n    raise\n", "Exception"),
        )
    ),
    Wrong(
        "a file that env.py writes",
        _env(
            MODELS
            + ADDRESS.replace(
                "    return",
                "    with open('alembic/url.txt', 'w') as file:\n"
                "        file.write(project_url().render_as_string(hide_password=False))\n"
                "    return",
            )
        ),
        "a password in alembic/url.txt",
    ),
    Wrong(
        "the URL with its password among the options",
        _env(f"{MODELS}def get_url():\n    return 'ADDRESS'\n")
        + """# %%
from pathlib import Path
u, env = exercise.url, Path("alembic/env.py")
where = f"{u.host}:{u.port}/{u.database}?user={u.username}&password={u.password}"
_ = env.write_text(env.read_text().replace("ADDRESS", f"postgresql+psycopg2://{where}"))
""",
        "a password in alembic/env.py",
    ),
    Wrong(
        "the password in a comment",
        _env(MODELS + ADDRESS)
        + """# %%
with open("alembic/env.py", "a") as file:
    _ = file.write(f"# the password is: {exercise.url.password}\\n")
""",
        "a password in alembic/env.py",
    ),
    *(
        Wrong(
            f"hidden by an option: {option}",
            _env(MODELS + ADDRESS).replace(
                "target_metadata=target_metadata", f"target_metadata=target_metadata, {option}"
            ),
            "hides columns or their types",
        )
        for option in ("include_object=lambda *args: args[2] == 'table'", "compare_type=False")
    ),
    Wrong(
        "the tables are created first",
        _env(MODELS + ADDRESS).replace(
            "        context.configure(",
            "        target_metadata.create_all(connection)\n        connection.commit()\n"
            "        context.configure(",
        ),
        "it creates the tables itself",
    ),
    Wrong(
        "the model is changed",
        _env(MODELS + ADDRESS)
        + """# %%
from pathlib import Path
file = Path("models.py")
_ = file.write_text(file.read_text().replace("200", "250"))
""",
        "models.py: it has changed since you began",
    ),
    Wrong(
        "other tables are hidden",
        _env(MODELS + ADDRESS).replace(
            "target_metadata=target_metadata",
            "target_metadata=target_metadata, include_object=lambda _, name, *__: name == 'books'",
        ),
        "that the check adds to a copy",
    ),
    Wrong(
        "rolled back at the end",
        _env(MODELS + ADDRESS)
        .replace(
            "            context.run_migrations()\n",
            "            context.run_migrations()\n        connection.rollback()\n",
        )
        .replace("as connection:\n", "as connection, connection.begin():\n"),
        "in a transaction",
    ),
    Wrong(
        "without a transaction",
        _env(MODELS + ADDRESS).replace("        with context.begin_transaction():\n    ", ""),
        "does it still run the migrations in a transaction",
    ),
    Wrong(
        "one table is hidden",
        _env(MODELS + ADDRESS).replace(
            "target_metadata=target_metadata",
            "target_metadata=target_metadata, include_name=lambda name, *_: name != 'books'",
        ),
        "hides the books table",
    ),
    Wrong(
        "a function with a parameter",
        _env(MODELS + ADDRESS.replace("get_url()", "get_url(folder)")),
        "called without an argument",
    ),
    Wrong(
        "variables that aren't set",
        _env(
            f"{MODELS}import os\nfrom sqlalchemy import URL\n"
            "def get_url():\n    return URL.create('postgresql', os.environ['DATABASE_USERNAME'])\n"
        ),
        "project_url returns the URL",
    ),
    Wrong(
        "one table more",
        _env(
            f"{MODELS}{ADDRESS}import sqlalchemy as sa\n"
            "sa.Table('authors', target_metadata, sa.Column('id', sa.Integer))\n"
        ),
        "the tables of models.py, and no others",
    ),
    Wrong(
        "the table changed instead",
        _env(MODELS + ADDRESS) + "# %%\n" + SQL.format("ALTER TABLE books ADD author text"),
        "+ added column books.author",
    ),
    Wrong(
        "a line in place of four",
        _env(f"{MODELS}{ADDRESS}def broken(:\n"),
        "read what it prints from the end",
    ),
)

CONFIG = """from urllib.parse import quote, quote_plus, urlencode
from alembic.config import Config

def make_config(url):
"""
CONFIG_RIGHT = right(
    CONFIG,
    """
--- another way to write it
config = Config()
address = url.render_as_string(hide_password=False)
config.set_section_option("alembic", "sqlalchemy.url", "%%".join(address.split("%")))
return config
--- from parts
user, port = url.username, f":{url.port}" if url.port else ""
if url.password is not None:
    user += ":" + quote(url.password, safe="")
options = urlencode(url.query, doseq=True)
address = f"{url.drivername}://{user}@{url.host or ''}{port}/{url.database}?{options}"
made = Config()
made.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
return made
--- after a while
import time
time.sleep(2)
config = Config()
config.file_config.set("alembic", "sqlalchemy.url", url.render_as_string(False).replace("%", "%%"))
print("set")
return config
--- a value that the ini file refers to
return_value = Config(config_args={"address": url.render_as_string(False).replace("%", "%%")})
return_value.set_main_option("sqlalchemy.url", "%(address)s")
return return_value
""",
)
CONFIG_WRONG = (
    Wrong(
        "without a parameter",
        "from alembic.config import Config\ndef make_config():\n    return Config()\n",
        "keep the parameters that the exercise gives",
    ),
    Wrong(
        "an import of something else",
        "def make_config(url):\n    from alembic.configuration import Config\n",
        "from alembic.config import Config",
    ),
    *wrong(
        CONFIG,
        """
--- from parts, as if every URL had a password -> no password, and two hosts
password = quote(url.password, safe="").replace("%", "%%")
made = Config()
made.set_main_option(
    "sqlalchemy.url",
    f"{url.drivername}://{url.username}:{password}@{url.host}:{url.port}/{url.database}?"
    + urlencode(url.query).replace("%", "%%"),
)
return made
--- no password becomes an empty one -> it's None then
made = Config()
address = url.set(password=url.password or "").render_as_string(False)
made.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
return made
--- one value of each option -> the string that is written into the Config
made = Config()
options = {name: value if isinstance(value, str) else value[0] for name, value in url.query.items()}
address = url.set(query=options).render_as_string(False)
made.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
return made
--- a Config for each URL -> the same Config again
kept = globals().setdefault("kept", {})
if url not in kept:
    kept[url] = Config()
    kept[url].set_main_option("sqlalchemy.url", url.render_as_string(False).replace("%", "%%"))
return kept[url]
--- the masked text -> what str(url) masks
config = Config()
config.set_main_option("sqlalchemy.url", str(url))
return config
--- the masked text with doubled signs -> what str(url) masks
config = Config()
config.set_main_option("sqlalchemy.url", str(url).replace("%", "%%"))
return config
--- the percent sign as it is -> in an ini file, % starts a placeholder
config = Config()
config.set_main_option("sqlalchemy.url", url.render_as_string(hide_password=False))
return config
--- escaped once more -> call it yourself
config = Config()
address = quote_plus(url.render_as_string(hide_password=False))
config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
return config
--- the percent sign left out -> what % means in an ini file
config = Config()
address = url.render_as_string(hide_password=False)
config.set_main_option("sqlalchemy.url", address.replace("%", ""))
return config
--- a space becomes a plus -> how a password is written in a URL string
config = Config()
address = f"{url.drivername}://{url.username}:{quote_plus(url.password)}@{url.host}:{url.port}"
config.set_main_option("sqlalchemy.url", f"{address}/{url.database}".replace("%", "%%"))
return config
--- the object -> takes a string, not a URL object
config = Config()
config.set_main_option("sqlalchemy.url", url)
return config
--- always the same driver -> the string that is written into the Config
config = Config()
address = url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
return config
--- another Unicode form -> it changes the Unicode form
import unicodedata
config = Config()
if url.password:
    url = url.set(password=unicodedata.normalize("NFC", url.password))
config.set_main_option("sqlalchemy.url", url.render_as_string(False).replace("%", "%%"))
return config
--- without outer spaces -> it removes spaces
config = Config()
if url.password:
    url = url.set(password=url.password.strip())
config.set_main_option("sqlalchemy.url", url.render_as_string(False).replace("%", "%%"))
return config
--- K10: printed by the Config -> the output
config = Config()
address = url.render_as_string(hide_password=False)
config.print_stdout("url: %s", address)
config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
return config
--- K10: logged at a lower level -> the output
import logging
config = Config()
address = url.render_as_string(hide_password=False)
logging.getLogger("deploy").info("using %s", address)
config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
return config
--- under another name -> the name that env.py reads
config = Config()
address = url.render_as_string(hide_password=False)
config.set_main_option("url", address.replace("%", "%%"))
return config
--- the Config is not returned -> does it return the Config
config = Config()
address = url.render_as_string(hide_password=False)
config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
--- a generator -> instead of yielding it
yield Config()
--- the program is ended -> sys.exit ends the program
import sys
sys.exit("no URL")
--- a dictionary -> it must be the Config
return {"sqlalchemy.url": url}
--- one Config for all calls -> it must create a new Config in every call
config = globals().setdefault("SHARED", Config())
address = url.render_as_string(hide_password=False)
config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
return config
--- a file with the URL -> alembic.ini
address = url.render_as_string(hide_password=False).replace("%", "%%")
with open("alembic.ini", "w") as file:
    print(f"[alembic]\\nsqlalchemy.url = {address}", file=file)
return Config("alembic.ini")
--- an environment variable -> SHOP_URL
import os
os.environ["SHOP_URL"] = url.render_as_string(hide_password=False)
config = Config()
config.set_main_option("sqlalchemy.url", os.environ["SHOP_URL"].replace("%", "%%"))
return config
--- a constant -> how a password is written in a URL string
config = Config()
config.set_main_option("sqlalchemy.url", "postgresql+psycopg2://ann:p%%40ss@localhost:5432/shop")
return config
--- the port is lost -> the string that is written into the Config
config = Config()
address = url.render_as_string(hide_password=False).replace(f":{url.port}/", "/")
config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
return config
--- K6: the options after ? are lost -> the string that is written into the Config
config = Config()
address = url.set(query={}).render_as_string(hide_password=False)
config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
return config
--- K10: a temporary file -> writes no file
import tempfile
address = url.render_as_string(hide_password=False).replace("%", "%%")
with tempfile.NamedTemporaryFile("w", suffix=".ini", delete=False) as file:
    print(f"[alembic]\\nsqlalchemy.url = {address}", file=file)
config = Config()
config.set_main_option("sqlalchemy.url", address)
return config
--- K10: printed -> the output
address = url.render_as_string(hide_password=False)
print("migrating", address)
config = Config()
config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
return config
--- K10: logged -> the output
import logging
address = url.render_as_string(hide_password=False)
logging.getLogger("deploy").warning("migrating %s", address)
config = Config()
config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
return config
--- K10: the password in PGPASSWORD -> the URL needs its password
import os
os.environ["PGPASSWORD"] = url.password
config = Config()
address = str(url._replace(password=None))
config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
return config
--- K2: a file that isn't there -> pass no file name
config = Config("alembic.ini")
address = url.render_as_string(hide_password=False)
config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
return config
--- K14: a Config that is something else -> it must be the Config
class Equal(str):
    __eq__ = lambda self, other: True
    __hash__ = str.__hash__
return [Equal(url)]
--- doubled twice -> how a password is written in a URL string
config = Config()
address = url.render_as_string(hide_password=False)
config.set_main_option("sqlalchemy.url", address.replace("%", "%%%%"))
return config
--- errors are swallowed -> what str(url) masks
config = Config()
try:
    config.set_main_option("sqlalchemy.url", url.render_as_string(hide_password=False))
except ValueError:
    config.set_main_option("sqlalchemy.url", str(url))
return config
--- the text is returned -> the Config, not the string in it
return url.render_as_string(hide_password=False).replace("%", "%%")
""",
    ),
)

RIGHT = {
    "migrations-folder": FOLDER_RIGHT,
    "url-and-metadata": ENV_RIGHT,
    "percent-in-ini": CONFIG_RIGHT,
}
WRONG = {
    "migrations-folder": FOLDER_WRONG,
    "url-and-metadata": ENV_WRONG,
    "percent-in-ini": CONFIG_WRONG,
}
