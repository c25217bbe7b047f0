from __future__ import annotations

import itertools
import logging
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from airflow_provider_iqm.api.audience import AudienceOptions
from airflow_provider_iqm.assets.history import LastUpload
from airflow_provider_iqm.exceptions import AudienceNotFoundError, AudienceOptionError
from airflow_provider_iqm.operators.upload.unchanged import (
    check_on_unchanged,
    find_unchanged_upload,
    upload_fingerprint,
)
from airflow_provider_iqm.vocabulary import FAILED_STATUSES

LOG = logging.getLogger(__name__)
LAST = LastUpload(fingerprint="f" * 32, audience_id=7, audience_name="Customers", run_id="monday")
READY = {
    "id": 7,
    "name": "Customers",
    "status": "Ready",
    "match_rate": 57.9,
    "uniques": 5,
    "records": 9,
    "data_cost": None,
    "reason": None,
}


def account(base_url="https://api.iqm.com", workspace_host="app.iqm.com", ow_id="1"):
    credentials = SimpleNamespace(workspace_host=workspace_host, ow_id=ow_id)
    return SimpleNamespace(base_url=base_url, credentials=credentials)


def upload(fingerprint="a", columns=None, settings=None):
    mapping = SimpleNamespace(
        columns=columns or {"email": "Email", "zip": "Zip"}, settings=settings or {"Email": "Raw"}
    )
    return SimpleNamespace(fingerprint=fingerprint, mapping=mapping)


def test_the_same_list_has_the_same_fingerprint():
    first = upload_fingerprint(upload(), AudienceOptions(), account())
    assert upload_fingerprint(upload(), AudienceOptions(), account()) == first
    assert len(first) == 32


def test_every_input_of_an_audience_changes_the_fingerprint():
    variants = [
        (upload(), AudienceOptions(), account()),
        (upload("b"), AudienceOptions(), account()),
        (upload(columns={"zip": "Zip", "email": "Email"}), AudienceOptions(), account()),
        (upload(columns={"mail": "Email", "zip": "Zip"}), AudienceOptions(), account()),
        (upload(settings={"Email": "MD5"}), AudienceOptions(), account()),
        (upload(), AudienceOptions(subtype="hcp"), account()),
        (upload(), AudienceOptions(), account(base_url="http://127.0.0.1")),
        (upload(), AudienceOptions(), account(workspace_host="other.iqm.com")),
        (upload(), AudienceOptions(), account(ow_id="2")),
    ]
    found = [upload_fingerprint(*variant) for variant in variants]
    assert all(one != other for one, other in itertools.combinations(found, 2))


def look(last, *, audience=None, error=None, fingerprint=LAST.fingerprint):
    """Return what is known of the list, and how often IQM was asked."""
    hook = MagicMock()
    hook.get_matched_audience.return_value = audience
    hook.get_matched_audience.side_effect = error
    history = SimpleNamespace(last_upload=lambda: last)
    found = find_unchanged_upload(history, fingerprint, hook=hook, run_id="tuesday", log=LOG)
    return found, hook.get_matched_audience.call_count


def test_no_previous_upload():
    assert look(None) == (None, 0)


def test_a_changed_list_is_uploaded():
    assert look(LAST, fingerprint="0" * 32) == (None, 0)


def test_a_ready_audience_needs_no_request():
    last = replace(LAST, audience={"id": 7})
    assert look(last) == (last, 0)


def test_an_audience_that_became_ready_is_recorded_with_this_run():
    found, requests = look(LAST, audience=READY)
    assert requests == 1
    assert found.run_id == "tuesday"
    assert found.audience["match_rate"] == READY["match_rate"]


@pytest.mark.parametrize("status", ["Processing", "Pending"])
def test_a_pending_audience_is_not_uploaded_again(status):
    assert look(LAST, audience=READY | {"status": status}) == (LAST, 1)


@pytest.mark.parametrize("status", sorted(FAILED_STATUSES))
def test_a_failed_audience_is_uploaded_again(status, caplog):
    assert look(LAST, audience=READY | {"status": status}) == (None, 1)
    assert status in caplog.text


def test_a_deleted_audience_is_uploaded_again(caplog):
    assert look(LAST, error=AudienceNotFoundError("no audience 7", status=404)) == (None, 1)
    assert "7" in caplog.text


def test_errors_of_iqm_are_raised():
    with pytest.raises(ConnectionError):
        look(LAST, error=ConnectionError())


@pytest.mark.parametrize("value", ["Skip", "", "fail", None])
def test_invalid_values_of_on_unchanged_are_rejected(value):
    with pytest.raises(AudienceOptionError, match="on_unchanged"):
        check_on_unchanged(value, MagicMock())


def test_only_skip_needs_a_history():
    history = MagicMock()
    check_on_unchanged("upload", history)
    history.check_enabled.assert_not_called()
    check_on_unchanged("skip", history)
    history.check_enabled.assert_called_once()
