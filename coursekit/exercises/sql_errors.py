"""Where to look after an error of SQL that a learner has written."""

from __future__ import annotations

import re
from collections.abc import Sequence

KEY = "the dictionary passed with the statement: its key is the name after the colon"
TYPO = "your own SQL: there's a mistake at the word that the error quotes, or just before it"


def about_sql(error: str, values: Sequence[str], quote: str, key: str = KEY) -> str:
    """Return where to look after an error of a statement, or "" after any other error.

    Args:
        error: What the driver or SQLAlchemy reported.
        values: The values that the statement is about.
        quote: The advice if one of the values became part of the SQL.
        key: The advice if a bound parameter has no value.

    """
    if missing := re.search(r"bind parameter '(\w+)'", error):
        return quote if any(f":{missing[1]}" in value for value in values) else key
    near = re.search(r'at or near "(.*)"', error)
    if not near and "syntax error" not in error:
        return ""
    word = re.escape(near[1].strip("' ")) if near else ""
    inside = word and any(re.search(rf"(?<!\w){word}(?!\w)", value) for value in values)
    return quote if inside else TYPO
