"""The documentation's diagrams: what is drawn is what their sources say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SOURCES = sorted((DOCS / "diagrams").glob("*.mmd"))
PHONE = 560
"""The widest drawing whose text is readable on a screen of 400 pixels."""


@pytest.fixture(scope="module")
def render():
    spec = importlib.util.spec_from_file_location("render", DOCS / "diagrams" / "render.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_drawing_is_current(source, render):
    assert (DOCS / "images" / f"{source.stem}.svg").read_text() == render.draw(source), "run make diagrams"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_drawing_is_on_a_page_with_a_description_and_fits_a_phone(source):
    assert any(f":file: images/{source.stem}.svg" in page.read_text() for page in DOCS.glob("*.md"))
    svg = (DOCS / "images" / f"{source.stem}.svg").read_text()
    assert re.search(r"<title id=.+</title><desc id=.+</desc>", svg)
    (width,) = re.findall(r'viewBox="\S+ \S+ (\S+) \S+" role', svg)
    assert float(width) < PHONE
