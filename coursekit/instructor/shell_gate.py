"""The gate for commands: a command whose failure could go unnoticed is refused.

IPython itself turns magics and shell escapes into function calls; the gate looks at those.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Any

Found = Iterator[tuple[str, str]]  # the problem, and how to fix it

LINE_MAGICS = {"alembic", "pytest", "squawk", "xmode"}
CELL_MAGICS = {"writefile"}
SHELL_MAGICS = {"bash", "sh", "script", "system", "sx", "cmd", "!", "!!", "perl", "ruby"}
SHELL_CALLS = {"system", "getoutput", "getstatusoutput", "popen", "system_raw", "system_piped"}
CODE_CALLS = {"run_cell", "run_cell_async", "run_code", "safe_execfile"}
PROCESS_CALLS = {"run", "call", "Popen"}
KNOWN = [*(f"%{name}" for name in sorted(LINE_MAGICS)), *(f"%%{name}" for name in CELL_MAGICS)]


def commands(cell: dict[str, Any], number: int, refresh: str) -> Found:
    """Find shell commands, unknown magics, and commands whose errors may be caught."""
    tree = _tree("".join(cell["source"]))
    guarded = set(_guarded(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _call(node, node in guarded)


def _tree(source: str) -> ast.AST:
    """Parse a cell as IPython does. What isn't Python fails when it's run: nothing to check."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as an error, it would be taken for bad syntax
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
    elif method in CODE_CALLS:
        yield f"The code passed to {method} can't be checked.", "Make it a cell."
    elif method in PROCESS_CALLS and _unchecked(node):
        yield (
            f"The command of subprocess.{method} may fail unnoticed.",
            "Use subprocess.run with check=True.",
        )


def _magic(method: str, name: str, guarded: bool) -> Found:
    known, mark = (LINE_MAGICS, "%") if method == "run_line_magic" else (CELL_MAGICS, "%%")
    if name in SHELL_MAGICS:
        yield _shell(name)
    elif name not in known:
        yield (
            f"The course has no magic {mark}{name}; an unknown magic fails without an error.",
            f"Use one of: {', '.join(KNOWN)}.",
        )
    elif guarded:
        yield (
            f"A failure of {mark}{name} may be caught here and go unnoticed.",
            "Move it out of the try, suppress or function.",
        )


def _shell(name: str) -> tuple[str, str]:
    return (
        f"The shell command {name!r} may fail unnoticed.",
        "Use %alembic or Python, which raise an error.",
    )


def _unchecked(node: ast.Call) -> bool:
    """Return whether a call starts a program with subprocess and ignores its exit code."""
    ours = isinstance(node.func, ast.Attribute) and "'subprocess'" in ast.dump(node.func)
    return ours and not any(keyword.arg == "check" for keyword in node.keywords)


def _guarded(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node whose error may be caught: in a try, a suppress or a function."""
    for node in ast.walk(tree):
        caught: list[Any] = []
        if isinstance(node, ast.Try | ast.TryStar) and node.handlers:
            caught = [*node.body]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            caught = [node]
        elif isinstance(node, ast.With) and "'suppress'" in "".join(map(ast.dump, node.items)):
            caught = [*node.body]
        yield from (inner for part in caught for inner in ast.walk(part))
