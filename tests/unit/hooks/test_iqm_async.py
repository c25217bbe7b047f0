from __future__ import annotations

import asyncio
import logging

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_iqm.exceptions import (
    AudienceNotFoundError,
    IQMAuthenticationError,
    IQMConnectionError,
)
from airflow_provider_iqm.hooks.async_base import SETTINGS_LIFETIME
from airflow_provider_iqm.hooks.iqm import IQMAsyncHook, IQMHook

LOG_IN = "/api/v3/ua/login"
RENEW = "/api/v3/ua/oauth/token"
DETAILS = "/api/v2/audience/matched/*"


def test_both_hooks_have_the_same_messages(local_iqm, add_audience):
    audience_id = add_audience("A&B [x]")
    # The first time for each hook, so that both go on to the call's other form.
    local_iqm.add_fault("status", path="*/column-list", method="POST", status=405, times=2)

    async def ask():
        hook = IQMAsyncHook()
        return (
            await hook.get_matched_audience(audience_id),
            await hook.find_matched_audiences("A&B [x]"),
            await hook.get_column_list(),
        )

    sync = IQMHook()
    assert asyncio.run(ask()) == (
        sync.get_matched_audience(audience_id),
        sync.find_matched_audiences("A&B [x]"),
        sync.get_column_list(),
    )


def get(audience_id=1):
    return asyncio.run(IQMAsyncHook().get_matched_audience(audience_id))


def test_an_unknown_audience(local_iqm):
    with pytest.raises(AudienceNotFoundError) as raised:
        get(4711)
    assert isinstance(raised.value, AirflowFailException)


def test_a_missing_connection(monkeypatch):
    with pytest.raises(IQMConnectionError, match='Connection "missing"') as raised:
        asyncio.run(IQMAsyncHook("missing").get_matched_audience(1))
    assert isinstance(raised.value, AirflowFailException)


def test_a_corrected_connection_works_at_once(local_iqm, add_audience):
    audience_id = add_audience()
    local_iqm.connect(client_secret="wrong")

    async def ask():
        hook = IQMAsyncHook()
        with pytest.raises(IQMAuthenticationError):
            await hook.get_matched_audience(audience_id)
        local_iqm.connect()
        return await hook.get_matched_audience(audience_id)

    assert asyncio.run(ask())["id"] == audience_id


def test_a_changed_connection_is_reread(local_iqm, add_audience):
    audience_id = add_audience()
    now = [0.0]

    async def ask():
        hook = IQMAsyncHook()
        hook._clock = lambda: now[0]
        await hook.get_matched_audience(audience_id)
        now[0] += SETTINGS_LIFETIME
        await hook.get_matched_audience(audience_id)
        assert local_iqm.paths().count(LOG_IN) == 1
        local_iqm.connect(ow_id="200001")
        await hook.get_matched_audience(audience_id)
        assert local_iqm.paths().count(LOG_IN) == 1
        now[0] += SETTINGS_LIFETIME
        await hook.get_matched_audience(audience_id)
        assert local_iqm.paths().count(LOG_IN) == 2

    asyncio.run(ask())


def test_secrets_are_masked_and_not_logged(local_iqm, add_audience, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    masked = []

    async def amask_secret(secret, name=None):
        masked.append(secret)

    monkeypatch.setattr("airflow_provider_iqm.runtime.masking.amask_secret", amask_secret)
    local_iqm.add_fault("drop_before", path=DETAILS)
    get(add_audience())
    assert {"s3cret-of-the-client", "pässwörd:/ 1"} < set(masked)
    assert len(masked) == 5
    for secret in masked:
        assert secret not in caplog.text
