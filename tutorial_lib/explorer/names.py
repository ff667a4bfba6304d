"""Find the table or view that is meant, and say what there is if there's none of that name."""

from __future__ import annotations

import reprlib
from difflib import get_close_matches
from typing import NamedTuple

from ..errors import ExplorerError
from .reader import Reader

FEW = 10  # more names than this aren't listed in a message
# Every name that SELECT can read. The search path is still the caller's: = could be anyone's.
RELATIONS = """
SELECT n.nspname AS schema, c.relname AS name, c.oid AS oid, c.relkind AS kind
FROM pg_catalog.pg_class c
     JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f}'::pg_catalog."char"[])
      AND n.nspname OPERATOR(pg_catalog.<>) 'pg_toast'
ORDER BY c.relname, n.nspname
"""


OTHERS = """
SELECT n.nspname AS schema, c.relname AS name,
       CASE c.relkind WHEN 'S' THEN 'a sequence' ELSE 'an index' END AS kind
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('S', 'i', 'I')
UNION ALL
SELECT n.nspname, p.proname,
       CASE p.prokind WHEN 'p' THEN 'a procedure' WHEN 'a' THEN 'an aggregate'
                      ELSE 'a function' END
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
UNION ALL
SELECT n.nspname, t.typname,
       CASE t.typtype WHEN 'e' THEN 'an enum' WHEN 'd' THEN 'a domain' ELSE 'a type' END
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
WHERE c.oid IS NULL OR c.relkind = 'c'
"""


class Found(NamedTuple):
    """A table or view: its schema, its name, its OID and its relkind."""

    schema: str
    name: str
    oid: int
    kind: str


def schema_of(reader: Reader, schema: str | None) -> str:
    """Return the schema that is meant, by default the current one.

    Raises:
        ExplorerError: There's no such schema. The message lists the schemas there are.

    """
    if schema is not None and not isinstance(schema, str):
        raise ExplorerError(
            f"The schema is of type {type(schema).__name__}.", do="Pass its name, as a string."
        )
    every = reader.run("SELECT nspname FROM pg_catalog.pg_namespace").scalars().all()
    wanted = reader.schema if schema is None else schema
    if wanted in every:
        return wanted
    if schema is None:
        what = "The search path contains no schema that exists and that this role may use."
    else:
        what = f"There is no schema {reprlib.repr(schema)}."
    own = sorted(name for name in every if not name.startswith("pg_"))
    raise ExplorerError(what, _there_are("schemas", own, wanted), "Pass schema= with one of them.")


def find(reader: Reader, name: str, schema: str | None) -> Found:
    """Return a table, view, materialized view or foreign table by its name.

    Raises:
        ExplorerError: There's none. The message names what is near.

    """
    if not isinstance(name, str):
        raise ExplorerError(
            f"The table is of type {type(name).__name__}.",
            "The explorer looks it up by its name.",
            "Pass the name as a string, after the engine.",
        )
    wanted = schema_of(reader, schema)
    every = [Found._make(row) for row in reader.run(RELATIONS)]
    for one in every:
        if (one.schema, one.name) == (wanted, name):
            return one
    if other := _other(reader, name, wanted):
        raise other
    raise _unknown(name, wanted, every)


def _other(reader: Reader, name: str, schema: str) -> ExplorerError | None:
    """Return an error that says what the name is, if it's something else than a table."""
    for one in reader.run(OTHERS):
        if (one.schema, one.name) == (schema, name) or f"{one.schema}.{one.name}" == name:
            what = f"{one.name!r} in the schema {one.schema!r} is {one.kind}, not a table."
            return ExplorerError(what, "Only a table or a view has columns and rows.")
    return None


def _unknown(name: str, schema: str, every: list[Found]) -> ExplorerError:
    what = f"There is no table {reprlib.repr(name)}."
    elsewhere = [one for one in every if name in (one.name, f"{one.schema}.{one.name}")]
    if elsewhere:
        one = elsewhere[0]
        return ExplorerError(
            f"There is no table {name!r} in the schema {schema!r}.",
            f"There is one in {one.schema!r}.",
            f"Pass the name {one.name!r} and schema={one.schema!r}.",
        )
    names = [one.name for one in every if one.schema == schema]
    views = {one.name for one in every if one.schema == schema and one.kind in "vm"}
    kind = "tables and views" if views else "tables"
    return ExplorerError(
        what,
        _there_are(kind, names, name),
        "Check the spelling, or run the migration that creates it.",
    )


def _there_are(kind: str, names: list[str], wanted: str) -> str:
    if len(names) <= FEW:
        return f"The {kind} are: {', '.join(names) or 'none'}."
    near = get_close_matches(wanted, names, n=3)
    return f"There are {len(names)} {kind}" + (f"; near it: {', '.join(near)}." if near else ".")
