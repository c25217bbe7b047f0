"""The page "IQM audiences" in headless Chromium."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, FrameLocator, Page, sync_playwright

from tests.integration.services import binary


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium until the end of the block."""
    executable = binary("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable)
        yield browser
        browser.close()


def row(page: Page | FrameLocator, name: str):
    """Return the row of an audience."""
    return page.locator(".row").filter(has=page.get_by_role("button", name=name, exact=True))


def cells(row) -> dict[str, str]:
    """Return the texts of a row by their column."""
    read = "cells => Object.fromEntries(cells.map(cell => [cell.dataset.label, cell.innerText.trim()]))"
    return row.locator("td[data-label]").evaluate_all(read)


def take_picture(part, page: Page, name: str) -> None:
    """Save a picture for the documentation if ``IQM_SCREENSHOTS`` is set."""
    folder = os.environ.get("IQM_SCREENSHOTS")
    if folder:
        page.wait_for_timeout(800)
        part.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")
