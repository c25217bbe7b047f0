from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_iqm.exceptions import IQMError
from airflow_provider_iqm.operators.upload.upload_record import UploadRecord

LOG = logging.getLogger(__name__)


class Store(dict):
    """The parts of a task's state store that are used here."""

    def set(self, key, value):
        self[key] = value


class BrokenStore:
    def __init__(self, writes=0):
        self.writes = writes

    def get(self, key):
        raise AirflowException("no database")

    def set(self, key, value):
        self.writes -= 1
        if self.writes < 0:
            raise AirflowException("no database")


def begin(store, try_number=1, *, resumed=False, **more):
    ti = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1, try_number=try_number)
    record = UploadRecord({"task_state_store": store, "ti": ti, **more}, log=LOG)
    record.start_try(resumed=resumed)
    return record


def test_a_later_try_finds_the_audience():
    store = Store()
    assert begin(store).attempts("token").audience_id is None
    begin(store).attempts("token").made(7)
    assert begin(store, 2).attempts("token").audience_id == 7


def test_a_cleared_task_with_other_data_does_not_find_the_audience():
    store = Store()
    begin(store).attempts("token").made(7)
    attempts = begin(store, 2).attempts("token of other data")
    assert (attempts.audience_id, attempts.count) == (None, 0)


def test_a_first_try_ignores_the_record_of_a_deleted_run():
    store = Store()
    begin(store).attempts("token").made(7)
    assert begin(store).attempts("token").audience_id is None


@pytest.mark.parametrize("value", [None, 7, "7", {}, {"token": "token"}, {"token": "token", "audience_id": "7"}])
def test_values_of_other_formats_are_ignored(value):
    attempts = begin(Store(iqm_audience=value), 2).attempts("token")
    assert attempts.audience_id is None
    # A try that isn't on record may have sent the upload.
    assert (attempts.count, attempts.earliest, attempts.lost_at) == (1, None, None)


def test_the_record_of_the_previous_release_is_read():
    attempts = begin(Store(iqm_audience={"token": "token", "audience_id": 7}), 2).attempts("token")
    assert (attempts.audience_id, attempts.count) == (7, 1)


def test_the_record_has_unsent_sent_and_lost_uploads():
    store = Store()
    begin(store)
    assert begin(store, 2).attempts("token").count == 0
    begin(store, 2).attempts("token").sending()
    killed = begin(store, 3).attempts("token")
    assert (killed.count, killed.lost_at) == (1, None)
    assert killed.search_seconds(600) == 600
    killed.lost()
    lost = begin(store, 4).attempts("token")
    assert (lost.count, lost.earliest) == (1, killed.earliest)
    assert 599 < lost.search_seconds(600) <= 600
    assert lost.search_seconds(0) == 0
    lost.sending()
    assert begin(store, 5).attempts("token").repeated
    lost.settled(7)
    assert not begin(store, 5).attempts("token").repeated
    lost.sending()
    lost.refused()
    assert not begin(store, 6).attempts("token").repeated


def test_a_refused_attempt_restores_the_record_of_a_lost_one():
    store = Store()
    first = begin(store).attempts("token")
    first.sending()
    first.lost()
    again = begin(store, 2).attempts("token")
    again.sending()
    assert begin(store, 3).attempts("token").lost_at is None
    again.refused()
    later = begin(store, 3).attempts("token")
    assert (later.count, later.lost_at, later.earliest) == (1, first.lost_at, first.earliest)
    assert again.sent_here == 0


def test_a_refused_first_attempt_is_not_recorded():
    store = Store()
    first = begin(store).attempts("token")
    first.sending()
    first.refused()
    later = begin(store, 2).attempts("token")
    assert (later.count, later.lost_at, later.earliest) == (0, None, None)


def test_a_try_on_another_host_may_have_uploaded():
    store = Store()
    begin(store)
    assert begin(store, 3).attempts("token").count == 1


def test_the_run_s_date_bounds_an_unknown_upload_time():
    date = datetime(2026, 1, 1, tzinfo=UTC)
    run = SimpleNamespace(logical_date=date, run_after=date)
    assert begin(Store(), 2, dag_run=run).attempts("token").earliest == date.timestamp()
    run = SimpleNamespace(logical_date=None, run_after=datetime.now(UTC) + timedelta(days=9))
    assert begin(Store(), 2, dag_run=run).attempts("token").earliest <= datetime.now(UTC).timestamp()


def test_a_try_that_resumes_after_a_deferral_is_the_same_try():
    store = Store()
    begin(store).attempts("token").sending()
    assert begin(store, resumed=True).attempts("token").count == 1


def test_airflow_before_3_3_stores_the_record_on_the_host():
    begin(None).attempts("token").sending()
    assert begin(None, 2).attempts("token").count == 1
    begin(None, 2).attempts("token").made(7)
    assert begin(None, 3).attempts("token").audience_id == 7
    begin(None)
    assert begin(None, 2).attempts("token").count == 0


def test_store_failures_are_warnings(caplog):
    attempts = begin(BrokenStore()).attempts("token")
    attempts.sending()
    attempts.made(7)
    assert begin(BrokenStore(), 2).attempts("token").count == 1
    assert caplog.text.count("no database") == 5
    assert "Failed to write iqm_audience to the upload record; continuing without it" in caplog.text


def test_nothing_is_sent_if_it_cannot_be_recorded():
    attempts = begin(BrokenStore(writes=1)).attempts("token")
    with pytest.raises(IQMError, match="nothing was sent"):
        attempts.sending()
