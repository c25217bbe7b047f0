"""How campaigns use the audiences of a replacement, and labels of audiences for messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from airflow_provider_iqm.api.campaigns import AudienceUse, Role
from airflow_provider_iqm.exceptions import AudienceNotFoundError

Uses = Mapping[int, AudienceUse]
"""Audience id → how campaigns use it; unknown audiences are missing."""


def roles_of(uses: Uses, *audience_ids: int) -> dict[int, frozenset[Role]]:
    """
    Return the roles of audiences in each campaign; empty if IQM doesn't report campaigns.

    :param uses: How campaigns use the audiences.
    :param audience_ids: The audiences.
    """
    roles: dict[int, frozenset[Role]] = {}
    for audience_id in audience_ids:
        campaigns = uses[audience_id].campaigns if audience_id in uses else None
        for campaign_id, more in (campaigns or {}).items():
            roles[campaign_id] = roles.get(campaign_id, frozenset()) | more
    return roles


def label(audience_ids: Sequence[int]) -> str:
    """
    Return a label of audiences, such as ``audiences 1, 2``.

    :param audience_ids: The audiences.
    """
    return f"audience{'s' if len(audience_ids) > 1 else ''} {listed(audience_ids)}"


def listed(ids: Iterable[int]) -> str:
    """
    Return ids as a comma-separated list.

    :param ids: The ids.
    """
    return ", ".join(map(str, ids))


def not_found(audience_id: int) -> AudienceNotFoundError:
    """
    Return the error for an audience that doesn't exist.

    :param audience_id: The audience.
    """
    return AudienceNotFoundError(
        f"IQM has no audience {audience_id}, so nothing was replaced. Check the ID, and that the audience belongs to "
        "the connection's workspace.",
        status=404,
    )
