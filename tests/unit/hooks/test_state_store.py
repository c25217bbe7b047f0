from __future__ import annotations

import logging

import pytest
from airflow.exceptions import AirflowTaskTimeout

from airflow_provider_iqm.runtime.state_store import StateStore

LOG = logging.getLogger(__name__)


class Store(dict):
    """The parts of Airflow's store that are used here."""

    def set(self, key, value):
        self[key] = value


class FailingStore:
    def __init__(self, error):
        self.error = error

    def get(self, key):
        raise self.error

    def set(self, key, value):
        raise self.error


def store(of):
    return StateStore(of, name="the task's state", log=LOG)


def test_written_values_can_be_read():
    kept = Store()
    assert store(kept).write("id", 7) is True
    assert store(kept).read("id") == 7
    assert store(kept).read("other") is None


def test_without_a_store_nothing_is_stored(caplog):
    assert not store(None)
    assert store(None).read("id") is None
    assert store(None).write("id", 7) is False
    assert caplog.text == ""


def test_an_empty_store_is_a_store():
    assert store(Store())


def test_failures_are_warnings_with_the_key_and_the_store(caplog):
    failing = store(FailingStore(RuntimeError("no connection")))
    assert failing.read("id") is None
    assert failing.write("token", "secret-token") is False
    read, written = (record.getMessage() for record in caplog.records)
    assert all(part in read for part in ("id", "the task's state", "RuntimeError: no connection"))
    assert "token" in written
    assert "secret-token" not in written


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, AirflowTaskTimeout])
def test_errors_that_end_the_task_are_not_suppressed(end):
    with pytest.raises(end):
        store(FailingStore(end())).read("id")
    with pytest.raises(end):
        store(FailingStore(end())).write("id", 7)
