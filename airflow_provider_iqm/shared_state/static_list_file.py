"""The account's static lists that the tasks of one worker host share, for a day."""

from __future__ import annotations

import time
from typing import Any

from airflow_provider_iqm.api.static_list_cache import LIFE
from airflow_provider_iqm.shared_state.host_file import HostFile


class RememberedFile(HostFile):
    """What IQM said of a connection's account, shared by the processes of a host."""

    CONTENT = "the account's static lists"

    def read(self, key: str) -> Any:
        """Return the answer to a request; ``None`` where none is remembered, or it is too old."""
        match (self.load() or {}).get(key):
            case {"at": int(at) | float(at), "answer": answer} if 0 <= time.time() - at < LIFE:
                return answer
        return None

    def write(self, key: str, answer: Any) -> None:
        """Remember an answer."""
        self.save((self.load() or {}) | {key: {"at": time.time(), "answer": answer}})

    def forget(self) -> None:
        """Forget all answers."""
        self.save({})
