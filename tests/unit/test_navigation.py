"""The documentation's navigation: four groups, each short enough to scan, with every page in one of them."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
GROUPS = {
    caption: pages.split()
    for caption, pages in re.findall(r":caption: (.*)\n\n((?:[\w-]+\n)+)```", (DOCS / "index.md").read_text())
}


def test_each_group_is_short():
    assert list(GROUPS) == ["Get started", "Guides", "Operations", "Reference"]
    assert [group for group, pages in GROUPS.items() if len(pages) > 8] == []


def test_every_page_is_in_one_group():
    pages = sorted(page for group in GROUPS.values() for page in group)
    assert pages == sorted(page.stem for page in DOCS.glob("*.md") if page.stem != "index")
