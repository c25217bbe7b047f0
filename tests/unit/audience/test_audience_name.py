from __future__ import annotations

import pytest

from airflow_provider_iqm.audience.audience_name import MAX_NAME, check_audience_name
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.exceptions import AudienceNameError


@pytest.mark.parametrize("name", ["List", " List ", "x" * 255, "é" * 246, "名" * 164, "🎉" * 123])
def test_valid_names(name):
    assert check_audience_name(name) == name.strip()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x" * 256, "audience_name has 256 characters, but IQM allows at most 255"),
        ("🎉" * 999, "audience_name has 999 characters"),
        ("é" * 255, "audience_name results in an asset URI of 1,548 characters, but Airflow allows at most 1,500"),
        ("名" * 170, "asset URI of 1,548"),
        ("🎉" * 130, "asset URI of 1,578"),
        ("", "audience_name is empty"),
        (None, "audience_name is empty"),
        ("\ud800", "Unicode"),
    ],
)
def test_invalid_names(tmp_path, name, words):
    with pytest.raises(AudienceNameError) as raised:
        check_audience_name(name)
    assert words in str(raised.value)[:120]
    # Before the file is as much as looked at.
    with pytest.raises(AudienceNameError):
        prepare_upload(file_path=tmp_path / "none.csv", audience_name=name, columns={"e": "Email"})


def test_the_length_of_the_host_counts():
    check_audience_name("名" * 164)
    with pytest.raises(AudienceNameError, match="asset URI"):
        check_audience_name("名" * 164, workspace_host="a-long-name-of-a-workspace.example.com")
    assert MAX_NAME == 255
