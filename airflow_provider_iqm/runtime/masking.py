"""Masks secrets in Airflow's logs, in tasks and in event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import mask_secret

if TYPE_CHECKING:
    from pydantic import JsonValue

try:
    from airflow.sdk.log import amask_secret
except ImportError:  # before Airflow 3.3.2

    async def amask_secret(secret: JsonValue, name: str | None = None) -> None:
        """Mask a secret in a thread, because the supervisor may block."""
        await asyncio.to_thread(mask_secret, secret, name)


def mask(secrets: Iterable[str]) -> None:
    """Mask secrets."""
    for secret in secrets:
        mask_secret(secret)


async def mask_in_event_loop(secrets: Iterable[str]) -> None:
    """Mask secrets without blocking the event loop."""
    for secret in secrets:
        await amask_secret(secret)
