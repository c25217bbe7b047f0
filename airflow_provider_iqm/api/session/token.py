"""The token that a login returns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_iqm.api.request import fits_header

DEFAULT_EXPIRES_IN = 35_999
"""Seconds until a token expires if the response doesn't say so; all samples have this value."""


@dataclass(frozen=True)
class Token:
    """
    The result of a login.

    :param access_token: Sent as the bearer token of every call.
    :param refresh_token: Renews the token; empty if IQM returned none.
    :param ow_id: The organization workspace id, sent as ``X-IAA-OW-ID``; empty if IQM returned none.
    :param expires_in: Seconds from the login until the token expires.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    ow_id: str
    expires_in: float

    def __post_init__(self) -> None:
        """
        Check that the token can be sent in headers.

        :raises TypeError: A value has the wrong type.
        :raises ValueError: A value can't be in a header, or isn't a number of seconds.
        """
        if not self.access_token:
            raise ValueError("the access token is empty")
        for value in (self.access_token, self.ow_id):
            if not fits_header(value):
                raise ValueError("the token or the workspace can't be in a header")
        if not isinstance(self.refresh_token, str):
            raise TypeError("the refresh token isn't text")
        if not math.isfinite(self.expires_in):
            raise ValueError("the token's lifetime isn't a number of seconds")

    @classmethod
    def from_answer(cls, data: Mapping[str, Any]) -> Token:
        """
        Parse the token object of a login or a renewal, with or without the ``data`` envelope.

        :raises TypeError: A value has the wrong type.
        :raises ValueError: A value can't be in a header, or isn't a number of seconds.
        """
        token = data.get("data", data)
        ow_id = token.get("owId")
        if isinstance(ow_id, int) and not isinstance(ow_id, bool):
            ow_id = str(ow_id)
        return cls(
            access_token=token["access_token"],
            refresh_token=token.get("refresh_token") or "",
            ow_id=ow_id or "",
            expires_in=float(token.get("expires_in") or DEFAULT_EXPIRES_IN),
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values to mask in logs."""
        return (self.access_token, self.refresh_token) if self.refresh_token else (self.access_token,)

    def filled_from(self, old: Token) -> Token:
        """Return this token with the old one's workspace and refresh token if a renewal left them out."""
        return replace(
            self,
            refresh_token=self.refresh_token or old.refresh_token,
            ow_id=self.ow_id or old.ow_id,
        )
