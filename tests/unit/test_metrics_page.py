"""The metrics' page and the Grafana dashboard name exactly the metrics that are sent."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from airflow_provider_iqm.audience.cleaning.plan import BLANK_KEY, MIXED, RAGGED
from airflow_provider_iqm.runtime import metrics

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "airflow_provider_iqm"
PAGE = (ROOT / "docs" / "metrics.md").read_text()
DASHBOARD = json.loads((ROOT / "docs" / "static" / "grafana-dashboard.json").read_text())

SENT = {
    f"iqm.{name.replace('{_as_name(reason)}', '<reason>')}": kind
    for kind, name in re.findall(r'_send\("(\w+)", f?"([^"]+)"', Path(metrics.__file__).read_text())
}
TYPES = {"incr": "counter", "gauge": "gauge", "timing": "timer"}

RULES = [path.read_text() for path in (PACKAGE / "audience" / "cleaning" / "rules").glob("*.py")]
MALFORMED = {reason for text in RULES for reason in re.findall(r'reason=f?"([^"]+)"', text)}
REASONS = {
    metrics._as_name(reason.replace("{algorithm.value}", algorithm))
    for reason in (MALFORMED | {RAGGED, BLANK_KEY, MIXED, "duplicate", "suppressed"})
    for algorithm in ("md5", "sha1", "sha256", "sha512")
}


def test_the_page_lists_each_metric_with_its_type():
    listed = dict(re.findall(r"^\| `(iqm\.[\w.<>]+)` \| (\w+) \|", PAGE, re.MULTILINE))
    assert listed == {name: TYPES[kind] for name, kind in SENT.items()}
    assert len(listed) == 10


def test_the_page_lists_each_reason():
    text = PAGE.partition("Reasons: ")[2].partition("\n\n")[0]
    listed = set(re.findall(r"`(\w+)`", text)) - {"sha1", "sha256", "sha512"}
    assert listed | {f"malformed_{name}_hash" for name in ("sha1", "sha256", "sha512")} == REASONS


def prometheus_names() -> set[str]:
    """Return the names that statsd_exporter gives the metrics."""
    names = set()
    for name, kind in SENT.items():
        exported = "airflow_" + name.replace(".", "_")
        suffixes = ("", "_sum", "_count") if kind == "timing" else ("",)
        reasons = REASONS if "<reason>" in name else {""}
        names |= {exported.replace("<reason>", reason) + suffix for reason in reasons for suffix in suffixes}
    return names


QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


@pytest.mark.parametrize("query", QUERIES)
def test_the_dashboard_queries_what_is_sent(query):
    queried = set(re.findall(r"\bairflow_\w+", query))
    assert queried
    assert queried <= prometheus_names()


def test_the_dashboard_shows_every_metric():
    queried = {name for query in QUERIES for name in re.findall(r"\bairflow_\w+", query)}
    shown = {name.removesuffix("_sum").removesuffix("_count") for name in queried}
    assert shown == {name.removesuffix("_sum").removesuffix("_count") for name in prometheus_names()}


def test_the_alerts_on_the_page_query_what_is_sent():
    queried = set(re.findall(r"\bairflow_\w+", PAGE))
    assert len(queried) > 2
    assert queried <= prometheus_names()


def test_the_panels_are_in_a_grid():
    places = [tuple(panel["gridPos"].values()) for panel in DASHBOARD["panels"]]
    assert len(places) == len(set(places)) == len({panel["id"] for panel in DASHBOARD["panels"]})
    assert all(x + width <= 24 for x, _, width, _ in places)
