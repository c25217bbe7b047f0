"""The error messages quoted in docs/errors.md exist in the source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text()
TABLES = PAGE.partition("## By message")[2].partition("## Retry policy")[0]
QUOTED = re.findall(r"`([^`]+)`", " ".join(re.findall(r"^\| ([^|]+) \|", TABLES, re.MULTILINE)))

# Messages are written in pieces, a line each.
SOURCE = " ".join(
    re.sub(r"[\"']\s*\n\s*f?[\"']", "", path.read_text()).replace("\\'", "'")
    for path in (ROOT / "airflow_provider_iqm").rglob("*.py")
    if "sandbox" not in path.parts
)


@pytest.mark.parametrize("words", QUOTED)
def test_quoted_messages_exist_in_the_source(words):
    # The status of an answer is filled in, and what the request was for.
    assert re.sub(r"(Failed to .*: )?IQM returned HTTP \d+", "IQM returned HTTP {status}", words) in SOURCE


def test_the_page_quotes_messages():
    assert len(QUOTED) > 30
