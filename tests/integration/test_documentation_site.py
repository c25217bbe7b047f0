"""The built documentation in a browser: search, copy buttons, phones, dark mode, and nothing from other servers."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from airflow import __version__ as airflow_version
from playwright.sync_api import sync_playwright

from airflow_provider_iqm import __version__
from tests.integration.services import binary

pytestmark = pytest.mark.skipif(
    tuple(map(int, airflow_version.split(".")[:2])) < (3, 3), reason="the reference describes what only Airflow 3.3 has"
)

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page.stem for page in DOCS.glob("*.md"))


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The documentation, built and served as a web server does."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "-d", str(folder / "trees")]
    subprocess.run([*command, str(DOCS), str(folder / "html")], check=True, cwd=DOCS.parent)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder / "html")))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary("chromium"))
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, site):
    """Opens a page; no other server may be asked for anything."""
    contexts, elsewhere = [], []

    def open_page(name, *, width=1280, mode="light"):
        context = chromium.new_context(
            viewport={"width": width, "height": 1000},
            color_scheme=mode,
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: elsewhere.append(request.url))
        page.goto(f"{site}/{name}.html")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [url for url in elsewhere if not url.startswith((site, "data:"))] == []


def test_search_shows_excerpts(open_page):
    page = open_page("index")
    page.get_by_placeholder("Search").fill("idempotency")
    page.keyboard.press("Enter")
    result = page.locator("ul.search li", has=page.get_by_role("link", name="Exactly-once uploads")).first
    result.locator("p.context").wait_for()
    assert "no idempotency key" in result.locator("p.context").inner_text()


def test_the_head_has_version_and_edit_link(open_page):
    page = open_page("sql")
    assert page.get_by_text(f"Version {__version__}", exact=True).is_visible()
    link = page.get_by_role("link", name="Edit this page")
    assert urlsplit(link.get_attribute("href")).path.endswith("/edit/main/docs/sql.md")


def test_code_is_copied(open_page):
    page = open_page("rate-limiting")
    page.locator(".highlight-bash").first.hover()
    page.locator(".highlight-bash button.copybtn").first.click()
    assert page.evaluate("navigator.clipboard.readText()") == "airflow pools import example_dags/pools.json"
    assert page.locator(".highlight-text pre").count() > 0
    assert page.locator(".highlight-text button.copybtn").count() == 0


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_page_fits_a_phone(open_page, site, mode):
    page = open_page("index", width=400, mode=mode)
    wide = []
    for name in PAGES:
        page.goto(f"{site}/{name}.html")
        if page.evaluate("document.documentElement.scrollWidth") > 400:
            wide.append(name)
    assert wide == []


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", ["index", "rate-limiting", "exactly-once", "campaigns"])
def test_the_text_of_a_diagram_contrasts_with_its_background(open_page, name, mode):
    page = open_page(name, width=400, mode=mode)
    text, background = page.evaluate(
        """() => {
            const brightness = (color) => color.match(/[\\d.]+/g).slice(0, 3).reduce((a, b) => a + b / 3, 0);
            const style = (selector) => getComputedStyle(document.querySelector(selector));
            return [brightness(style(".diagram text").fill), brightness(style("body").backgroundColor)];
        }"""
    )
    assert abs(text - background) > 128
