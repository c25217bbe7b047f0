"""The token that an account's tasks share, because each login counts against the account's rate limit."""

from __future__ import annotations

import time
from dataclasses import asdict

from airflow_provider_iqm.api.session.token import Token
from airflow_provider_iqm.shared_state.shared_value import SharedValue


class TokenValue(SharedValue):
    """A connection's token."""

    CONTENT = "the token"

    def read(self) -> Token | None:
        """Return the token; None if there isn't a valid one."""
        saved = self.load()
        if saved is None:
            return None
        try:
            expires_in = saved.pop("expires_at") - time.time()
            return Token(**saved, expires_in=expires_in)
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    def write(self, token: Token) -> None:
        """
        Store a token for other tasks.

        :param token: The token.
        """
        saved = asdict(token)
        saved["expires_at"] = time.time() + saved.pop("expires_in")
        self.save(saved, max(token.expires_in, 1.0))
