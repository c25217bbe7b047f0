"""The account's static lists, which its tasks share for a day."""

from __future__ import annotations

import time
from typing import Any

from airflow_provider_iqm.api.static_list_cache import LIFETIME
from airflow_provider_iqm.shared_state.shared_value import SharedValue


class StaticListsValue(SharedValue):
    """A connection's static lists, by request."""

    CONTENT = "the account's static lists"

    def read(self, key: str) -> Any:
        """Return a list; None if it isn't stored or has expired."""
        match (self.load() or {}).get(key):
            case {"at": int(at) | float(at), "answer": rows} if 0 <= time.time() - at < LIFETIME:
                return rows
        return None

    def write(self, key: str, rows: Any) -> None:
        """Store a list."""
        self.save((self.load() or {}) | {key: {"at": time.time(), "answer": rows}}, LIFETIME)

    def clear(self) -> None:
        """Remove all lists."""
        self.save({}, LIFETIME)
