"""What is wrong with what is on a page: cut off, or hard to read for some."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

# What is folded counts, too.
UNFOLD = """(where) => document.querySelectorAll(where).forEach((output) =>
  output.querySelectorAll("details").forEach((folded) => { folded.open = true }))"""
# What JupyterLab keeps for screen readers (jp-sr-only) is one pixel wide, as it should be.
# Without a scroll bar of its own, what is wider than its box is cut off or lies over others.
WIDER = """(where) => [...document.querySelectorAll(where)].flatMap((output) =>
  [output, ...output.querySelectorAll("*")]
    .filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)
    .filter((e) => !e.closest(".jp-sr-only"))
    .map((e) => `${e.tagName} ${e.className} ${e.scrollWidth} in ${e.clientWidth} px, ` +
      `${getComputedStyle(e).overflowX}: ${e.innerText.slice(0, 60)}`))"""
SERIOUS = ("serious", "critical")


def wider(page: Page, where: str) -> list[str]:
    """The elements at a selector, and in it, whose content is wider than they are."""
    page.evaluate(UNFOLD, where)
    found: list[str] = page.evaluate(WIDER, where)
    return found


def violations(page: Page, where: str, but: str = "") -> list[str]:
    """What axe-core calls serious or critical: rule, element, and what it says."""
    assert page.locator(where).count(), f"There is nothing at {where}."
    page.evaluate(UNFOLD, where)
    page.evaluate(_axe())
    run = "(where) => axe.run(where, {resultTypes: ['violations']})"
    found: dict[str, Any] = page.evaluate(run, {"include": where, "exclude": but or []})
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in found["violations"]
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


def _axe() -> str:
    """axe-core as the package axe-playwright-python brings it: a script, without a network."""
    spec = importlib.util.find_spec("axe_playwright_python")
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8")
