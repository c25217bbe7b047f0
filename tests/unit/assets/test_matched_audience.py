from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from airflow.providers.common.compat.sdk import Asset
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_iqm.assets.matched_audience import (
    audience_name_of,
    convert_asset_to_openlineage,
    matched_audience_asset,
    sanitize_uri,
)


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("Customers", "iqm://app.iqm.com/Customers"),
        ("Customers in MA", "iqm://app.iqm.com/Customers%20in%20MA"),
        ("a/b", "iqm://app.iqm.com/a%2Fb"),
        ("50 % off? #1", "iqm://app.iqm.com/50%20%25%20off%3F%20%231"),
        ("Zürich 日本", "iqm://app.iqm.com/Z%C3%BCrich%20%E6%97%A5%E6%9C%AC"),
    ],
)
def test_any_name_is_a_valid_asset(name, uri):
    asset = matched_audience_asset(name)
    assert asset.uri == uri
    assert audience_name_of(urlsplit(asset.uri)) == name
    assert asset == matched_audience_asset(f" {name} ", workspace_host="APP.iqm.com")


# Of a lone half of a surrogate pair there is no UTF-8.
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100).filter(str.strip))
def test_a_name_round_trips(name):
    assert audience_name_of(urlsplit(matched_audience_asset(name).uri)) == name.strip()


def test_the_workspace_is_part_of_the_asset():
    assert matched_audience_asset("Customers", workspace_host="other.iqm.com").uri == "iqm://other.iqm.com/Customers"


def test_uris_written_by_hand_are_normalized():
    by_hand = Asset(uri="iqm://APP.iqm.com/Customers in MA")
    assert by_hand.uri == matched_audience_asset("Customers in MA").uri


@pytest.mark.parametrize(
    ("uri", "culprit"),
    [
        ("iqm:Customers", "host"),
        ("iqm:///Customers", "host"),
        ("iqm://me@app.iqm.com/Customers", "host"),
        ("iqm://app.iqm.com", "name"),
        ("iqm://app.iqm.com/", "name"),
        ("iqm://app.iqm.com/%20", "name"),
        ("iqm://app.iqm.com/a/b", "%2F"),
        ("iqm://app.iqm.com/a?b=1", "%3F"),
        ("iqm://app.iqm.com/%FF", "utf-8"),
    ],
)
def test_a_malformed_uri_is_rejected(uri, culprit):
    with pytest.raises(ValueError, match=culprit):
        sanitize_uri(urlsplit(uri))


@pytest.mark.parametrize(
    "arguments",
    [
        {"audience_name": " "},
        {"audience_name": "a", "workspace_host": ""},
        {"audience_name": "a", "workspace_host": "https://app.iqm.com"},
    ],
)
def test_invalid_arguments_are_rejected(arguments):
    with pytest.raises(ValueError, match=r"iqm://app\.iqm\.com/Customers"):
        matched_audience_asset(**arguments)


def test_the_openlineage_dataset_has_the_workspace_and_name():
    pytest.importorskip("openlineage.client")
    dataset = convert_asset_to_openlineage(matched_audience_asset("a/b c"), None)
    assert (dataset.namespace, dataset.name) == ("iqm://app.iqm.com", "a/b c")
