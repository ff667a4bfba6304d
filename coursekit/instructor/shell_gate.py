"""The gate for commands: those whose failure nobody would see are refused.

IPython itself turns magics and shell escapes into calls, and these are looked at.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Any

Found = Iterator[tuple[str, str]]

LINE_MAGICS = {"alembic", "pytest", "squawk", "xmode"}
CELL_MAGICS = {"writefile"}
SHELL_MAGICS = {"bash", "sh", "script", "system", "sx", "cmd", "!", "!!", "perl", "ruby"}
SHELL_CALLS = {"system", "getoutput", "getstatusoutput", "popen", "system_raw", "system_piped"}
TEXT_CALLS = {"run_cell", "run_cell_async", "run_code", "safe_execfile"}
PROCESS_CALLS = {"run", "call", "Popen"}
KNOWN = [*(f"%{name}" for name in sorted(LINE_MAGICS)), *(f"%%{name}" for name in CELL_MAGICS)]


def commands(cell: dict[str, Any], number: int, refresh: str) -> Found:
    """Shell commands, magics that the kit does not know, and commands that may be swallowed."""
    tree = _tree("".join(cell["source"]))
    guarded = set(_guarded(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _call(node, node in guarded)


def _tree(source: str) -> ast.AST:
    """The cell as IPython reads it; an empty one when it is no Python, for then it fails."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as an error, one would pass for bad syntax
            return ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _call(node: ast.Call, guarded: bool) -> Found:
    method = getattr(node.func, "attr", getattr(node.func, "id", ""))
    first = node.args[0] if node.args else None
    name = str(first.value) if isinstance(first, ast.Constant) else ""
    if method in ("run_line_magic", "run_cell_magic"):
        yield from _magic(method, name, guarded)
    elif method in SHELL_CALLS and node.args:  # platform.system() has none
        yield _shell(name)
    elif method in TEXT_CALLS:
        yield f"The text that {method} runs cannot be checked.", "Make it a cell."
    elif method in PROCESS_CALLS and _unchecked(node):
        yield f"The command of subprocess.{method} may fail unseen.", "Use run with check=True."


def _magic(method: str, name: str, guarded: bool) -> Found:
    known, mark = (LINE_MAGICS, "%") if method == "run_line_magic" else (CELL_MAGICS, "%%")
    if name in SHELL_MAGICS:
        yield _shell(name)
    elif name not in known:
        yield (
            f"The magic {mark}{name} is not one of the course's; an unknown one passes unseen.",
            f"Use one of: {', '.join(KNOWN)}.",
        )
    elif guarded:
        yield (
            f"The failure of {mark}{name} may be caught here, and then nobody sees it.",
            "Take it out of the try, the suppress or the function.",
        )


def _shell(name: str) -> tuple[str, str]:
    return f"The shell command {name!r} may fail unseen.", "Use %alembic, or Python, which raise."


def _unchecked(node: ast.Call) -> bool:
    """Whether a program is started by subprocess, and its exit code is not asked for."""
    ours = isinstance(node.func, ast.Attribute) and "'subprocess'" in ast.dump(node.func)
    return ours and not any(keyword.arg == "check" for keyword in node.keywords)


def _guarded(tree: ast.AST) -> Iterator[ast.AST]:
    """All that stands where its error may be caught before anybody sees it."""
    for node in ast.walk(tree):
        caught: list[Any] = []
        if isinstance(node, ast.Try | ast.TryStar) and node.handlers:
            caught = [*node.body]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            caught = [node]
        elif isinstance(node, ast.With) and "'suppress'" in "".join(map(ast.dump, node.items)):
            caught = [*node.body]
        yield from (inner for part in caught for inner in ast.walk(part))
