"""The key of an IQM account's request ledger."""

from __future__ import annotations

import hashlib
import json

from airflow_provider_iqm.connection.settings import IQMConnection


def account_key(settings: IQMConnection) -> str:
    """
    Return the key of the account that a connection logs in to.

    It only depends on the host, the API client, the user and the workspace, not on the connection's id, the password or
    Airflow's Fernet key. So a script on another machine shares the ledger, too.

    :param settings: The connection's settings.
    """
    own = settings.credentials
    identity = [settings.base_url.casefold(), own.client_id, own.email.casefold(), own.workspace_host.casefold()]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()
