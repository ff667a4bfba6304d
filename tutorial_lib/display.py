"""How the library's objects appear in a notebook cell: as text, as HTML, as a drawing."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

LEFT = "text-align: left"  # JupyterLab aligns table cells to the right


def table(
    rows: Iterable[Sequence[str]],
    head: Sequence[str] = (),
    *,
    row_head: int | None = 0,
    row_head_style: str | Sequence[str] = LEFT,
    caption: str = "",
    style: str = "",
) -> str:
    """Return an HTML table whose cells are aligned to the left.

    Args:
        rows: Rows of cells. Every cell is HTML: escape plain text first.
        head: Column headings (HTML), if any.
        row_head: Index of the cell that is its row's header (`<th scope="row">`), which a
            screen reader announces with every cell of the row; None for no header.
        row_head_style: CSS of the row headers: the same for all, or one for each row.
        caption: Caption (HTML), if any.
        style: CSS of the whole table.

    """
    styles = repeat(row_head_style) if isinstance(row_head_style, str) else row_head_style
    body = "".join(
        f"<tr>{_cells(row, row_head, css)}</tr>"
        for row, css in zip(rows, styles, strict=not isinstance(row_head_style, str))
    )
    titles = "".join(f'<th scope="col"{_style(LEFT)}>{title}</th>' for title in head)
    thead = f"<thead><tr>{titles}</tr></thead>" if titles else ""
    above = f"<caption{_style(LEFT)}>{caption}</caption>" if caption else ""
    return f"<table{_style(style)}>{above}{thead}<tbody>{body}</tbody></table>"


def _cells(row: Sequence[str], row_head: int | None, css: str) -> str:
    return "".join(
        f'<th scope="row"{_style(css)}>{cell}</th>'
        if number == row_head
        else f"<td{_style(LEFT)}>{cell}</td>"
        for number, cell in enumerate(row)
    )


def _style(css: str) -> str:
    return f' style="{css}"' if css else ""


class Picture:
    """Something JupyterLab draws with Mermaid, with the same content as text and as HTML.

    It displays two outputs: the drawing, for which editors without Mermaid show the text,
    and the HTML, collapsed. In a single output JupyterLab would prefer the HTML to the
    drawing. The text is part of the drawing as well, for screen readers.
    """

    def mermaid(self) -> str:
        """Return the Mermaid source, or an empty string if there's nothing to draw."""
        raise NotImplementedError

    def html(self) -> str:
        """Return the same content as HTML."""
        raise NotImplementedError

    def _ipython_display_(self) -> None:
        from IPython.display import display

        drawing = {"text/vnd.mermaid": self._described()} if self.mermaid() else {}
        display({**drawing, "text/plain": repr(self)}, raw=True)
        folded = f"<details><summary>The same without a drawing</summary>{self.html()}</details>"
        display({"text/html": folded, "text/plain": "(the same as HTML)"}, raw=True)

    def _described(self) -> str:
        """Return the Mermaid source with the text as its description, which a brace would end."""
        kind, _, rest = self.mermaid().partition("\n")
        words = repr(self).translate(str.maketrans("{}", "()"))
        return f"{kind}\n    accDescr {{\n{words}\n    }}\n{rest}"


class Card:
    """Labelled values that a beginner can read in a cell."""

    @property
    def rows(self) -> Mapping[str, str]:
        """The values by label, in the order they're shown."""
        raise NotImplementedError

    def __repr__(self) -> str:
        width = max(map(len, self.rows)) + 2
        return "\n".join(f"{label:<{width}}{value}" for label, value in self.rows.items())

    def _repr_html_(self) -> str:
        return table([html.escape(label), html.escape(value)] for label, value in self.rows.items())


@dataclass(frozen=True)
class Note:
    """A short text with a title, and optionally a piece of code between them."""

    title: str
    text: str
    code: str = ""
    after: str = ""

    def __repr__(self) -> str:
        return "\n\n".join(part for part in (self.title, self.code, self.text, self.after) if part)

    def _repr_html_(self) -> str:
        title, text, after = map(_with_code, (self.title, self.text, self.after))
        code = f"<pre><code>{html.escape(self.code)}</code></pre>" if self.code else ""
        return f"<p><strong>{title}</strong></p>{code}<p>{text}</p>" + (after and f"<p>{after}</p>")


def _with_code(text: str) -> str:
    """Return the text as HTML; what's between backticks becomes code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text))
