from __future__ import annotations

import traceback

import pytest
from airflow.providers.redis.hooks.redis import RedisHook
from redis.exceptions import RedisClusterException, ResponseError, SlotNotCoveredError

from airflow_provider_iqm.exceptions import SharedStateError
from airflow_provider_iqm.shared_state.ledger import RateLimit
from airflow_provider_iqm.shared_state.redis_store import RedisStore

LIMIT = RateLimit(3, 60)

OPERATIONS = [
    lambda store: store.ask("a", "x", LIMIT),
    lambda store: store.renew("a", "x", LIMIT),
    lambda store: store.end("a", "x", LIMIT),
    lambda store: store.get("k"),
    lambda store: store.put("k", b"", 1),
    lambda store: store.add("k", b"", 1),
    lambda store: store.remove("k", b""),
]

OLD_SERVER = "unknown command `HELLO`, with args beginning with: `3` `AUTH` `default` `s3cret`"


@pytest.mark.parametrize(
    "error",
    [
        RedisClusterException("Redis Cluster cannot be connected."),
        SlotNotCoveredError("The cluster is down."),
        ResponseError(OLD_SERVER),
        TypeError("a driver's own mistake"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_redis_errors_are_converted_and_have_no_password(monkeypatch, operation, error):
    def fail(hook):
        raise error

    monkeypatch.setattr(RedisHook, "get_conn", fail)
    message = rf'^Shared state in Redis \(connection "shared"\) is unavailable: {type(error).__name__}: '
    with pytest.raises(SharedStateError, match=message) as raised:
        operation(RedisStore("shared"))
    assert "s3cret" not in "".join(traceback.format_exception(raised.value))
