"""Access and refresh tokens."""

import uuid
from dataclasses import dataclass

from airflow_provider_iqm.sandbox.state.clock import Clock


@dataclass(frozen=True)
class TokenPair:
    """
    The tokens issued by a login or a renewal.

    :param access: the access token.
    :param refresh: the refresh token.
    :param expires_in: lifetime of the access token, in seconds.
    """

    access: str
    refresh: str
    expires_in: int


class TokenStore:
    """
    The valid tokens.

    :param clock: the sandbox's clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._expiry: dict[str, float] = {}
        self._access_of: dict[str, str] = {}

    def issue(self, expires_in: int) -> TokenPair:
        """
        Issue a new pair of tokens.

        :param expires_in: lifetime of the access token, in seconds.
        """
        pair = TokenPair(str(uuid.uuid4()), str(uuid.uuid4()), expires_in)
        self._expiry[pair.access] = self._clock.now() + expires_in
        self._access_of[pair.refresh] = pair.access
        return pair

    def accepts(self, access: str) -> bool:
        """
        Return whether an access token is known and has not expired.

        :param access: the token.
        """
        return self._clock.now() < self._expiry.get(access, float("-inf"))

    def renew(self, refresh: str, expires_in: int) -> TokenPair | None:
        """
        Exchange a refresh token, which can be used once, for a new pair; None if it is invalid.

        :param refresh: the refresh token.
        :param expires_in: lifetime of the new access token, in seconds.
        """
        # The old access token stays valid until it expires: other calls may be using it.
        return self.issue(expires_in) if self._access_of.pop(refresh, None) else None

    def revoke(self, access: str) -> None:
        """
        End a session.

        :param access: its access token; its refresh token is revoked as well.
        """
        self._expiry.pop(access, None)
        self._access_of = {refresh: of for refresh, of in self._access_of.items() if of != access}

    def expire(self, *, refresh_too: bool) -> None:
        """
        Expire all access tokens.

        :param refresh_too: whether to expire refresh tokens as well.
        """
        self._expiry.clear()
        if refresh_too:
            self._access_of.clear()
