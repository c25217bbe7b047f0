"""The dialects of IQM's API, by the names that a connection gives them (``api_version``)."""

from __future__ import annotations

from typing import Any

from airflow_provider_iqm.api.classic import Classic
from airflow_provider_iqm.api.dialect import Dialect
from airflow_provider_iqm.api.session.credentials import Credentials
from airflow_provider_iqm.api.session.login import LogIn
from airflow_provider_iqm.api.v3 import V3

_DIALECTS: dict[str, type[Classic] | type[V3]] = {"classic": Classic, "v3": V3}

API_VERSIONS = tuple(_DIALECTS)
"""The names; the first is the default."""


def create_dialect(api_version: str, credentials: Credentials, **options: Any) -> Dialect:
    """
    Return a dialect with a log-in of its own.

    :param api_version: The dialect's name.
    :param credentials: Who logs in.
    :param options: The other arguments of :class:`~airflow_provider_iqm.api.session.login.LogIn`.
    """
    dialect = _DIALECTS[api_version]
    return dialect(LogIn(credentials, dialect, **options))
