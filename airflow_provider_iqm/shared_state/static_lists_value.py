"""The account's static lists that its tasks share for a day."""

from __future__ import annotations

import time
from typing import Any

from airflow_provider_iqm.api.static_list_cache import LIFE
from airflow_provider_iqm.shared_state.shared_value import SharedValue


class StaticListsValue(SharedValue):
    """Responses for a connection that don't change for a day."""

    CONTENT = "the account's static lists"

    def read(self, key: str) -> Any:
        """Return the response to a request; None if it isn't stored or is too old."""
        match (self.load() or {}).get(key):
            case {"at": int(at) | float(at), "answer": answer} if 0 <= time.time() - at < LIFE:
                return answer
        return None

    def write(self, key: str, answer: Any) -> None:
        """Store the response to a request."""
        self.save((self.load() or {}) | {key: {"at": time.time(), "answer": answer}}, LIFE)

    def forget(self) -> None:
        """Forget all responses."""
        self.save({}, LIFE)
