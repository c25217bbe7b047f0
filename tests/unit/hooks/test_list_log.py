from __future__ import annotations

import logging

import pytest

from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.hooks.list_log import log_list_warnings

LOG = logging.getLogger("test")


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_few_warnings_stand_before_the_error(caplog, count):
    warnings = [f"warning {number}" for number in range(count)]
    with pytest.raises(AudienceFileError), log_list_warnings(LOG):
        raise AudienceFileError("no", warnings=warnings)
    assert caplog.messages == warnings


def test_many_warnings_are_folded(caplog):
    caplog.set_level(logging.INFO)
    warnings = [f"warning {number}" for number in range(7)]
    with pytest.raises(AudienceFileError), log_list_warnings(LOG):
        raise AudienceFileError("no", warnings=warnings)
    assert caplog.messages == ["::group::7 warnings of damage", *warnings, "::endgroup::"]
