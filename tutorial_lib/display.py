"""How the kit's objects appear in a cell: labelled values, as text and as HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping


class Card:
    """Something with `rows`, label and value, that a beginner can read in a cell."""

    @property
    def rows(self) -> Mapping[str, str]:
        """What is shown, in order."""
        raise NotImplementedError

    def __repr__(self) -> str:
        width = max(map(len, self.rows)) + 2
        return "\n".join(f"{label:<{width}}{value}" for label, value in self.rows.items())

    def _repr_html_(self) -> str:
        cells = "".join(
            f'<tr><th scope="row" style="text-align: left">{html.escape(label)}</th>'
            f'<td style="text-align: left">{html.escape(value)}</td></tr>'
            for label, value in self.rows.items()
        )
        return f"<table><tbody>{cells}</tbody></table>"
