"""The check of links to other sites: what it finds, and what it reports."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from coursekit.settings import ROOT


class Site(BaseHTTPRequestHandler):
    """A site with one page, which has one anchor."""

    def do_GET(self) -> None:
        """Answer a request."""
        status = {"/page": 200, "/private": 403, "/broken": 500}.get(self.path, 404)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b'<h2 id="here">Here</h2>')

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A site on this machine."""
    with HTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The script."""
    monkeypatch.setattr(sys, "path", [str(ROOT / ".ci"), *sys.path])
    import links as script

    return script


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/page", ""),
        ("/page#here", ""),
        ("/page#there", "the page has no #there"),
        ("/private", ""),
        ("/gone", "HTTP 404"),
        ("/broken", "HTTP 500"),
    ],
)
def test_what_is_wrong_with_a_link(
    links: types.ModuleType, site: str, path: str, problem: str
) -> None:
    assert links.problem(site + path) == problem


def test_a_site_that_does_not_respond(links: types.ModuleType) -> None:
    assert links.problem("http://127.0.0.1:1/page")


def test_links_are_found_in_lessons_and_documents(links: types.ModuleType) -> None:
    found = links.links()
    assert "README.md" in found["https://docs.astral.sh/uv/"]


def test_a_link_that_leads_nowhere_fails_the_check(
    links: types.ModuleType,
    site: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pages = {f"{site}/page": ["01.ipynb"], f"{site}/gone": ["02.ipynb", "README.md"]}
    monkeypatch.setattr(links, "links", lambda: pages)
    assert links.main() == 1
    printed = capsys.readouterr().out
    assert f"{site}/gone: HTTP 404 (02.ipynb, README.md)" in printed
    assert "2 links, 1 of them lead nowhere." in printed
