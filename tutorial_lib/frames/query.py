"""What is to be read, as a statement; and near names, when a name does not exist."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Executable, inspect, literal_column, select, table, text
from sqlalchemy.exc import StatementError
from sqlalchemy.sql import TextClause, quoted_name

from ..errors import FrameError

# What stands between quotation marks, or is a comment: nothing in it is SQL.
_OPAQUE = re.compile(
    r"""(?<!\w)[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$.*?\$\1\$"""
    r"|--[^\n]*|/\*.*?\*/",
    re.DOTALL,
)
_QUERIES = ("SELECT", "WITH", "VALUES", "TABLE")
_TOLD = ("SHOW", "EXPLAIN")  # PostgreSQL answers them, but does not copy their answer
_NAME = re.compile(r'(?:"(?:[^"]|"")+"|[\w$]+)(?:\.(?:"(?:[^"]|"")+"|[\w$]+))*')
_TABLES = """
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN '' ELSE nspname || '.' END || relname
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'v', 'm', 'p', 'f') AND nspname !~ '^(pg_|information_schema)'"""
_COLUMNS = """
SELECT DISTINCT attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
JOIN pg_namespace n ON n.oid = relnamespace
WHERE attnum > 0 AND NOT attisdropped AND nspname !~ '^(pg_|information_schema)'"""
_MISSING = {"42P01": _TABLES, "42703": _COLUMNS}
_NO_VALUE = "cd3x"  # of a parameter; SQLAlchemy's own code
_CHANGES = re.compile(r"\b(INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
ONLY_QUERIES = "Only a table or a query can be read."
_BEGINS = f"a query begins with {', '.join((*_QUERIES, _TOLD[0]))} or {_TOLD[1]}."
_SHAPES = "Hand over a table's name, a mapped class, SQL text or a select()."


def statement_of(what: object) -> Executable:
    """The statement that reads `what`; raises FrameError for what is no query."""
    if isinstance(what, str):
        return _of_text(what) if _verb(what) in _QUERIES + _TOLD else _of_table(what)
    if getattr(what, "is_dml", False) or getattr(what, "is_ddl", False):
        raise FrameError(ONLY_QUERIES, f"This changes data: {type(what).__name__}.", _SHAPES)
    if isinstance(what, TextClause) and _verb(what.text) not in _QUERIES + _TOLD:
        raise FrameError(ONLY_QUERIES, f"{_short(what.text)} is none: {_BEGINS}", _SHAPES)
    if isinstance(what, Executable):
        return what
    if inspect(what, raiseerr=False) is None:  # SQLAlchemy does not know it
        raise FrameError(ONLY_QUERIES, f"This is of the type {type(what).__name__}.", _SHAPES)
    return select(what)  # type: ignore[call-overload, no-any-return]


def prints_text(statement: Executable) -> bool:
    """Whether it is a SHOW or an EXPLAIN; raises FrameError when it is more than one query."""
    if not isinstance(statement, TextClause) or _verb(statement.text) not in _TOLD:
        return False
    return bool(trimmed(statement.text))


def _of_table(name: str) -> Executable:
    """All of a table; its name is always quoted, and may have its schema before a dot."""
    schema, _, last = name.partition(".")
    if not (schema and last):
        schema, last = "", name
    quoted = table(quoted_name(last, True), schema=quoted_name(schema, True) if schema else None)
    return select(literal_column("*")).select_from(quoted)


def _of_text(sql: str) -> Executable:
    """SQL text, in which a colon between quotation marks begins no parameter."""
    return text(_OPAQUE.sub(lambda found: found[0].replace(":", r"\:"), sql))


def _blank(sql: str) -> str:
    """As long as `sql`, with blanks for comments, and marks for all that is quoted."""
    return _OPAQUE.sub(lambda m: (" " if m[0][:2] in ("--", "/*") else "'") * len(m[0]), sql)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


def _verb(sql: str) -> str:
    """The first word, if there is more than one: else it may well name a table."""
    first = re.match(r"[\s(]*(\w+)\W*\S", _blank(sql).rstrip("; \t\r\n"))
    return first[1].upper() if first else ""


def trimmed(sql: str) -> str:
    """One query, without what may follow it; raises FrameError for two."""
    bare = _blank(sql).rstrip("; \t\r\n")
    if ";" in bare:
        raise FrameError("Only one query can be read.", "There is a ; in the middle of it.")
    return sql[: len(bare)]


def check_names(given: Iterable[str], known: Collection[str]) -> None:
    """Raise FrameError for a value that no parameter of the query takes."""
    for name in set(given) - set(known):
        names = ", ".join(f":{each}" for each in sorted(known)) or "none"
        raise FrameError(f"The query has no parameter :{name}.", f"Its parameters: {names}.")


def explained(error: StatementError, names: Callable[[str], list[str]]) -> Exception:
    """What an error means, or the same error when there is nothing to add.

    names  gives the first column of what a query finds
    """
    if getattr(error.orig, "code", None) == _NO_VALUE:
        why = f"SQLAlchemy says: {str(error.orig).partition(' (Background')[0]}."
        do = "Hand it over by name; in params={...}, where the name is an option of read."
        return FrameError("A parameter has no value.", why, do)
    code, said = getattr(error.orig, "pgcode", None), str(error.orig).partition("\n")[0]
    if code == "25006" or (code == "0A000" and _CHANGES.search(_blank(error.statement or ""))):
        return FrameError(ONLY_QUERIES, f"PostgreSQL says: {said}.", _SHAPES)
    if code not in _MISSING:
        return error
    name, known = _name_at(error.orig), sorted(names(_MISSING[code]))
    folded = {each.lower(): each for each in known}
    near = [folded[each] for each in get_close_matches(name.lower(), folded, n=3)]
    if re.search(r"\s", name) and not near:
        why = f"{_short(name)} is no query, for {_BEGINS} There is no table of that name either."
        return FrameError(ONLY_QUERIES, why, _SHAPES)
    why = f"Near it: {', '.join(near)}." if near else f"There are: {', '.join(known[:20])}."
    return FrameError(f"PostgreSQL says: {said}.", why, "Mind the spelling and the case.")


def _name_at(error: Any) -> str:
    """The name that the server did not find, whatever language it speaks; "" if it hides it."""
    query, place = error.cursor.query.decode(errors="replace"), error.diag.statement_position
    found = _NAME.match(query, int(place) - 1) if place else None
    return re.sub(r'"((?:[^"]|"")+)"', lambda m: m[1].replace('""', '"'), found[0] if found else "")
