"""Has secrets masked in Airflow's logs, from tasks and from event loops."""

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
        """Mask a secret; it may wait for the supervisor, which a thread may do and an event loop may not."""
        await asyncio.to_thread(mask_secret, secret, name)


def mask(secrets: Iterable[str]) -> None:
    """Have secrets masked."""
    for secret in secrets:
        mask_secret(secret)


async def mask_in_event_loop(secrets: Iterable[str]) -> None:
    """Have secrets masked, without blocking the event loop."""
    for secret in secrets:
        await amask_secret(secret)
