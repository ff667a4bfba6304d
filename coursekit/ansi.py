"""Terminal escape sequences: recognize them and remove them."""

from __future__ import annotations

import re

# Colours and text styles (SGR), and the links that some programs put around a word (OSC 8).
ESCAPES = re.compile(r"\x1b\[[\d;]*m|\x1b\]8;;.*?\x1b\\")


def strip_ansi(text: str) -> str:
    """Return the text without its colours, styles and links."""
    return ESCAPES.sub("", text)
