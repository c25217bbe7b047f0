from __future__ import annotations

import logging

import pytest

from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.hooks.list_log import log_list_findings, log_list_warnings

LOG = logging.getLogger("test")


@pytest.mark.parametrize("count", [0, 1, 5])
def test_warnings_are_logged_before_the_error(caplog, count):
    warnings = [f"warning {number}" for number in range(count)]
    with pytest.raises(AudienceFileError), log_list_warnings(LOG):
        raise AudienceFileError("no", warnings=warnings)
    assert caplog.messages == warnings


def test_many_warnings_are_collapsed(caplog):
    caplog.set_level(logging.INFO)
    warnings = [f"warning {number}" for number in range(7)]
    with pytest.raises(AudienceFileError), log_list_warnings(LOG):
        raise AudienceFileError("no", warnings=warnings)
    assert caplog.messages == ["::group::7 warnings of damage", *warnings, "::endgroup::"]


def test_suppressed_records_are_in_the_title_of_the_report(caplog, tmp_path):
    caplog.set_level(logging.INFO)
    (tmp_path / "list.csv").write_text("email\nfrodo@shire.example\nsam@shire.example\n")
    (tmp_path / "optouts.csv").write_text("email\nSAM@shire.example\nsam\n")
    with prepare_upload(
        file_path=tmp_path / "list.csv",
        audience_name="List",
        columns={"email": "Email"},
        column_settings={"Email": "Raw"},
        suppression_path=tmp_path / "optouts.csv",
    ) as upload:
        log_list_findings(LOG, upload)
    first, *_, last, suppressed, warning = caplog.messages
    assert first == "::group::Cleaned list.csv: 1 of 2 records kept, 1 suppressed"
    assert last == "::endgroup::"
    assert suppressed == "Suppressed 1 record by 'email'; optouts.csv has 2 records"
    assert warning == "optouts.csv: 1 malformed value in 'email' can't suppress anyone"
    assert "sam@" not in caplog.text.lower()
