from __future__ import annotations

import asyncio
import importlib
import threading
from contextlib import suppress

import pytest

from airflow_provider_iqm.runtime import masking


@pytest.fixture
def masked(monkeypatch):
    """What Airflow is asked to mask, from a task and from an event loop."""
    found = []

    async def amask_secret(secret, name=None):
        found.append(secret)

    monkeypatch.setattr(masking, "mask_secret", found.append)
    monkeypatch.setattr(masking, "amask_secret", amask_secret)
    return found


def test_every_secret_is_masked(masked):
    masking.mask(iter(["password", "client secret"]))
    assert masked == ["password", "client secret"]


def test_every_secret_is_masked_in_an_event_loop(masked):
    asyncio.run(masking.mask_in_event_loop(iter(["password", "client secret"])))
    assert masked == ["password", "client secret"]


@pytest.mark.parametrize("secret", ["s3cret-of-a-test", "pässwörd with blanks"])
def test_secrets_are_masked_in_airflows_logs(secret):
    from airflow.providers.common.compat.sdk import mask_secret

    # Where the masker is depends on Airflow; that is why the package asks common.compat.
    module = importlib.import_module(mask_secret.__module__)
    if not hasattr(module, "redact"):
        module = pytest.importorskip("airflow.sdk._shared.secrets_masker")
    masking.mask([secret])
    assert secret not in str(module.redact(f"the header was {secret}"))


def test_an_older_airflow_masks_in_a_thread(monkeypatch):
    """Before Airflow 3.3.2, masking may wait for the supervisor, which would block the event loop."""
    with suppress(ImportError):
        monkeypatch.delattr("airflow.sdk.log.amask_secret", raising=False)
    older = importlib.reload(masking)
    threads = []
    try:
        monkeypatch.setattr(older, "mask_secret", lambda secret, name: threads.append(threading.current_thread()))
        asyncio.run(older.mask_in_event_loop(["password"]))
    finally:
        monkeypatch.undo()
        importlib.reload(masking)
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()
