"""Read a project's Python files without running them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from contextlib import suppress
from typing import Any


def revisions(files: Mapping[str, str]) -> dict[str, Any]:
    """Return each revision's id and its `down_revision`.

    Args:
        files: The project's files, path to source.

    """
    found = (_assigned(source) for name, source in files.items() if is_revision(name))
    return {str(names.get("revision")): names.get("down_revision") for names in found}


def revision_sources(files: Mapping[str, str]) -> dict[str, str]:
    """Return each revision's id and its source."""
    found = ((source, _assigned(source)) for name, source in files.items() if is_revision(name))
    return {str(names.get("revision")): source for source, names in found}


def heads(found: Mapping[str, Any]) -> list[str]:
    """Return the revisions that no other one follows, sorted."""
    followed: set[str] = set()
    for before in found.values():
        followed |= {before} if isinstance(before, str) else set(before or ())
    return sorted(set(found) - followed)


def is_revision(name: str) -> bool:
    """Return whether this path in a project is a revision file; Alembic skips `__init__.py`."""
    folder, _, file = name.rpartition("/")
    inside = f"{folder}/".startswith("alembic/versions/")
    return inside and file.endswith(".py") and not file.startswith("__init__")


def defines(source: str, function: str) -> bool:
    """Return whether a file gives this function a body; a file that can't be parsed counts."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return True
    found = [one for one in body if isinstance(one, ast.FunctionDef) and one.name == function]
    return any([ast.unparse(line) for line in one.body] != ["..."] for one in found)


def _assigned(source: str) -> dict[str, Any]:
    """Return the plain values assigned at the top of a file; {} after a syntax error."""
    found: dict[str, Any] = {}
    with suppress(SyntaxError):
        for node in ast.parse(source).body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                with suppress(ValueError):
                    value = ast.literal_eval(node.value)
                    found |= {each.id: value for each in targets if isinstance(each, ast.Name)}
    return found
