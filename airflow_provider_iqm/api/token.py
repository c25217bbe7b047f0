"""The token that a log-in gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

DEFAULT_EXPIRES_IN = 35_999
"""Seconds that a token is taken to live where the answer doesn't say: the value of every sample."""


@dataclass(frozen=True)
class Token:
    """
    A log-in's outcome.

    :param access_token: Goes into the bearer header of every call.
    :param refresh_token: Renews the token; empty where IQM gave none.
    :param ow_id: The organization workspace id, for the header ``X-IAA-OW-ID``; empty where IQM gave none.
    :param expires_in: Seconds from the log-in until the token is void.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    ow_id: str
    expires_in: float

    @classmethod
    def from_answer(cls, data: Mapping[str, Any]) -> Token:
        """
        Read the token object of a log-in or a renewal, with or without the ``data`` envelope around it.

        :raises ValueError: where the access token can't stand in a header.
        """
        token = data.get("data", data)
        access_token = str(token["access_token"])
        if not access_token.isprintable() or not access_token.isascii() or " " in access_token or not access_token:
            raise ValueError("the access token can't stand in a header")
        return cls(
            access_token=access_token,
            refresh_token=str(token.get("refresh_token") or ""),
            ow_id=str(token.get("owId") or ""),
            expires_in=float(token.get("expires_in") or DEFAULT_EXPIRES_IN),
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log may show."""
        return (self.access_token, self.refresh_token) if self.refresh_token else (self.access_token,)

    def following(self, old: Token) -> Token:
        """Return this token with what a renewal may leave out: the workspace, and the refresh token itself."""
        return replace(
            self,
            refresh_token=self.refresh_token or old.refresh_token,
            ow_id=self.ow_id or old.ow_id,
        )
