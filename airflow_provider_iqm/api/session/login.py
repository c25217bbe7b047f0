"""
Logs in before the first call, and renews the token before it expires or when IQM rejects it.

An exchange is a generator that yields the requests to send, receives the data of the responses (or the errors), and
returns the result. It sends nothing itself, so the sync and the async hook run the same exchanges (see
:mod:`airflow_provider_iqm.client.exchange_run`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from airflow_provider_iqm.api.answer import read_result
from airflow_provider_iqm.api.request import Call, Request, Result
from airflow_provider_iqm.api.session.credentials import Credentials
from airflow_provider_iqm.api.session.token import Token
from airflow_provider_iqm.api.session.token_request import renewal
from airflow_provider_iqm.api.static_list_cache import LocalStaticListCache, StaticListCache
from airflow_provider_iqm.exceptions import IQMApiError, IQMAuthenticationError

RENEWAL_LEAD = 300.0
"""Tokens are renewed this many seconds before they expire, or after half their lifetime if that is later."""

Exchange = Generator[Request, Any, Result]


LoginCall = Callable[[Credentials], Call[Token]]
"""Creates the call that logs in, which depends on the API version."""


class TokenStore(Protocol):
    """A token that several processes share."""

    def lock(self) -> AbstractContextManager[None]:
        """Keep other processes from logging in at the same time."""

    def read(self) -> Token | None:
        """Return the token, if there is one."""

    def write(self, token: Token) -> None:
        """Store a new token."""


class NoTokenStore:
    """No other process shares the token."""

    def lock(self) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()

    def read(self) -> Token | None:
        """Return None."""
        return None

    def write(self, token: Token) -> None:
        """Do nothing."""


class Login:
    """
    A login for any number of calls.

    :param credentials: The credentials.
    :param login_call: Creates the call that logs in.
    :param on_token: Called with each new token before it is used, to mask it in logs.
    :param clock: A monotonic clock, in seconds.
    :param shared: The token that several processes share.
    :param static_lists: The cache of static lists.
    """

    def __init__(
        self,
        credentials: Credentials,
        login_call: LoginCall,
        *,
        on_token: Callable[[Token], None],
        clock: Callable[[], float] = time.monotonic,
        shared: TokenStore | None = None,
        static_lists: StaticListCache | None = None,
    ) -> None:
        self.credentials = credentials
        self.static_lists = static_lists or LocalStaticListCache(clock)
        self._login_call = login_call
        self._shared = shared or NoTokenStore()
        self._on_token = on_token
        self._clock = clock
        self._token: Token | None = None
        self._renew_at = 0.0

    def call(self, call: Call[Result]) -> Exchange[Result]:
        """Return the exchange that makes a call, after a login if necessary."""
        token, is_new = (yield from self.token()), False
        while True:
            try:
                return (yield from self._send(call, token))
            except IQMAuthenticationError as error:
                # IQM does no work before a 401, so even an upload can be sent again.
                if error.status != 401 or is_new:
                    raise
            token, is_new = yield from self._replace(token)

    def token(self) -> Exchange[Token]:
        """Return the exchange that gets a valid token, with a login or a renewal if necessary."""
        if self._token is None:
            self._load_shared()
        if self._token and self._clock() < self._renew_at:
            return self._token
        # Other processes wait while the requests that this exchange yields are sent.
        with self._shared.lock():
            self._load_shared()
            if self._token and self._clock() < self._renew_at:
                return self._token
            return (yield from self._renew(self._token) if self._token else self._log_in())

    def _replace(self, refused: Token) -> Exchange[tuple[Token, bool]]:
        """Return the exchange that replaces a rejected token; the flag says whether the token was just issued."""
        if self._token is not refused:
            # A concurrent call has replaced it.
            return (yield from self.token()), False
        with self._shared.lock():
            if self._load_shared():
                return self._token, False
            return (yield from self._renew(refused)), True

    def _load_shared(self) -> bool:
        """Use the shared token if another process has replaced it, and return whether one has."""
        shared = self._shared.read()
        if shared is None or (self._token and self._token.access_token == shared.access_token):
            return False
        self._use(shared)
        return True

    def _send(self, call: Call[Result], token: Token) -> Exchange[Result]:
        headers = {"Authorization": f"Bearer {token.access_token}"}
        ow_id = self.credentials.ow_id or token.ow_id
        if ow_id:
            headers["X-IAA-OW-ID"] = ow_id
        try:
            data = yield call.request.with_headers(headers)
        except IQMApiError as error:
            if call.alternative is None or error.status not in (404, 405):
                raise
            return (yield from self._send(call.alternative, token))
        return read_result(call, data)

    def _log_in(self) -> Exchange[Token]:
        call = self._login_call(self.credentials)
        data = yield call.request
        return self._keep(read_result(call, data))

    def _renew(self, token: Token) -> Exchange[Token]:
        if not token.refresh_token:
            return (yield from self._log_in())
        call = renewal(self.credentials, token.refresh_token)
        try:
            data = yield call.request
            renewed = read_result(call, data).filled_from(token)
        except IQMApiError:
            return (yield from self._log_in())
        return self._keep(renewed)

    def _keep(self, token: Token) -> Token:
        self._use(token)
        self._shared.write(token)
        return token

    def _use(self, token: Token) -> None:
        self._on_token(token)
        self._token = token
        self._renew_at = self._clock() + token.expires_in - min(RENEWAL_LEAD, token.expires_in / 2)
