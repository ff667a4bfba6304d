"""Checks send SQL only through clean sessions, and everything in it is qualified.

Code that runs where the learner's code is, the probes, may do as a learner does.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from coursekit.settings import ROOT

FOLDERS = (ROOT / "coursekit" / "lessons", ROOT / "coursekit" / "exercises")
# These make the clean sessions, or begin an exercise.
MAKERS = {"clean_session.py", "database.py", "statements.py"}
# Still to be moved: `test_what_is_still_open_needs_it` keeps this list short.
OPEN = {"rehearsal.py", "in_ci", "capstone"}
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


def is_open(path: Path) -> bool:
    return path.name in OPEN or path.parent.name in OPEN


def problems(source: str) -> list[str]:
    """Return what a module sends in another way, or sends unqualified."""
    tree = ast.parse(source)
    theirs = {id(node) for probe in _probes(tree) for node in ast.walk(probe)}
    nodes = [node for node in ast.walk(tree) if id(node) not in theirs]
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    return [*_imported(nodes, used), *_sent(nodes), *_unqualified(nodes)]


def _probes(tree: ast.Module) -> list[ast.FunctionDef]:
    """Return the functions that run where the learner's code is, and those they alone call."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    probes = [node for node in functions if [*map(_argument, node.args.args)][:1] == ["names"]]
    called = {name for probe in probes for name in _names(probe)}
    others = {name for one in functions if one not in probes for name in _names(one)}
    return probes + [one for one in functions if one.name in called - others]


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
    if not is_open(path):
        assert problems(path.read_text("utf-8")) == []


def test_what_is_still_open_needs_it() -> None:
    needed = {
        name
        for path in modules()
        if is_open(path) and problems(path.read_text("utf-8"))
        for name in (path.name, path.parent.name)
    }
    assert needed >= OPEN


BARE = {
    "from sqlalchemy import text\nconnection.execute(text('SELECT 1'))": 2,
    "engine.connect().exec_driver_sql('SELECT 1')": 1,
    "database.query('SELECT name FROM users')": 1,
    "database.query('SELECT name FROM public.users WHERE id = 1')": 1,
    "QUERY = 'SELECT 1 FROM pg_class'\ndatabase.query(QUERY)": 1,
    "database.query('SELECT 1 FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) 1')": 0,
    "def _probe(names, engine):\n    engine.connect().exec_driver_sql('SELECT 1')": 0,
}


@pytest.mark.parametrize("source", BARE)
def test_the_rule_finds_what_it_is_for(source: str) -> None:
    assert len(problems(source)) == BARE[source]
