from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_iqm.exceptions import AudienceFileError, IQMRequestError, IQMServerError
from airflow_provider_iqm.hooks.failures import final_errors_fail_the_task


def test_a_final_error_stays_what_it_is_and_fails_the_task():
    cause = KeyError("x")
    with pytest.raises(AudienceFileError) as raised, final_errors_fail_the_task(), final_errors_fail_the_task():
        raise AudienceFileError("wrong", line=3) from cause
    error = raised.value
    assert isinstance(error, AirflowFailException)
    assert (str(error), error.line, error.__cause__) == ("wrong", 3, cause)
    assert type(error).__name__ == "AudienceFileError"


def test_what_a_request_error_knows_is_kept():
    with pytest.raises(IQMRequestError) as raised, final_errors_fail_the_task():
        raise IQMRequestError("no", status=422, detail="d", retry_after=1)
    assert (raised.value.status, raised.value.detail, raised.value.retry_after) == (422, "d", 1)


def test_other_errors_are_left_alone():
    error = IQMServerError("later", status=500)
    with pytest.raises(IQMServerError) as raised, final_errors_fail_the_task():
        raise error
    assert raised.value is error
