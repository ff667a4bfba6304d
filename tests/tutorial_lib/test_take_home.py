"""The library works without the course, as a whole and in the units that the page lists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sqlalchemy import URL

from coursekit.settings import ROOT

LIBRARY = ROOT / "tutorial_lib"
PAGE = (ROOT / "docs" / "take-home.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (`.+?) \| .+ \| (`.+?) \| (\w.+?) \|$", re.MULTILINE)


class Unit(NamedTuple):
    """A row of the page's table."""

    names: list[str]
    files: list[str]
    packages: list[str]


UNITS = {
    names[0]: Unit(names, re.findall("`(.+?)`", files), packages.split(", "))
    for cell, files, packages in ROW.findall(PAGE)
    if (names := re.findall("`(.+?)`", cell))
}

# Only the importers that this script installs find modules in site-packages: a module that isn't
# allowed is missing, as it would be in an environment without its package.
IMPORTS = """
import importlib, os, pkgutil, sys, sysconfig
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder

course, project, package, *allowed = {arguments!r}
installed = tuple(sysconfig.get_path(name) for name in ("purelib", "platlib"))

class Allowed:
    find_distributions = PathFinder.find_distributions

    @staticmethod
    def find_spec(name, path=None, target=None):
        top = name.partition(".")[0]
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or top == "coursekit":
            return None
        locations = [str(spec.origin), *(spec.submodule_search_locations or ())]
        third_party = any(location.startswith(installed) for location in locations)
        return None if allowed and third_party and top not in allowed else spec

sys.meta_path = [BuiltinImporter, FrozenImporter, Allowed]
sys.path = [project, *(entry for entry in sys.path if entry != course)]
for name, module in list(sys.modules.items()):
    if str(getattr(module, "__file__", "")).startswith(installed):
        del sys.modules[name]  # a .pth file of the environment has imported it

app = importlib.import_module(package)
assert app.__file__.startswith(project), app.__file__
"""
CONNECT = """
from sqlalchemy import create_engine, text
url = os.environ["URL_OF_THE_TEST"]
engine = create_engine(url)
with engine.begin() as connection:
    connection.execute(text("CREATE TABLE orders (id int PRIMARY KEY, amount int, tax int)"))
    connection.execute(text("INSERT INTO orders VALUES (1, 10), (2, 20)"))
"""
IMPORT_ALL = """
for module in pkgutil.walk_packages(app.__path__, package + "."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:  # one of the two drivers is enough
        driver = module.name.rpartition(".")[2]
        assert (driver, error.name) in (("psycopg3", "psycopg"), ("psycopg2_", "psycopg2")), error
for name in list(sys.modules):
    assert name.partition(".")[0] != "coursekit", name
"""
USE = {
    "db": """
from app import config, db
db.connect(config.database_url({"DATABASE_URL": url}), lock_timeout=1.5)
session = next(db.get_db())
assert session.scalar(text("SHOW lock_timeout")) == "1500ms"
session.close()
""",
    "hashing": """
from app import hashing
assert hashing.verify_password("secret", hashing.get_password_hash("secret"))
""",
    "models": """
from app import models, orders
from app.db import connect, SessionLocal, Base
engine.execution_options(isolation_level="AUTOCOMMIT").connect().execute(text("DROP TABLE orders"))
Base.metadata.create_all(connect(url))
with SessionLocal() as session:
    session.add(models.User(name="Ann", email="ann@example.com", password="secret"))
    session.commit()
    assert session.query(models.User).one().check_password("secret")
""",
    "frames": """
from app import frames
assert frames.read("orders", con=engine)["amount"].tolist() == [10, 20]
assert len(frames.read("SELECT * FROM generate_series(1, 10000)", engine)) == 10000
with engine.connect() as connection, connection.begin() as transaction:
    more = frames.read("orders", engine).assign(id=[3, 4])
    assert frames.write(more, "orders", connection) == 2
    transaction.rollback()
""",
    "explorer": """
from pathlib import Path
from alembic import command
from alembic.config import Config
from app import explorer
os.chdir(project)
command.init(Config("alembic.ini"), "alembic")
before = explorer.snapshot(engine)
with engine.begin() as connection:
    connection.execute(text("ALTER TABLE orders ADD COLUMN note text"))
assert repr(explorer.changes(before, explorer.snapshot(engine))).startswith("+ added")
assert explorer.tables(engine, count=True)["rows"].tolist() == [2]
assert "note" in explorer.columns(engine, "orders")["column"].tolist()
assert "orders" in explorer.diagram(engine).mermaid()
assert repr(explorer.revisions(engine, Path("."))) == "base (current)"
assert explorer.test_connection(engine).rows["database"] == engine.url.database
""",
    "locks": """
from app import locks
with engine.connect() as reader:
    reader.execute(text("SELECT count(*) FROM orders"))
    assert len(locks.queue(engine)) == 0
assert locks.with_lock_retries(engine, "ALTER TABLE orders ADD COLUMN gift text") == 1
""",
    "backfill": """
from app import backfill
done = backfill.run(
    engine, "orders", set={"tax": text("amount / 5")}, where=text("tax IS NULL"), size=1
)
assert (done.rows, done.batches, done.left) == (2, 2, 0)
""",
    "advisory_lock": """
from app.advisory_lock import advisory_lock
with advisory_lock(engine, "deployment", timeout=5.0):
    pass
""",
    "workload": """
from app import workload
with workload.run(engine, readers=lambda connection: connection.scalar(text("SELECT 1"))) as seen:
    pass
assert seen.errors == [] and seen.count("readers") >= 2
""",
}
# Names what was loaded, before anything else is imported.
LOADED = """
print(*sorted({name.partition(".")[0] for name in sys.modules}), sep="\\n")
print(*sorted(name for name in sys.modules if name.startswith("app.")), sep="\\n")
"""


def run(project: Path, package: str, code: str, url: URL, allowed: Iterable[str] = ()) -> str:
    """Run code in a separate project and return its output.

    Args:
        project: The folder that contains the package.
        package: The package to import.
        code: What to run.
        url: The database, in the code's environment.
        allowed: Third-party modules that can be imported; by default all.

    """
    imports = IMPORTS.format(arguments=(str(ROOT), str(project), package, *sorted(allowed)))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"{imports}{code}"],
        cwd=project,
        env={**environment, "URL_OF_THE_TEST": url.render_as_string(hide_password=False)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def modules_of(packages: list[str]) -> dict[str, set[str]]:
    """Return the top-level modules of distributions, and of those they depend on."""
    modules: dict[str, set[str]] = {}
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            modules.setdefault(canonicalize_name(distribution), set()).add(module)
    found: dict[str, set[str]] = {}
    todo = [canonicalize_name(package) for package in packages]
    while todo:
        if (name := todo.pop()) not in found and name in modules:
            found[name] = modules[name]
            needed = map(Requirement, requires(name) or ())
            todo += [canonicalize_name(one.name) for one in needed if _applies(one)]
    return found


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def copy_files(files: list[str], target: Path) -> None:
    for file in files:
        source = LIBRARY / file
        if source.is_dir():
            shutil.copytree(source, target / file, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def test_the_whole_folder_works_in_an_empty_project(tmp_path: Path, url: URL) -> None:
    copy_files(["."], tmp_path / "tutorial_lib")
    uses = {name: re.sub(r"\bapp\b", "tutorial_lib", code) for name, code in USE.items()}
    last = uses.pop("models")  # its table of orders replaces the other one
    run(tmp_path, "tutorial_lib", CONNECT + IMPORT_ALL + "".join(uses.values()) + last, url)


def test_the_course_is_missing_there(tmp_path: Path, url: URL) -> None:
    copy_files(["."], tmp_path / "tutorial_lib")
    code = "try:\n    import coursekit\nexcept ModuleNotFoundError:\n    print('missing')\n"
    assert run(tmp_path, "tutorial_lib", code, url) == "missing\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["frames", "explorer", "locks", "backfill", "advisory_lock", "workload"]
)
def test_a_unit_works_with_psycopg_3_alone(tmp_path: Path, url: URL, name: str) -> None:
    pytest.importorskip("psycopg", reason="psycopg has no wheels for Windows on Arm")
    unit, app = UNITS[name], tmp_path / "app"
    app.mkdir()
    (app / "__init__.py").touch()
    copy_files(unit.files, app)
    others = {canonicalize_name(package) for package in unit.packages} - {"psycopg2-binary"}
    packages = modules_of([*others, "psycopg", "psycopg-binary"])
    allowed = set().union(*packages.values())
    assert "psycopg2" not in allowed
    code = CONNECT + USE[name] + LOADED + IMPORT_ALL
    loaded = run(tmp_path, "app", code, url.set(drivername="postgresql+psycopg"), allowed).split()
    assert "psycopg" in loaded


def test_every_module_belongs_to_a_unit() -> None:
    named = {file.rstrip("/") for unit in UNITS.values() for file in unit.files}
    ignored = {"__init__.py", "__pycache__", "py.typed"}
    assert named == {path.name for path in LIBRARY.iterdir()} - ignored
    assert set(UNITS) == set(USE)


@pytest.mark.samples(4)
@pytest.mark.parametrize("name", USE)
def test_a_unit_works_with_the_files_and_packages_it_names(
    tmp_path: Path, url: URL, name: str
) -> None:
    unit, app = UNITS[name], tmp_path / "app"
    app.mkdir()
    (app / "__init__.py").touch()
    copy_files(unit.files, app)
    packages = modules_of(unit.packages)
    connect = CONNECT if "SQLAlchemy" in unit.packages else ""
    code = connect + USE[name] + LOADED + IMPORT_ALL
    loaded = run(tmp_path, "app", code, url, set().union(*packages.values())).split()
    needed = [f"app.{Path(file).stem}" for file in unit.files]
    assert [module for module in needed if module not in loaded] == []
    own = (packages[canonicalize_name(package)] for package in unit.packages)
    assert [modules for modules in own if modules.isdisjoint(loaded)] == []


def test_a_package_that_is_not_named_is_missing(tmp_path: Path, url: URL) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").touch()
    allowed = set().union(*modules_of(["SQLAlchemy"]).values())
    code = "import sqlalchemy\ntry: import pandas\nexcept ModuleNotFoundError: print('missing')"
    assert run(tmp_path, "app", code, url, allowed) == "missing\n"
