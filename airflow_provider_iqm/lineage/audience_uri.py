"""The names by which lineage knows an audience."""

from __future__ import annotations

from urllib.parse import quote


def audience_namespace(workspace_host: str) -> str:
    """
    Return the namespace of a workspace's audiences.

    :param workspace_host: The workspace's host, without a scheme.
    """
    return f"iqm://{workspace_host}"


def audience_uri(workspace_host: str, audience_name: str) -> str:
    """
    Return the URI of an audience.

    :param workspace_host: The workspace's host, without a scheme.
    :param audience_name: The audience's name.
    """
    return f"{audience_namespace(workspace_host)}/{quote(audience_name, safe='')}"
