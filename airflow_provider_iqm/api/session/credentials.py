"""The credentials of a login."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """
    The credentials of a login.

    :param email: The IQM user's email.
    :param password: The IQM user's password.
    :param client_id: The API client's id, issued by IQM on request.
    :param client_secret: The API client's secret.
    :param workspace_host: The workspace's host, such as ``app.iqm.com``; sent as ``X-IAA-HOST``.
    :param ow_id: The organization workspace id; overrides the one that the login returns.
    """

    email: str
    password: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    workspace_host: str
    ow_id: str = ""
