from __future__ import annotations

import logging

import pytest
from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred

from airflow_provider_iqm.runtime.best_effort import MAX_REASON, best_effort

LOG = logging.getLogger(__name__)


@pytest.mark.parametrize(
    "error", [ValueError("too\nlong"), AirflowException("down"), KeyError("x"), RecursionError(), MemoryError()]
)
def test_an_error_is_a_warning(caplog, error):
    with best_effort(LOG, "push the link"):
        raise error
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith(f"Failed to push the link; continuing without it: {type(error).__name__}")
    assert "\n" not in record.getMessage()


def test_long_reasons_are_truncated(caplog):
    with best_effort(LOG, "push the link"):
        raise ValueError("x" * 9999)
    assert len(caplog.records[0].getMessage()) < MAX_REASON + 100


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_errors_that_end_the_task_are_not_suppressed(end):
    with pytest.raises(end), best_effort(LOG, "push the link"):
        raise end


def test_deferrals_are_not_suppressed():
    with pytest.raises(TaskDeferred), best_effort(LOG, "push the link"):
        raise TaskDeferred(trigger=None, method_name="m")
