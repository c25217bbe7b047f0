from __future__ import annotations

import logging
import threading
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet

from airflow_provider_iqm.connection.settings import IQMConnection
from airflow_provider_iqm.exceptions import SharedStateError
from airflow_provider_iqm.shared_state import shared_value
from airflow_provider_iqm.shared_state.account import account_key
from airflow_provider_iqm.shared_state.host_store import HostStore
from airflow_provider_iqm.shared_state.shared_value import SharedValue
from tests.unit.shared_state.simulation import Clock

LOG = logging.getLogger(__name__)
CONTENT = {"access_token": "secret-token"}


class Value(SharedValue):
    CONTENT = "the token"


@pytest.fixture(autouse=True)
def fernet_key(monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    return HostStore(tmp_path, clock=clock)


def settings_of(**changes):
    extra = {"client_id": "id", "client_secret": "secret", "workspace_host": changes.pop("workspace_host", "a.b")}
    fields = {"conn_id": "c", "host": None, "login": "a@b.c", "password": "pw", "schema": None, "port": None}
    return IQMConnection.read(SimpleNamespace(**fields | changes), extra)


def value_of(store, iqm_conn_id="iqm_default", **changes):
    return Value.of(store, iqm_conn_id, settings_of(**changes), LOG)


def test_other_tasks_find_a_value_until_it_expires(store, clock):
    assert value_of(store).load() is None
    value_of(store).save(CONTENT, 100)
    assert value_of(store).load() == CONTENT
    clock.now += 100
    assert value_of(store).load() is None


def test_values_are_encrypted_and_keys_contain_no_secrets(store, tmp_path):
    value_of(store).save(CONTENT, 100)
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(secret in stored for secret in (b"secret-token", b"a@b.c", b"iqm_default"))


@pytest.mark.parametrize(
    "changes",
    [{"iqm_conn_id": "other"}, {"password": "new"}, {"workspace_host": "x.y"}, {"login": "x@b.c"}, {"host": "x.com"}],
    ids=str,
)
def test_other_connections_do_not_find_the_value(store, changes):
    value_of(store).save(CONTENT, 100)
    assert value_of(store, **changes).load() is None


def test_a_value_copied_to_another_key_is_not_used(store):
    mine, other = value_of(store), value_of(store, "other")
    other.save(CONTENT, 100)
    store.put(mine._key, store.get(other._key), 100)
    assert mine.load() is None


@pytest.mark.parametrize("garbage", [b"garbage", b""])
def test_undecryptable_values_are_ignored(store, garbage):
    value = value_of(store)
    store.put(value._key, garbage, 100)
    assert value.load() is None


@pytest.mark.parametrize("key", ["", "no key"])
def test_without_a_key_nothing_is_shared(store, monkeypatch, key):
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", key)
    assert value_of(store) is None


def test_one_task_creates_the_value_for_all(store, monkeypatch):
    monkeypatch.setattr(shared_value, "LOCK_POLL_INTERVAL", 0.001)
    made = []

    def use():
        value = value_of(store)
        with value.lock():
            if value.load() is None:
                made.append(1)
                value.save(CONTENT, 100)

    threads = [threading.Thread(target=use) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert made == [1]


def test_a_lock_is_released_after_an_error(store):
    with pytest.raises(ZeroDivisionError), value_of(store).lock():
        raise ZeroDivisionError
    with value_of(store).lock():
        pass


def test_nobody_waits_forever(store, monkeypatch):
    monkeypatch.setattr(shared_value, "MAX_LOCK_WAIT", 0.01)
    monkeypatch.setattr(shared_value, "LOCK_POLL_INTERVAL", 0.001)
    monkeypatch.setattr(store, "add", lambda *_: False)
    with value_of(store).lock():
        pass


def test_a_task_keeps_the_lock_while_it_waits_for_the_rate_limit(store, clock, monkeypatch):
    monkeypatch.setattr(shared_value, "LOCK_TIMEOUT", 0.04)
    value, renewed, add = value_of(store), threading.Semaphore(0), store.add

    def add_and_tell(*arguments):
        added = add(*arguments)
        renewed.release()
        return added

    monkeypatch.setattr(store, "add", add_and_tell)
    with value.lock():
        assert renewed.acquire(timeout=10)
        for _ in range(3):
            # One may have begun before the clock went on.
            clock.now += 0.03
            assert renewed.acquire(timeout=10)
            assert renewed.acquire(timeout=10)
            assert not add(f"{value._key}-lock", b"another", 0.04)
    assert add(f"{value._key}-lock", b"another", 0.04)
    # Nothing renews it anymore.
    while renewed.acquire(blocking=False):
        pass
    assert not renewed.acquire(timeout=0.05)


def test_an_unavailable_store_only_costs_requests(store, monkeypatch, caplog):
    def fail(*_):
        raise SharedStateError("It is gone.")

    for operation in ("get", "put", "add", "remove"):
        monkeypatch.setattr(store, operation, fail)
    value = value_of(store)
    with value.lock():
        assert value.load() is None
        value.save(CONTENT, 100)
    # The others have the same cause.
    assert caplog.text.count("It is gone.") == 1


def test_an_account_is_that_of_host_client_user_and_workspace():
    keys = [
        account_key(settings_of(**changes))
        for changes in ({}, {"login": "x@b.c"}, {"workspace_host": "x.y"}, {"host": "x.com"})
    ]
    assert len(set(keys)) == 4
    assert account_key(settings_of(password="new", conn_id="other", login="A@b.c")) == keys[0]
