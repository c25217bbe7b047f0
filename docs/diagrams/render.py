"""
Draw the documentation's diagrams: each ``*.mmd`` (Mermaid) becomes an SVG in ``docs/images``.

Their styles are in ``docs/static/site.css``, so that they follow the page's light or dark mode.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import mermaidx

SOURCES = Path(__file__).parent
IMAGES = SOURCES.parent / "images"
SVG = "http://www.w3.org/2000/svg"
CONFIG = {
    "htmlLabels": False,
    "flowchart": {"htmlLabels": False, "nodeSpacing": 24, "rankSpacing": 32, "padding": 9, "diagramPadding": 4},
    "sequence": {
        "mirrorActors": False,
        "width": 100,
        "height": 36,
        "actorMargin": 24,
        "messageMargin": 28,
        "diagramMarginX": 4,
        "diagramMarginY": 4,
        "noteMargin": 6,
    },
}


def main() -> None:
    """Write all drawings."""
    for source in sorted(SOURCES.glob("*.mmd")):
        (IMAGES / f"{source.stem}.svg").write_text(draw(source))


def draw(source: Path) -> str:
    """Return the SVG of a diagram, to be part of a page."""
    svg = mermaidx.render(source.read_text(), config=CONFIG).svg().replace("my-svg", f"diagram-{source.stem}")
    used = set(re.findall(r"url\(#([^)]+)\)", svg)) | set(re.findall(r'aria-\w+="([^"]+)"', svg))
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(svg)  # noqa: S314
    for parent in list(root.iter()):
        for child in list(parent):
            name = child.tag.removeprefix(f"{{{SVG}}}")
            if name == "style" or (name in {"defs", "marker", "symbol"} and not _ids(child) & used):
                parent.remove(child)
    for element in root.iter():
        for name in list(element.attrib):
            if name.startswith("data-") or (name == "id" and element.attrib[name] not in used):
                del element.attrib[name]
            elif name in {"d", "points", "transform", "viewBox"}:
                element.attrib[name] = re.sub(r"\d+\.\d+", _rounded, element.attrib[name])
    width = float(root.attrib["viewBox"].split()[2])
    root.attrib.update({"class": "diagram", "style": f"max-width: {width:.0f}px"})
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _ids(element: ElementTree.Element) -> set[str]:
    return {part.attrib.get("id", "") for part in element.iter()}


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")


if __name__ == "__main__":
    main()
