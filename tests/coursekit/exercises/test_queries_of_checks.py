"""Checks send SQL only through clean sessions, and everything in it is qualified.

Two kinds of functions may do as an application does. Probes run where the learner's code is. The
service of a rehearsal is the application, so it uses the usual search path: each of its functions
gets a connection first, as `workload` calls them.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from coursekit.settings import ROOT

FOLDERS = (ROOT / "coursekit" / "lessons", ROOT / "coursekit" / "exercises")
# These make the clean sessions, begin an exercise, or are connections of a probe.
MAKERS = {"clean_session.py", "database.py", "schema.py", "statements.py", "listener.py"}
MAKERS |= {"disguised.py", "left_behind.py", "sent_names.py"}
FORBIDDEN = {"text", "inspect", "create_engine", "select", "insert", "update", "delete", "func"}
SENT = {"execute", "exec_driver_sql", "scalar", "scalars", "executemany"}
OPERATOR = re.compile(r"(?<![<>!=:])(?:=|<>|!=|<|>|\|\||~)(?![>])")
NAME = re.compile(
    r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE|SEQUENCE|FUNCTION)\s+(\w+)(\.)?", re.IGNORECASE
)


def modules() -> list[Path]:
    """Return the modules of checks and of the engine."""
    found = [path for folder in FOLDERS for path in sorted(folder.rglob("*.py"))]
    return [path for path in found if path.name not in MAKERS]


def problems(source: str) -> list[str]:
    """Return what a module sends in another way, or sends unqualified."""
    tree = ast.parse(source)
    exempt = [*_probes(tree), *_service(tree)]
    theirs = {id(node) for function in exempt for node in ast.walk(function)}
    nodes = [node for node in ast.walk(tree) if id(node) not in theirs]
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    return [*_imported(nodes, used), *_sent(nodes), *_unqualified(nodes)]


def _probes(tree: ast.Module) -> list[ast.FunctionDef]:
    """Return the functions that run where the learner's code is, and those they alone call."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    probes = [node for node in functions if [*map(_argument, node.args.args)][:1] == ["names"]]
    while more := _called_only_by(probes, functions):
        probes += more
    return probes


def _called_only_by(
    probes: list[ast.FunctionDef], functions: list[ast.FunctionDef]
) -> list[ast.FunctionDef]:
    """Return the functions that only probes call, without the probes."""
    others = [one for one in functions if one not in probes]
    called = {name for probe in probes for name in _names(probe)}
    shared = {name for one in others for name in _names(one)}
    return [one for one in others if one.name in called - shared]


def _service(tree: ast.Module) -> list[ast.FunctionDef]:
    """Return the functions and methods that get a connection first: the service's."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [one for one in functions if _takes_connection(one)]


def _takes_connection(function: ast.FunctionDef) -> bool:
    arguments = [one for one in function.args.args if one.arg != "self"]
    first = arguments[0].annotation if arguments else None
    return isinstance(first, ast.Name) and first.id == "Connection"


def _argument(one: ast.arg) -> str:
    return one.arg


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _imported(nodes: list[ast.AST], used: set[str]) -> list[str]:
    return [
        f"line {node.lineno}: imports {alias.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
        for alias in node.names
        if alias.name in FORBIDDEN and (alias.asname or alias.name) in used
    ]


def _sent(nodes: list[ast.AST]) -> list[str]:
    return [
        f"line {node.lineno}: calls {node.func.attr}"
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in SENT
    ]


def _unqualified(nodes: list[ast.AST]) -> list[str]:
    """Return SQL given to `query` or `statement`, in which a name or an operator is bare."""
    texts = {
        target.id: node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = []
    for node in nodes:
        if isinstance(node, ast.Call) and _called(node) in ("query", "statement") and node.args:
            given = node.args[0]
            value = texts.get(given.id) if isinstance(given, ast.Name) else given
            found += [f"line {node.lineno}: {one}" for one in _bare(_literal(value))]
    return found


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _literal(node: ast.AST | None) -> str:
    """Return the constant parts of a string."""
    parts = ast.walk(node) if node else ()
    return " ".join(str(one.value) for one in parts if isinstance(one, ast.Constant))


def _bare(sql: str) -> list[str]:
    tables = [name for name, dot in NAME.findall(sql) if not dot]
    operators = OPERATOR.findall(re.sub(r"OPERATOR\(pg_catalog\.[^)]+\)", "", sql))
    return tables + operators


@pytest.mark.parametrize("path", modules(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_check_queries_through_clean_sessions(path: Path) -> None:
    assert problems(path.read_text("utf-8")) == []


BARE = {
    "from sqlalchemy import text\nconnection.execute(text('SELECT 1'))": 2,
    "engine.connect().exec_driver_sql('SELECT 1')": 1,
    "database.query('SELECT name FROM users')": 1,
    "database.query('SELECT name FROM public.users WHERE id = 1')": 1,
    "QUERY = 'SELECT 1 FROM pg_class'\ndatabase.query(QUERY)": 1,
    "database.query('SELECT 1 FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) 1')": 0,
    "def _probe(names, engine):\n    engine.connect().exec_driver_sql('SELECT 1')": 0,
    "def reads(connection: Connection):\n    connection.execute('SELECT 1 FROM users')": 0,
    "def checks(shop: Sandbox, connection: Connection):\n    connection.execute('SELECT 1')": 1,
    "def checks(engine):\n    engine.begin().execute('SELECT 1')": 1,
}


@pytest.mark.parametrize("source", BARE)
def test_the_rule_finds_what_it_is_for(source: str) -> None:
    assert len(problems(source)) == BARE[source]
