"""How the kit's objects appear in a cell: labelled values, as text and as HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass


class Picture:
    """Something that JupyterLab draws with mermaid, with the same in words and as HTML.

    Two outputs: the drawing, for which editors without mermaid show the words, and the HTML
    form, folded up. In one output JupyterLab would prefer the HTML to the drawing. The words
    go into the drawing, too: who does not see it hears them.
    """

    def mermaid(self) -> str:
        """The drawing, or nothing when there is nothing to draw."""
        raise NotImplementedError

    def html(self) -> str:
        """The same as HTML."""
        raise NotImplementedError

    def _ipython_display_(self) -> None:
        from IPython.display import display

        drawing = {"text/vnd.mermaid": self._described()} if self.mermaid() else {}
        display({**drawing, "text/plain": repr(self)}, raw=True)
        folded = f"<details><summary>The same without a drawing</summary>{self.html()}</details>"
        display({"text/html": folded, "text/plain": "(the same as HTML)"}, raw=True)

    def _described(self) -> str:
        """The drawing with its words as mermaid's description, which ends at a brace."""
        kind, _, rest = self.mermaid().partition("\n")
        words = repr(self).translate(str.maketrans("{}", "()"))
        return f"{kind}\n    accDescr {{\n{words}\n    }}\n{rest}"


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


@dataclass(frozen=True)
class Note:
    """A short text with a title; between them, code, if there is any."""

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
    """As HTML, with what stands between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text))
