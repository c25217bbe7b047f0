"""The dialects of IQM's API, by the connection's ``api_version``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_iqm.api import classic, v3
from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.session.credentials import Credentials
from airflow_provider_iqm.api.session.login import Login, LoginCall

_DIALECTS: dict[str, tuple[Callable[[Login], Dialect], LoginCall]] = {
    "classic": (classic.Classic, classic.login_call),
    "v3": (v3.V3, v3.login_call),
}

API_VERSIONS = tuple(_DIALECTS)
"""The names; the first is the default."""


def create_dialect(api_version: str, credentials: Credentials, **options: Any) -> Dialect:
    """
    Create a dialect with its own login.

    :param api_version: The dialect's name.
    :param credentials: The credentials.
    :param options: The other arguments of :class:`~airflow_provider_iqm.api.session.login.Login`.
    """
    dialect, login_call = _DIALECTS[api_version]
    return dialect(Login(credentials, login_call, **options))
