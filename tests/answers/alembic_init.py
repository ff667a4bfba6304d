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
)
FOLDER_WRONG = (
    Wrong("the name of the lesson", "%alembic init alembic\n", "the folder migrations has"),
    Wrong(
        "init twice",
        "%alembic init alembic\n%alembic init migrations\n",
        "does not write over an alembic.ini that is there",
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
        "a folder inside another", "%alembic init alembic/migrations\n", "the folder migrations has"
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
        "the members table is unchanged",
    ),
    Wrong(
        "a file deleted",
        "%alembic init migrations\nimport os\nos.remove('migrations/script.py.mako')\n",
        "the folder migrations has",
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
)
ENV_WRONG = (
    Wrong(
        "the models are not imported",
        _env("from db import Base\ntarget_metadata = Base.metadata\n" + ADDRESS),
        "it knows the table books",
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
        "the address in alembic.ini, a placeholder",
    ),
    Wrong(
        "an address without its password",
        _env(MODELS + ADDRESS.replace("return project_url()", "return str(project_url())")),
        "the text of a URL hides its password",
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
        "no password stands in env.py",
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
        "that the check has added",
    ),
    Wrong(
        "get_url forgets to return",
        _env(MODELS + ADDRESS.replace("return ", "")),
        "get_url: what does it return?",
    ),
    Wrong(
        "half of it",
        _env(ADDRESS),
        "name 'target_metadata' is not defined",
    ),
)

CONFIG = """from urllib.parse import quote, quote_plus
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
password = quote(url.password, safe="").replace("%", "%%")
made = Config()
made.set_main_option(
    "sqlalchemy.url",
    f"{url.drivername}://{url.username}:{password}@{url.host}:{url.port}/{url.database}",
)
return made
--- a value that the ini file refers to
return_value = Config(config_args={"address": url.render_as_string(False).replace("%", "%%")})
return_value.set_main_option("sqlalchemy.url", "%(address)s")
return return_value
""",
)
CONFIG_WRONG = wrong(
    CONFIG,
    """
--- the masked text -> what str(url) hides
config = Config()
config.set_main_option("sqlalchemy.url", str(url))
return config
--- the masked text with doubled signs -> what str(url) hides
config = Config()
config.set_main_option("sqlalchemy.url", str(url).replace("%", "%%"))
return config
--- the percent sign as it is -> in an ini file, % begins a placeholder
config = Config()
config.set_main_option("sqlalchemy.url", url.render_as_string(hide_password=False))
return config
--- escaped once more -> what set_main_option takes
config = Config()
address = quote_plus(url.render_as_string(hide_password=False))
config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
return config
--- the percent sign left out -> what an ini file does with %
config = Config()
address = url.render_as_string(hide_password=False)
config.set_main_option("sqlalchemy.url", address.replace("%", ""))
return config
--- a space becomes a plus -> how the text of a URL writes a password
config = Config()
address = f"{url.drivername}://{url.username}:{quote_plus(url.password)}@{url.host}:{url.port}"
config.set_main_option("sqlalchemy.url", f"{address}/{url.database}".replace("%", "%%"))
return config
--- the object -> and what set_main_option takes: text
config = Config()
config.set_main_option("sqlalchemy.url", url)
return config
--- under another name -> the name that env.py reads
config = Config()
address = url.render_as_string(hide_password=False)
config.set_main_option("url", address.replace("%", "%%"))
return config
--- the Config is not returned -> what make_config returns
config = Config()
address = url.render_as_string(hide_password=False)
config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))
--- the text is returned -> what make_config returns
return url.render_as_string(hide_password=False).replace("%", "%%")
""",
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
