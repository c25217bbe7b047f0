from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout

from airflow_provider_iqm.exceptions import AudienceFileError, IQMRequestError, IQMServerError
from airflow_provider_iqm.runtime import failure_listener, failures
from airflow_provider_iqm.runtime.failures import final_errors_fail_the_task


def test_a_final_error_keeps_its_class_and_fails_the_task():
    cause = KeyError("x")
    with pytest.raises(AudienceFileError) as raised, final_errors_fail_the_task(), final_errors_fail_the_task():
        raise AudienceFileError("wrong", line=3) from cause
    error = raised.value
    assert isinstance(error, AirflowFailException)
    assert (str(error), error.line, error.__cause__) == ("wrong", 3, cause)
    assert type(error).__name__ == "AudienceFileError"


def test_attributes_of_errors_are_kept():
    with pytest.raises(IQMRequestError) as raised, final_errors_fail_the_task():
        raise IQMRequestError("no", status=422, detail="d", retry_after=1)
    assert (raised.value.status, raised.value.detail, raised.value.retry_after) == (422, "d", 1)


def test_other_errors_are_unchanged():
    error = IQMServerError("later", status=500)
    with pytest.raises(IQMServerError) as raised, final_errors_fail_the_task():
        raise error
    assert raised.value is error


class Log:
    def __init__(self):
        self.lines = []

    def info(self, message, *arguments):
        self.lines.append(message % arguments)

    error = info


@pytest.mark.parametrize(
    ("module", "error", "repeated"),
    [
        ("airflow_provider_iqm.operators.x", IQMServerError("IQM is\n down. Wait.", status=500), True),
        ("airflow_provider_iqm.operators.x", AirflowSensorTimeout("IQM is down. Wait."), True),
        ("a_team_s.dags", IQMServerError("IQM is down. Wait.", status=500), True),
        ("a_team_s.dags", AirflowSensorTimeout("not about IQM"), False),
        ("airflow_provider_iqm.operators.x", KeyError("frodo@shire.example"), False),
        ("airflow_provider_iqm.operators.x", "killed", False),
        ("airflow_provider_iqm.operators.x", None, False),
    ],
)
def test_the_last_line_is_the_error(module, error, repeated):
    task = type("Task", (), {"__module__": module, "log": Log()})()
    failure_listener.on_task_instance_failed(task_instance=SimpleNamespace(task=task), error=error)
    own = [line for line in task.log.lines if line != "::endgroup::"]
    assert own == (["IQM is down. Wait."] if repeated else [])


def test_the_listener_is_only_added_in_tasks(monkeypatch):
    added = []
    monkeypatch.setattr(failures, "_add_failure_listener", lambda: added.append(True))
    with final_errors_fail_the_task():
        assert not added
    monkeypatch.setattr(failures, "get_current_context", dict)
    with final_errors_fail_the_task():
        assert added
