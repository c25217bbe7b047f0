from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import airflow
import pytest

from airflow_provider_iqm.exceptions import ColumnMappingError, IQMRateLimitError, IQMServerError, IQMTransportError

AIRFLOW = tuple(int(part) for part in airflow.__version__.split(".")[:2])
needs_retry_policies = pytest.mark.skipif(AIRFLOW < (3, 3), reason="Airflow has retry policies from 3.3 on")


@pytest.mark.skipif(AIRFLOW >= (3, 3), reason="Airflow has retry policies")
def test_the_import_error_on_earlier_airflows_says_what_to_do():
    with pytest.raises(ImportError, match=r"needs Airflow 3\.3 or later.*remove retry_policy="):
        import_module("airflow_provider_iqm.retry_policy")


def caused_by(cause):
    error = RuntimeError("the task's own")
    error.__cause__ = cause
    return error


@needs_retry_policies
@pytest.mark.parametrize(
    ("error", "action", "delay"),
    [
        (ColumnMappingError("no such column"), "fail", None),
        (caused_by(ColumnMappingError("no such column")), "fail", None),
        (IQMRateLimitError("too many", status=429, retry_after=90), "retry", 90),
        (caused_by(IQMServerError("down", status=503, retry_after=5)), "retry", 5),
        (IQMServerError("down", status=503, retry_after=0), "retry", 0),
        (IQMServerError("down", status=503, retry_after=1e12), "retry", 3600),
        (IQMServerError("down", status=503), "default", None),
        (IQMTransportError("lost"), "default", None),
        (ValueError("of another task"), "default", None),
    ],
)
def test_decisions(error, action, delay):
    policy = import_module("airflow_provider_iqm.retry_policy").IQMRetryPolicy()
    decision = policy.evaluate(error, try_number=1, max_tries=3)
    assert decision.action.value == action
    assert decision.retry_delay == (None if delay is None else timedelta(seconds=delay))
    assert type(policy).deserialize(policy.serialize()).evaluate(error, 1, 3) == decision
