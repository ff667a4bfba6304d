"""Turn what's to be read into a statement, and explain errors with similar names."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Executable, inspect, literal_column, select, table, text
from sqlalchemy.exc import StatementError
from sqlalchemy.sql import TextClause, quoted_name

from ..errors import FrameError

# Quoted text, a line's comment, or the beginning of one that can be nested. Nothing in them is SQL.
_OPAQUE = re.compile(
    r"""(?<!\w)[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*\""""
    r"|(?<![\w$])\$((?:[^\W\d]\w*)?)\$.*?\$\1\$|--[^\r\n]*|/\*",
    re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")
_SLICE = re.compile(r"(?<![:\w\\]):(?=\d)")  # the colon of [:2]
_BEFORE = re.compile(r"(?<![:\w\\])(:[^\W\d]\w*)(?=:)")  # a parameter in :name::int
_QUERIES = ("SELECT", "WITH", "VALUES", "TABLE")
_PRINTED = ("SHOW", "EXPLAIN")  # they return rows, but COPY doesn't accept them
_NAME = re.compile(r'(?:"(?:[^"]|"")+"|[\w$]+)(?:\.(?:"(?:[^"]|"")+"|[\w$]+))*')
_TABLES = """
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN '' ELSE nspname || '.' END || relname
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'v', 'm', 'p', 'f') AND nspname !~ '^(pg_|information_schema)'"""
_COLUMNS = """
SELECT DISTINCT attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
JOIN pg_namespace n ON n.oid = relnamespace
WHERE attnum > 0 AND NOT attisdropped AND nspname !~ '^(pg_|information_schema)'"""
_READ_ONLY = "25006"
_NO_CURSOR = "42P11"  # not one query
_MISSING = {"42P01": _TABLES, "42703": _COLUMNS}
_NO_VALUE = "cd3x"  # SQLAlchemy's code for a parameter without a value
ONLY_QUERIES = "Only a table or a query can be read."
_BEGINS = f"a query starts with {', '.join((*_QUERIES, _PRINTED[0]))} or {_PRINTED[1]}."
_SHAPES = "Pass a table's name, a mapped class, SQL or a select()."


def statement_of(query: object) -> Executable:
    """Return the statement that reads `query`; raise FrameError if it isn't a query."""
    if isinstance(query, str):
        if not query.strip() or "\0" in query:
            raise FrameError(ONLY_QUERIES, f"{_short(query)} can't be one.", _SHAPES)
        return _of_text(query) if _verb(query) in _QUERIES + _PRINTED else _of_table(query)
    if getattr(query, "is_dml", False) or getattr(query, "is_ddl", False):
        raise FrameError(ONLY_QUERIES, f"This changes data: {type(query).__name__}.", _SHAPES)
    if isinstance(query, TextClause) and _verb(query.text) not in _QUERIES + _PRINTED:
        raise FrameError(ONLY_QUERIES, f"{_short(query.text)} isn't one: {_BEGINS}", _SHAPES)
    if isinstance(query, Executable):
        return query
    if inspect(query, raiseerr=False) is None:  # not a mapped class or a table
        raise FrameError(ONLY_QUERIES, f"This is of type {type(query).__name__}.", _SHAPES)
    return select(query)  # type: ignore[call-overload, no-any-return]


def prints_text(statement: Executable) -> bool:
    """Return whether it's a SHOW or an EXPLAIN, which COPY doesn't accept."""
    return isinstance(statement, TextClause) and _verb(statement.text) in _PRINTED


def _of_table(name: str) -> Executable:
    """Select everything from a table, `name` or `schema.name`; names are always quoted."""
    schema, _, last = name.partition(".")
    if not (schema and last):
        schema, last = "", name
    quoted = table(quoted_name(last, True), schema=quoted_name(schema, True) if schema else None)
    return select(literal_column("*")).select_from(quoted)


def _of_text(sql: str) -> Executable:
    """Return SQL as a statement, with PostgreSQL's colons besides those of parameters."""
    return text(
        "".join(
            _without_parameters(part) if i % 2 else _with_parameters(part)
            for i, part in enumerate(_parts(sql))
        )
    )


def _without_parameters(part: str) -> str:
    return part.replace(":", r"\:")


def _with_parameters(part: str) -> str:
    return _SLICE.sub(r"\:", _BEFORE.sub(r"\1 ", part))


def _parts(sql: str) -> Iterator[str]:
    """Yield SQL and what is opaque in it, quoted text or a comment, in turns."""
    place = 0
    while found := _OPAQUE.search(sql, place):
        yield sql[place : found.start()]
        place = _end_of_comment(sql, found.start()) if found[0] == "/*" else found.end()
        yield sql[found.start() : place]
    yield sql[place:]


def _end_of_comment(sql: str, start: int) -> int:
    """Return where a comment ends, with all those in it; without an end, that of the text."""
    depth = 0
    for found in _COMMENT.finditer(sql, start):
        depth += 1 if found[0] == "/*" else -1
        if not depth:
            return found.end()
    return len(sql)


def _blank(sql: str) -> str:
    """Replace comments with spaces and quoted text with quotes; the length stays the same."""
    parts = enumerate(_parts(sql))
    return "".join(_blanked(part) if i % 2 else part for i, part in parts)


def _blanked(part: str) -> str:
    return (" " if part[:2] in ("--", "/*") else "'") * len(part)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


def _verb(sql: str) -> str:
    """Return the first word in upper case, or "" for a single word: that's a table's name."""
    first = re.match(r"[\s(]*(\w+)\W*\S", _blank(sql).rstrip("; \t\r\n"))
    return first[1].upper() if first else ""


def trimmed(sql: str) -> str:
    """Strip semicolons and comments from the end."""
    return sql[: len(_blank(sql).rstrip("; \t\r\n"))]


def check_names(given: Iterable[str], known: Collection[str]) -> None:
    """Raise FrameError for a value that the query has no parameter for."""
    for name in set(given) - set(known):
        names = ", ".join(f":{each}" for each in sorted(known)) or "none"
        raise FrameError(f"The query has no parameter :{name}.", f"Its parameters: {names}.")


def explained(
    error: StatementError, statement: Executable, names: Callable[[str], list[str]]
) -> Exception:
    """Return a clearer error, or the same one if there's nothing to add.

    Args:
        error: SQLAlchemy's error.
        statement: What was to be read.
        names: Runs a catalog query and returns its first column.

    """
    if getattr(error.orig, "code", None) == _NO_VALUE:
        why = f"SQLAlchemy says: {str(error.orig).partition(' (Background')[0]}."
        do = "Pass it by name, or in params={...} if its name is an argument of read()."
        return FrameError("A parameter has no value.", why, do)
    code, message = getattr(error.orig, "pgcode", None), str(error.orig).partition("\n")[0]
    if code == _NO_CURSOR and ";" in _blank(trimmed(str(statement))):
        return FrameError("Only one query can be read.", "There's a ; in the middle of it.")
    if code in (_READ_ONLY, _NO_CURSOR):
        return FrameError(ONLY_QUERIES, f"PostgreSQL says: {message}.", _SHAPES)
    if code not in _MISSING:
        return error
    name, known = _name_at(error.orig), sorted(names(_MISSING[code]))
    folded = {each.lower(): each for each in known}
    near = [folded[each] for each in get_close_matches(name.lower(), folded, n=3)]
    if re.search(r"\s", name) and not near:
        why = f"{_short(name)} isn't a query, because {_BEGINS} No table has that name either."
        return FrameError(ONLY_QUERIES, why, _SHAPES)
    why = f"Similar: {', '.join(near)}." if near else f"There are: {', '.join(known[:20])}."
    return FrameError(f"PostgreSQL says: {message}.", why, "Check the spelling and the case.")


def _name_at(error: Any) -> str:
    """Return the name the server didn't find, independent of its language; "" if it isn't given."""
    sql, position = error.diag.internal_query, error.diag.internal_position
    found = _NAME.match(sql, int(position) - 1) if position else None
    return re.sub(r'"((?:[^"]|"")+)"', lambda m: m[1].replace('""', '"'), found[0] if found else "")
