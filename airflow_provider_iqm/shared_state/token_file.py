"""
The token that the tasks of one worker host share.

A log-in is one of the twenty requests that the account has in a minute, so a task takes over the token of the task
before.
"""

from __future__ import annotations

import time
from dataclasses import asdict

from airflow_provider_iqm.api.session.token import Token
from airflow_provider_iqm.shared_state.host_file import HostFile


class TokenFile(HostFile):
    """A connection's token, shared by the processes of a host."""

    CONTENT = "the token"

    def read(self) -> Token | None:
        """Return the token; ``None`` where there is none that can be used."""
        kept = self.load()
        if kept is None:
            return None
        try:
            expires_in = kept.pop("expires_at") - time.time()
            return Token(**kept, expires_in=expires_in)
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    def write(self, token: Token) -> None:
        """Keep a token for the tasks that follow."""
        kept = asdict(token)
        kept["expires_at"] = time.time() + kept.pop("expires_in")
        self.save(kept)
