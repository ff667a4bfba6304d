"""Find a password in a column, as it was typed or in another form."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coursekit.exercises.database import Database


def column_with(password: str, database: Database) -> str:
    """Describe the password in a column of `members`, as it was typed or encoded; or ""."""
    columns = [each.partition(":")[0] for each in database.columns("members")]
    for row in database.rows("members", *columns):
        for column, value in zip(columns, row, strict=True):
            plain = _as_text(value)
            if password in plain:
                return f"the password itself, in the column {column}"
            if any(password.casefold() in each.casefold() for each in _decoded(plain)):
                return f"the password, in another form, in the column {column}"
    return ""


def _as_text(value: Any) -> str:
    """Return a value as a string; of bytes, what they spell."""
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode(errors="replace")
    return str(value)


def _decoded(value: str) -> Iterator[str]:
    """Yield what a string can stand for: capitals don't count, and it may be encoded."""
    yield value
    yield value[::-1]
    for decode in (bytes.fromhex, base64.b64decode, base64.urlsafe_b64decode):
        # Padding that's too long is ignored, and a string in another encoding has no meaning.
        padding = "" if decode == bytes.fromhex else "==="
        try:
            yield decode(value + padding).decode(errors="replace")
        except (ValueError, binascii.Error):
            continue
