from __future__ import annotations

import logging

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_iqm.operators.known_audience import KnownAudience

LOG = logging.getLogger(__name__)


class Store(dict):
    """A task's state store, as far as it is used here."""

    def set(self, key, value):
        self[key] = value


class BrokenStore:
    def get(self, key):
        raise AirflowException("no database")

    def set(self, key, value):
        raise AirflowException("no database")


def known(store, token="token"):
    return KnownAudience({"task_state_store": store}, token, log=LOG)


def test_a_later_try_knows_the_audience():
    store = Store()
    assert known(store).read() is None
    known(store).write(7)
    assert known(store).read() == 7


def test_a_cleared_task_with_other_data_does_not():
    store = Store()
    known(store).write(7)
    assert known(store, "token of other data").read() is None


@pytest.mark.parametrize("value", [None, 7, "7", {}, {"token": "token"}, {"token": "token", "audience_id": "7"}])
def test_what_it_has_not_written_is_nothing_to_it(value):
    assert known(Store(iqm_audience=value)).read() is None


def test_airflow_before_3_3_has_no_store():
    none = KnownAudience({}, "token", log=LOG)
    none.write(7)
    assert none.read() is None


def test_a_store_that_fails_costs_no_more_than_a_warning(caplog):
    known(BrokenStore()).write(7)
    assert known(BrokenStore()).read() is None
    assert caplog.text.count("no database") == 2
    assert "can't keep iqm_audience" in caplog.text
