"""Write rows as SQL text: what `begin` adds to an exercise's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def insert_rows(table: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the `INSERT INTO table` of these rows, which all have the same columns.

    Args:
        table: The table's name.
        rows: Columns, and values: numbers, and strings without backslashes.

    """
    values = ",\n    ".join(f"({', '.join(map(_literal, row.values()))})" for row in rows)
    return f"INSERT INTO {table} ({', '.join(rows[0])}) VALUES\n    {values};\n"


def _literal(value: Any) -> str:
    quoted = str(value).replace("'", "''")
    return f"'{quoted}'" if isinstance(value, str) else str(value)
